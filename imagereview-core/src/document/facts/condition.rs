//! What must hold of an image's facts.

use std::time::Duration;

use super::trouble::{Trouble, failed, unavailable, unknown};
use crate::{
    document::{
        declaration,
        price::{CONDITION, VALUE, VALUE_BYTES, VALUES},
        problem::{Position, Problems},
        scope::{compiled, repositories},
    },
    facts::{Fact, ImageDetails, ImageFacts, Platform},
    language::Message,
    pattern::{
        Lengths, MAX_VALUE_LEN, NamePattern, NameSet, Reading, RepositoryPattern, RepositorySet,
    },
    quote::Quoted,
    reference::ImageRef,
    review::Review,
};

#[derive(Debug)]
pub(super) enum Condition {
    Platforms(Vec<Platform>),
    MediaTypes(Box<Values>),
    Details(Box<DetailsCondition>),
}

/// What must hold for each platform.
#[derive(Debug)]
pub(super) enum DetailsCondition {
    MaxAge(Duration),
    MaxSize(u64),
    NonRoot,
    Labels(Vec<Entry>),
    Annotations(Vec<Entry>),
    Volumes(Values),
    ExposedPorts(Values),
    Entrypoint,
    NoForeignLayers,
    Base(Box<Base>),
}

/// A name, and what its value must match.
#[derive(Debug)]
pub(super) struct Entry {
    name: Box<str>,
    pattern: NamePattern,
    set: NameSet,
}

/// Allowed and denied values.
#[derive(Debug)]
pub(super) struct Values {
    allow: Option<NameSet>,
    deny: Option<NameSet>,
}

/// The image that an image was made from, as its annotations say.
///
/// Source: [OCI image specification, "Pre-Defined Annotation Keys"](https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys).
#[derive(Debug)]
pub(super) struct Base {
    allow: Option<RepositorySet>,
    deny: Option<RepositorySet>,
    needs_digest: bool,
}

const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// A date that is further ahead than any clock is wrong would keep an image young for ever.
const MAX_AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// An image on one platform.
pub(super) struct Of<'f> {
    pub(super) review: &'f Review<'f>,
    pub(super) facts: &'f ImageFacts,
    pub(super) platform: Option<&'f Platform>,
    pub(super) details: &'f ImageDetails,
}

impl Of<'_> {
    /// What fails, with the platform, and who says so.
    fn fails(&self, english: &str, chinese: &str) -> Trouble {
        let from = &self.facts.resolved_from;
        match self.platform {
            Some(platform) => failed(
                format!("{english} on {platform}, as {from} says"),
                format!("{from}称,在{platform}上{chinese}"),
            ),
            None => failed(
                format!("{english}, as {from} says"),
                format!("{from}称,{chinese}"),
            ),
        }
    }

    /// An annotation of the manifest, or else of the index.
    fn annotation(&self, name: &str) -> Option<&str> {
        let own = self.details.annotations.get(name);
        own.or_else(|| self.facts.annotations.get(name))
            .map(String::as_str)
    }
}

impl Condition {
    /// The steps for a platform of an image, at most; where its details are not known, only media types and
    /// platforms are looked at.
    pub(super) fn steps(&self, details: Option<&ImageDetails>) -> u64 {
        match (self, details) {
            (Self::Details(condition), Some(details)) => condition.steps(details),
            (Self::Details(_), None) => CONDITION,
            (Self::MediaTypes(values), _) => CONDITION.saturating_add(values.steps(VALUE_BYTES)),
            (Self::Platforms(platforms), _) => {
                CONDITION.saturating_add(VALUE.saturating_mul(platforms.len() as u64))
            }
        }
    }

    /// The same for an image of which much is known.
    pub(super) fn most_steps(&self) -> u64 {
        match self {
            Self::Details(condition) => condition.most_steps(),
            _ => self.steps(None),
        }
    }

