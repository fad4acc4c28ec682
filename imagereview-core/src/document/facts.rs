//! Checks over what only registries can tell of an image.

use std::{collections::BTreeSet, time::Duration};

use super::{
    check::{Asked, Finding},
    declaration::{self, IfUnavailable},
    problem::{Position, Problems},
    scope::{compiled, repositories},
};
#[cfg(feature = "cel")]
use crate::expression::{Expression, ImageFields, describe_facts};
use crate::{
    facts::{Cause, Fact, ImageDetails, ImageFacts, Need, Platform, PlatformFacts, Unavailable},
    language::{Language, Message},
    pattern::{MAX_VALUE_LEN, NamePattern, NameSet, Reading, RepositoryPattern, RepositorySet},
    quote::{Quoted, first_chars, one_line},
    reference::ImageRef,
    review::{Image, Review},
};

/// How a rule uses facts.
#[derive(Debug, Default)]
pub(super) struct FactSettings {
    if_unavailable: IfUnavailable,
    /// Whether a tag that may mean another image when it is pulled is good enough.
    takes_tags: bool,
    /// The platforms whose details count; all that the image has if empty.
    platforms: Vec<Platform>,
}

/// Checks over facts; compiled.
#[derive(Debug)]
pub(super) struct FactCheck {
    settings: FactSettings,
    conditions: Vec<Condition>,
}

#[derive(Debug)]
enum Condition {
    Platforms(Vec<Platform>),
    MediaTypes(Values),
    Details(DetailsCondition),
}

/// What must hold for each platform.
#[derive(Debug)]
enum DetailsCondition {
    MaxAge(Duration),
    MaxSize(u64),
    NonRoot,
    Labels(Vec<Entry>),
    Annotations(Vec<Entry>),
    Volumes(Values),
    ExposedPorts(Values),
    Entrypoint,
    NoForeignLayers,
    Base(Base),
}

/// A name, and what its value must match.
#[derive(Debug)]
struct Entry {
    name: Box<str>,
    pattern: NamePattern,
    set: NameSet,
}

/// Allowed and denied values.
#[derive(Debug)]
struct Values {
    allow: Option<NameSet>,
    deny: Option<NameSet>,
}

/// The image that an image was made from, as its annotations say.
///
/// Source: [OCI image specification, "Pre-Defined Annotation Keys"](https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys).
#[derive(Debug)]
struct Base {
    allow: Option<RepositorySet>,
    deny: Option<RepositorySet>,
    needs_digest: bool,
}

const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// A date that is further ahead than any clock is wrong would keep an image young for ever.
const MAX_AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// The most characters that are shown of why something is not known.
const MAX_WHY_CHARS: usize = 300;

/// The most platforms of an image that an expression is evaluated for.
#[cfg(feature = "cel")]
const MAX_PLATFORMS: usize = 16;

/// Why an image does not pass a condition.
#[derive(Clone, Debug)]
enum Trouble {
    /// It is known that it does not.
    Failed(Message, Option<Message>),
    /// It is not known whether it does.
    Unknown(Message),
}

fn message(english: String, chinese: String) -> Message {
    Message::from(english).with(Language::Chinese, chinese)
}

fn failed(english: String, chinese: String) -> Trouble {
    Trouble::Failed(message(english, chinese), None)
}

fn unknown(english: &str, chinese: &str) -> Trouble {
    Trouble::Unknown(message(
        format!("it can't be known: {english}"),
        format!("无法得知:{chinese}"),
    ))
}

fn unavailable(why: &Unavailable) -> Trouble {
    // A file of facts may say anything.
    let why = one_line(&first_chars(why.message(), MAX_WHY_CHARS));
    unknown(&why, &why)
}

impl FactSettings {
    pub(super) fn compile(declared: &declaration::Facts) -> Self {
        Self {
            if_unavailable: declared.if_unavailable.unwrap_or_default(),
            takes_tags: declared.tags == Some(declaration::FactTags::CheckOnly),
            platforms: platforms(declared.on_platforms.as_deref()),
        }
    }