    /// All that a document asks for. `None` where a problem was recorded.
    pub(super) fn compile_all(
        declared: declaration::Facts,
        problems: &mut Problems,
    ) -> Option<Vec<Self>> {
        let position = declared.position;
        let mut conditions = Vec::new();
        if let Some(declared) = declared.platforms {
            conditions.push(Condition::Platforms(platforms(Some(&declared.requires))));
        }
        if let Some(values) = declared.media_types {
            conditions.push(Condition::MediaTypes(Box::new(Values::compile(
                values, problems,
            )?)));
        }
        let mut details = Vec::new();
        if let Some(age) = declared.max_age {
            details.push(DetailsCondition::MaxAge(age.0));
        }
        if let Some(size) = declared.max_size {
            details.push(DetailsCondition::MaxSize(size.0));
        }
        if declared.non_root == Some(true) {
            details.push(DetailsCondition::NonRoot);
        }
        if let Some(labels) = declared.labels {
            let entries = Entry::compile(labels, position, problems)?;
            details.push(DetailsCondition::Labels(entries));
        }
        if let Some(annotations) = declared.annotations {
            let entries = Entry::compile(annotations, position, problems)?;
            details.push(DetailsCondition::Annotations(entries));
        }
        if let Some(values) = declared.volumes {
            details.push(DetailsCondition::Volumes(Values::compile(
                values, problems,
            )?));
        }
        if let Some(values) = declared.exposed_ports {
            details.push(DetailsCondition::ExposedPorts(Values::compile(
                values, problems,
            )?));
        }
        if declared.entrypoint.is_some() {
            details.push(DetailsCondition::Entrypoint);
        }
        if declared.foreign_layers.is_some() {
            details.push(DetailsCondition::NoForeignLayers);
        }
        if let Some(base) = declared.base_image {
            details.push(DetailsCondition::Base(Box::new(Base::compile(
                base, problems,
            )?)));
        }
        conditions.extend(
            details
                .into_iter()
                .map(|one| Condition::Details(Box::new(one))),
        );
        Some(conditions)
    }

    pub(super) fn passed(&self) -> Message {
        match self {
            Self::Platforms(_) => Message::new(
                "it is there for each platform that is required",
                "每个要求的平台都有此镜像",
            ),
            Self::MediaTypes(_) => Message::new("its media type is allowed", "其媒体类型符合要求"),
            Self::Details(condition) => condition.passed(),
        }
    }
}

impl DetailsCondition {
    pub(super) fn passed(&self) -> Message {
        match self {
            Self::MaxAge(_) => Message::new("it is not too old", "镜像不过旧"),
            Self::MaxSize(_) => Message::new("it is not too large", "镜像不过大"),
            Self::NonRoot => Message::new("its user is not root", "其用户不是root"),
            Self::Labels(_) => Message::new("it has the labels", "有所要求的标签(label)"),
            Self::Annotations(_) => {
                Message::new("it has the annotations", "有所要求的注解(annotation)")
            }
            Self::Volumes(_) => Message::new("its volumes are allowed", "其卷符合要求"),
            Self::ExposedPorts(_) => {
                Message::new("its exposed ports are allowed", "其暴露的端口符合要求")
            }
            Self::Entrypoint => Message::new("it has an entrypoint", "有entrypoint"),
            Self::NoForeignLayers => Message::new(
                "all its layers are in its registry",
                "所有层都在其镜像仓库中",
            ),
            Self::Base(_) => Message::new("its base image is allowed", "其基础镜像符合要求"),
        }
    }

    /// The steps to look at these details, at most.
    fn steps(&self, details: &ImageDetails) -> u64 {
        let steps = match self {
            Self::Labels(entries) | Self::Annotations(entries) => {
                return entries_steps(entries, MAX_VALUE_LEN as u64);
            }
            Self::Volumes(values) => values.steps_of(&details.volumes),
            Self::ExposedPorts(values) => values.steps_of(&details.exposed_ports),
            Self::Base(base) => base.steps(),
            Self::MaxAge(_)
            | Self::MaxSize(_)
            | Self::NonRoot
            | Self::Entrypoint
            | Self::NoForeignLayers => 0,
        };
        CONDITION.saturating_add(steps)
    }