    /// What is known of an image, or what is found without that.
    pub(super) fn known<'r>(
        &self,
        asked: &Asked<'r>,
        image: &Image<'_>,
    ) -> Result<&'r ImageFacts, Finding<'static>> {
        if let Some(finding) = self.without_facts(asked.review, image, asked.asks_of_unchanged) {
            return Err(finding);
        }
        let facts = asked.review.facts();
        match facts.and_then(|facts| facts.image(image.reference())) {
            Some(Fact::Known(facts)) => Ok(facts),
            Some(Fact::Absent) => Err(Finding::told(
                false,
                Message::new("its registry has no such image", "其镜像仓库中没有此镜像"),
            )),
            Some(Fact::Unavailable(why)) => Err(self.finding(unavailable(why))),
            None => {
                let why = Unavailable::new(Cause::NotAsked, "its registry was not asked");
                Err(self.finding(unknown(why.message(), "没有询问其镜像仓库")))
            }
        }
    }

    /// What is found where facts are not needed to find it.
    fn without_facts(
        &self,
        review: &Review<'_>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
    ) -> Option<Finding<'static>> {
        if image.is_unchanged() && !asks_of_unchanged {
            return Some(Finding::told(
                true,
                Message::new(
                    "it was there before the update, so its registry is not asked",
                    "更新前已有此镜像,不询问其镜像仓库",
                ),
            ));
        }
        // Of other objects than pods it is their pods whose images are pulled.
        let is_pulled = review
            .kind()
            .is_none_or(|kind| (kind.group(), kind.name()) == ("", "Pod"));
        if is_pulled && !self.takes_tags && image.reference().digest().is_none() {
            let reason = Message::new(
                "it has no digest, so what is known of it now may not be what is pulled",
                "没有摘要,现在得知的情况未必是将来拉取的镜像",
            );
            let remedy = Message::new(
                "add the digest, as in name:tag@sha256:…",
                "请加上摘要,如name:tag@sha256:…",
            );
            return Some(Finding::told(false, reason).with_remedy(remedy));
        }
        None
    }

    /// What is needed to know of an image for its details; `None` where nothing is.
    pub(super) fn need(
        &self,
        review: &Review<'_>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
    ) -> Option<Need> {
        if self
            .without_facts(review, image, asks_of_unchanged)
            .is_some()
        {
            return None;
        }
        Some(if self.platforms.is_empty() {
            Need::All
        } else {
            Need::Platforms(self.platforms.iter().cloned().collect())
        })
    }

    /// The details of an image that count.
    fn details<'f>(
        &self,
        facts: &'f ImageFacts,
    ) -> Result<Vec<(&'f PlatformFacts, &'f ImageDetails)>, Trouble> {
        let mut all = Vec::new();
        for platform in facts.platforms().iter().filter(|facts| self.counts(facts)) {
            match &platform.details {
                Some(Fact::Known(details)) => all.push((platform, details)),
                Some(Fact::Unavailable(why)) => return Err(unavailable(why)),
                Some(Fact::Absent) | None => {
                    return Err(unknown(
                        "its registry was not asked for all platforms",
                        "没有就所有平台询问其镜像仓库",
                    ));
                }
            }
        }
        if all.is_empty() {
            let names = listed(&self.platforms);
            return Err(match &facts.platforms {
                None => unknown(
                    "its registry was asked for its digest only",
                    "只向其镜像仓库询问了摘要",
                ),
                Some(_) if self.platforms.is_empty() => {
                    failed("it is for no platform".into(), "它不适用于任何平台".into())
                }
                Some(_) => failed(
                    format!("it is not there for {names}"),
                    format!("没有适用于{names}的镜像"),
                ),
            });
        }
        Ok(all)
    }

    fn counts(&self, facts: &PlatformFacts) -> bool {
        // One that is not said may be any.
        self.platforms.is_empty()
            || facts
                .platform
                .as_ref()
                .is_none_or(|platform| self.platforms.iter().any(|wanted| platform.is_of(wanted)))
    }

    /// The facts that an expression uses: once, or for each platform that counts. If one is not known,
    /// the expression is not evaluated at all, so that none is true because of what is missing.
    #[cfg(feature = "cel")]
    pub(super) fn fields(
        &self,
        expression: &Expression,
        asked: &Asked<'_>,
        image: &Image<'_>,
    ) -> Result<Vec<ImageFields>, Finding<'static>> {
        let facts = self.known(asked, image)?;
        let now = asked.review.time();
        let describe = |platform| describe_facts(expression.facts(), facts, platform, now);
        let all = if expression.is_about_platforms() {
            self.details(facts).and_then(|all| {
                if all.len() > MAX_PLATFORMS {
                    let (count, most) = (all.len(), MAX_PLATFORMS);
                    return Err(unknown(
                        &format!(
                            "the image is for {count} platforms, and expressions are for at most {most}; \
                             name some in onPlatforms"
                        ),
                        &format!("镜像适用于{count}个平台,表达式最多支持{most}个"),
                    ));
                }
                let described = all.into_iter().map(|one| describe(Some(one)).map_err(missing));
                described.collect()
            })
        } else {
            describe(None).map(|fields| vec![fields]).map_err(missing)
        };
        all.map_err(|trouble| self.finding(trouble))
    }

    fn finding(&self, trouble: Trouble) -> Finding<'static> {
        match (trouble, self.if_unavailable) {
            (Trouble::Failed(reason, remedy), _) => {
                let finding = Finding::told(false, reason);
                match remedy {
                    Some(remedy) => finding.with_remedy(remedy),
                    None => finding,
                }
            }
            (Trouble::Unknown(reason), IfUnavailable::Deny) => {
                Finding::told(false, reason).of_the_unknown()
            }
            (Trouble::Unknown(reason), IfUnavailable::Warn) => Finding::told(false, reason)
                .of_the_unknown()
                .at_most_warned(),
            (Trouble::Unknown(reason), IfUnavailable::Allow) => {
                Finding::told(true, reason).of_the_unknown()
            }
        }
    }
}