    /// The same for details of which there are many.
    fn most_steps(&self) -> u64 {
        let steps = match self {
            Self::Labels(entries) | Self::Annotations(entries) => {
                return entries_steps(entries, VALUE_BYTES);
            }
            Self::Volumes(values) | Self::ExposedPorts(values) => {
                values.steps(VALUE_BYTES).saturating_mul(VALUES)
            }
            Self::Base(base) => base.steps(),
            Self::MaxAge(_)
            | Self::MaxSize(_)
            | Self::NonRoot
            | Self::Entrypoint
            | Self::NoForeignLayers => 0,
        };
        CONDITION.saturating_add(steps)
    }

    pub(super) fn holds(&self, of: &Of<'_>) -> Result<(), Trouble> {
        let details = of.details;
        match self {
            Self::MaxAge(most) => is_young(of, *most),
            Self::MaxSize(most) if details.size <= *most => Ok(()),
            Self::MaxSize(most) => {
                let size = details.size;
                Err(of.fails(
                    &format!("its size is {size} bytes, and may be {most},"),
                    &format!("大小为{size}字节,最多允许{most}"),
                ))
            }
            Self::NonRoot => is_non_root(of),
            Self::Labels(entries) => entries.iter().try_for_each(|entry| {
                let value = details.labels.get(&*entry.name).map(String::as_str);
                entry.matches(value, "label", "标签(label)", of)
            }),
            Self::Annotations(entries) => entries.iter().try_for_each(|entry| {
                let value = of.annotation(&entry.name);
                entry.matches(value, "annotation", "注解(annotation)", of)
            }),
            Self::Volumes(values) => values.admit_all(&details.volumes, "volume", "卷", of),
            Self::ExposedPorts(values) => {
                values.admit_all(&details.exposed_ports, "exposed port", "暴露的端口", of)
            }
            Self::Entrypoint if details.entrypoint.is_empty() => {
                Err(of.fails("it has no entrypoint", "没有entrypoint"))
            }
            Self::NoForeignLayers if details.has_foreign_layers => Err(of.fails(
                "it has layers that are fetched from elsewhere",
                "有从别处获取的层",
            )),
            Self::Entrypoint | Self::NoForeignLayers => Ok(()),
            Self::Base(base) => base.admits(of),
        }
    }
}

fn is_young(of: &Of<'_>, most: Duration) -> Result<(), Trouble> {
    let Some(created) = of.details.created else {
        return Err(unknown(
            "the image does not say when it was created",
            "镜像没有说明创建时间",
        ));
    };
    let Some(now) = of.review.time() else {
        return Err(unknown("the review has no time", "审查没有时间"));
    };
    match now.duration_since(created) {
        Ok(age) if age <= most => Ok(()),
        Ok(age) => {
            let (days, most) = (in_days(age), in_days(most));
            let trouble = of.fails(
                &format!("it was created {days} ago, and may be {most} old,"),
                &format!("创建于{days}前,最多允许{most}"),
            );
            Err(trouble.with_remedy(Message::new("use a newer image", "请使用较新的镜像")))
        }
        Err(ahead) if ahead.duration() <= MAX_AHEAD => Ok(()),
        Err(_) => Err(unknown(
            "the image says that it is from the future",
            "镜像称其来自未来",
        )),
    }
}

/// A time in the largest unit in which it is a whole number, of hours at most.
fn in_days(time: Duration) -> String {
    let hours = time.as_secs() / (60 * 60);
    if hours >= 48 || hours.is_multiple_of(24) {
        format!("{}d", hours / 24)
    } else {
        format!("{hours}h")
    }
}

/// As the kubelet reads `runAsNonRoot`: a name may be root's, so only a number is known not to be.
///
/// Source: `verifyRunAsNonRoot` of `k8s.io/kubernetes/pkg/kubelet/kuberuntime`.
fn is_non_root(of: &Of<'_>) -> Result<(), Trouble> {
    let user = of.details.user.split(':').next().unwrap_or_default();
    let is_number = !user.is_empty() && user.bytes().all(|b| b.is_ascii_digit());
    let (english, chinese) = if user.is_empty() {
        (
            "its user is root (none is set)".to_owned(),
            "用户是root(没有设置)".to_owned(),
        )
    } else if user == "root" || (is_number && user.bytes().all(|b| b == b'0')) {
        ("its user is root".to_owned(), "用户是root".to_owned())
    } else if !is_number {
        let user = Quoted(user);
        (
            format!("its user is the name {user}, which may be root's,"),
            format!("用户是名称{user},可能就是root"),
        )
    } else {
        return Ok(());
    };
    let trouble = of.fails(&english, &chinese);
    Err(trouble.with_remedy(Message::new(
        "set a numeric user other than 0 in the image",
        "请在镜像中设置非0的数字用户",
    )))
}