impl FactCheck {
    /// `None` where a problem was recorded, or where the document gives settings only.
    pub(super) fn compile(declared: declaration::Facts, problems: &mut Problems) -> Option<Self> {
        let settings = FactSettings::compile(&declared);
        let position = declared.position;
        let mut conditions = Vec::new();
        if let Some(declared) = declared.platforms {
            conditions.push(Condition::Platforms(platforms(Some(&declared.requires))));
        }
        if let Some(values) = declared.media_types {
            conditions.push(Condition::MediaTypes(Values::compile(values, problems)?));
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
            details.push(DetailsCondition::Base(Base::compile(base, problems)?));
        }
        conditions.extend(details.into_iter().map(Condition::Details));
        Some(Self {
            settings,
            conditions,
        })
    }

    /// Whether it has settings only.
    pub(super) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// What is needed to know of an image.
    pub(super) fn need(
        &self,
        review: &Review<'_>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
    ) -> Option<Need> {
        let all = self.settings.need(review, image, asks_of_unchanged)?;
        let mut need = Need::Digest;
        for condition in &self.conditions {
            need = need.and(match condition {
                Condition::Platforms(required) => {
                    Need::Platforms(required.iter().cloned().collect::<BTreeSet<_>>())
                }
                Condition::MediaTypes(_) | Condition::Details(_) => all.clone(),
            });
        }
        Some(need)
    }

    /// What each condition finds. What keeps all of them from being checked is found once.
    pub(super) fn judge(&self, asked: &Asked<'_>, image: &Image<'_>) -> Vec<Finding<'static>> {
        let facts = match self.settings.known(asked, image) {
            Ok(facts) => facts,
            Err(finding) => return vec![finding],
        };
        let mut findings = Vec::new();
        let mut details = None;
        for condition in &self.conditions {
            let found = match condition {
                Condition::Platforms(required) => has_platforms(facts, required),
                Condition::MediaTypes(values) => {
                    let media_type = facts.media_type.map(crate::facts::MediaType::as_str);
                    media_type_is_one_of(media_type, values, facts)
                }
                Condition::Details(condition) => {
                    let is_first = details.is_none();
                    match details.get_or_insert_with(|| self.settings.details(facts)) {
                        Ok(all) => all.iter().try_for_each(|(platform, details)| {
                            condition.holds(&Of {
                                review: asked.review,
                                facts,
                                platform: platform.platform.as_ref(),
                                details,
                            })
                        }),
                        Err(trouble) if is_first => Err(trouble.clone()),
                        Err(_) => continue,
                    }
                }
            };
            findings.push(match found {
                Ok(()) => Finding::told(true, condition.passed()),
                Err(trouble) => self.settings.finding(trouble),
            });
        }
        findings
    }
}

/// An image on one platform.
struct Of<'f> {
    review: &'f Review<'f>,
    facts: &'f ImageFacts,
    platform: Option<&'f Platform>,
    details: &'f ImageDetails,
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
    fn passed(&self) -> Message {
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
    fn passed(&self) -> Message {
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

    fn holds(&self, of: &Of<'_>) -> Result<(), Trouble> {
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
            let remedy = Message::new("use a newer image", "请使用较新的镜像");
            Err(match trouble {
                Trouble::Failed(reason, _) => Trouble::Failed(reason, Some(remedy)),
                other => other,
            })
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
    if hours >= 48 || hours % 24 == 0 {
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
    let remedy = Message::new(
        "set a numeric user other than 0 in the image",
        "请在镜像中设置非0的数字用户",
    );
    Err(match trouble {
        Trouble::Failed(reason, _) => Trouble::Failed(reason, Some(remedy)),
        other => other,
    })
}

fn has_platforms(facts: &ImageFacts, required: &[Platform]) -> Result<(), Trouble> {
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
    for platform in all().filter(|facts| facts.platform.is_none()) {
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

fn media_type_is_one_of(
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

impl Base {
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
        let is_admitted = ImageRef::parse(name).is_ok_and(|base| {
            !self
                .deny
                .as_ref()
                .is_some_and(|deny| deny.find(&base).is_some())
                && self
                    .allow
                    .as_ref()
                    .is_none_or(|allow| allow.find(&base).is_some())
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

#[cfg(feature = "cel")]
fn missing(field: &'static str) -> Trouble {
    unknown(
        &format!("the image does not say what image.{field} is"),
        &format!("镜像没有说明image.{field}"),
    )
}

fn platforms(declared: Option<&[declaration::PlatformName]>) -> Vec<Platform> {
    let declared = declared.into_iter().flatten();
    declared.map(|platform| platform.0.clone()).collect()
}

fn listed(platforms: &[Platform]) -> String {
    let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    names.join(", ")
}