pub(super) fn has_platforms(facts: &ImageFacts, required: &[Platform]) -> Result<(), Trouble> {
    let all = || facts.platforms().iter();
    let is_there = |wanted: &&Platform| {
        let mut known = all().filter_map(|facts| facts.platform.as_ref());
        known.any(|platform| platform.is_of(wanted))
    };
    let missing: Vec<Platform> = required
        .iter()
        .filter(|one| !is_there(one))
        .cloned()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if let Some(platform) = all().find(|facts| facts.platform.is_none()) {
        return Err(match &platform.details {
            Some(Fact::Unavailable(why)) => unavailable(why),
            _ => unknown(
                "the image does not say for which platform it is",
                "镜像没有说明适用的平台",
            ),
        });
    }
    if facts.platforms.is_none() {
        return Err(unknown(
            "its registry was asked for its digest only",
            "只向其镜像仓库询问了摘要",
        ));
    }
    let (missing, from) = (listed(&missing), &facts.resolved_from);
    Err(failed(
        format!("it is not there for {missing}, as {from} says"),
        format!("{from}称,没有适用于{missing}的镜像"),
    ))
}

pub(super) fn has_media_type(
    media_type: Option<&str>,
    values: &Values,
    facts: &ImageFacts,
) -> Result<(), Trouble> {
    let Some(media_type) = media_type else {
        return Err(unknown(
            "its registry was asked for its digest only",
            "只向其镜像仓库询问了摘要",
        ));
    };
    if values.admits(media_type) {
        return Ok(());
    }
    let from = &facts.resolved_from;
    Err(failed(
        format!("its media type {media_type} is not allowed, as {from} says"),
        format!("{from}称,其媒体类型为{media_type},不在允许之列"),
    ))
}

impl Entry {
    fn compile<K: AsRef<str>>(
        declared: impl IntoIterator<Item = (K, NamePattern)>,
        position: Position,
        problems: &mut Problems,
    ) -> Option<Vec<Self>> {
        let mut entries = Vec::new();
        for (name, pattern) in declared {
            let set = NameSet::new(std::slice::from_ref(&pattern));
            entries.push(Self {
                set: compiled(Some(set), position, problems).ok()??,
                name: name.as_ref().into(),
                pattern,
            });
        }
        Some(entries)
    }

    fn matches(
        &self,
        value: Option<&str>,
        english: &str,
        chinese: &str,
        of: &Of<'_>,
    ) -> Result<(), Trouble> {
        let name = &self.name;
        let Some(value) = value else {
            return Err(of.fails(
                &format!("it has no {english} \"{name}\""),
                &format!("没有{chinese}\"{name}\""),
            ));
        };
        if value.len() <= MAX_VALUE_LEN && self.set.matches(value) {
            return Ok(());
        }
        let (value, pattern) = (Quoted(value), self.pattern.as_str());
        Err(of.fails(
            &format!("its {english} \"{name}\" is {value}, which is not \"{pattern}\","),
            &format!("{chinese}\"{name}\"为{value},不符合\"{pattern}\""),
        ))
    }
}

impl Values {
    fn compile(declared: declaration::Values, problems: &mut Problems) -> Option<Self> {
        let position = declared.position;
        if declared.allow.is_none() && declared.deny.is_none() {
            problems.add(position, "this has no checks; give \"allow\" or \"deny\"");
            return None;
        }
        let set = |list: Option<Vec<NamePattern>>| list.map(|list| NameSet::new(&list));
        Some(Self {
            allow: compiled(set(declared.allow), position, problems).ok()?,
            deny: compiled(set(declared.deny), position, problems).ok()?,
        })
    }

    /// The steps for a value of so many bytes.
    fn steps(&self, bytes: u64) -> u64 {
        let sets = self.allow.iter().chain(&self.deny);
        let steps = sets.map(|set| set.price().of(bytes.min(MAX_VALUE_LEN as u64)));
        steps.fold(VALUE, u64::saturating_add)
    }

    fn steps_of(&self, values: &[String]) -> u64 {
        let steps = values.iter().map(|value| self.steps(value.len() as u64));
        steps.fold(0, u64::saturating_add)
    }

    /// What is too long to be compared is not admitted.
    fn admits(&self, value: &str) -> bool {
        value.len() <= MAX_VALUE_LEN
            && !self.deny.as_ref().is_some_and(|deny| deny.matches(value))
            && self.allow.as_ref().is_none_or(|allow| allow.matches(value))
    }

    fn admit_all(
        &self,
        values: &[String],
        english: &str,
        chinese: &str,
        of: &Of<'_>,
    ) -> Result<(), Trouble> {
        match values.iter().find(|value| !self.admits(value)) {
            None => Ok(()),
            Some(value) => {
                let value = Quoted(value);
                Err(of.fails(
                    &format!("its {english} {value} is not allowed"),
                    &format!("{chinese}{value}不在允许之列"),
                ))
            }
        }
    }
}

/// The steps for values of so many bytes.
fn entries_steps(entries: &[Entry], bytes: u64) -> u64 {
    let steps = entries.iter().map(|entry| entry.set.price().of(bytes));
    steps.fold(CONDITION, |sum, steps| {
        sum.saturating_add(VALUE).saturating_add(steps)
    })
}

impl Base {
    /// The steps for a base image of any name.
    fn steps(&self) -> u64 {
        let sets = self.allow.iter().chain(&self.deny);
        let steps = sets.map(|set| set.steps(Lengths::LONGEST));
        steps.fold(0, u64::saturating_add)
    }

    fn compile(declared: declaration::BaseImage, problems: &mut Problems) -> Option<Self> {
        let position = declared.position;
        let needs_digest = declared.digest == Some(declaration::Presence::Required);
        if declared.allow.is_none() && declared.deny.is_none() && !needs_digest {
            problems.add(
                position,
                "this has no checks; give \"allow\", \"deny\" or \"digest: required\"",
            );
            return None;
        }
        let set = |list: Option<Vec<RepositoryPattern>>, reading| {
            list.map(|list| repositories(list, reading))
        };
        let allow = compiled(set(declared.allow, Reading::Strict), position, problems);
        let deny = compiled(set(declared.deny, Reading::Wide), position, problems);
        Some(Self {
            allow: allow.ok()?,
            deny: deny.ok()?,
            needs_digest,
        })
    }

    fn admits(&self, of: &Of<'_>) -> Result<(), Trouble> {
        if self.needs_digest && of.annotation(BASE_DIGEST).is_none_or(str::is_empty) {
            return Err(of.fails(
                &format!("it has no annotation \"{BASE_DIGEST}\""),
                &format!("没有注解(annotation)\"{BASE_DIGEST}\""),
            ));
        }
        if self.allow.is_none() && self.deny.is_none() {
            return Ok(());
        }
        let Some(name) = of.annotation(BASE_NAME).filter(|name| !name.is_empty()) else {
            return Err(of.fails(
                &format!("it has no annotation \"{BASE_NAME}\""),
                &format!("没有注解(annotation)\"{BASE_NAME}\""),
            ));
        };
        let is_one_of = |set: &RepositorySet, base: &ImageRef<'_>| set.find(base).is_some();
        let is_admitted = ImageRef::parse(name).is_ok_and(|base| {
            let is_denied = self
                .deny
                .as_ref()
                .is_some_and(|deny| is_one_of(deny, &base));
            let allow = self.allow.as_ref();
            !is_denied && allow.is_none_or(|allow| is_one_of(allow, &base))
        });
        if is_admitted {
            return Ok(());
        }
        let name = Quoted(name);
        Err(of.fails(
            &format!("its base image {name} is not allowed"),
            &format!("其基础镜像{name}不在允许之列"),
        ))
    }
}

pub(super) fn platforms(declared: Option<&[declaration::PlatformName]>) -> Vec<Platform> {
    let declared = declared.into_iter().flatten();
    declared.map(|platform| platform.0.clone()).collect()
}

pub(super) fn listed(platforms: &[Platform]) -> String {
    let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    names.join(", ")
}
