//! The checks of a rule.

use std::time::Duration;

#[cfg(feature = "cel")]
use super::facts::FactSettings;
use super::{
    asked::Asked,
    declaration::{self, Pinned},
    explanation::Branch,
    facts::{FactCheck, FactFinding},
    price::{CHECK, TooManySteps, lengths},
    problem::Problems,
    scope::{compiled, repositories},
    signed::StatementCheck,
};
#[cfg(feature = "cel")]
use crate::{
    expression::{Expression, ImageFields, Images},
    facts::Need,
};
use crate::{
    facts::Needs,
    language::{Language, Message},
    limits::ENTRIES_LIMIT,
    object::PullPolicy,
    pattern::{
        Lengths, Reading, RegexBudget, RepositoryPattern, RepositorySet, TagPattern, TagSet,
    },
    policy::Mode,
    quote::{Cut, first_chars},
    reference::{DEFAULT_TAG, DigestAlgorithm, ImageRef},
    review::{Image, Review},
};

/// One check of a rule; compiled.
#[derive(Debug)]
pub(super) enum Check {
    Tags(Tags),
    Digest(Digest),
    Registries(AllowDeny),
    Repositories(AllowDeny),
    MaxImages(usize),
    PullPolicies(Vec<PullPolicy>),
    Facts(FactCheck),
    Statements(Box<StatementCheck>),
    #[cfg(feature = "cel")]
    Expression(Expression, FactSettings),
}

/// What a check found: whether the image passes, and why.
#[derive(Debug)]
pub(super) struct Finding<'c> {
    pub(super) passed: bool,
    /// Whether an unchanged image would pass, were it not for the new ones.
    pub(super) caused_by_update: bool,
    /// The cap of its violation.
    pub(super) mode: Mode,
    /// Whether something could not be known. A message of the rule's own would say otherwise.
    pub(super) is_of_the_unknown: bool,
    cause: Cause<'c>,
}

#[derive(Debug)]
enum Cause<'c> {
    PinnedByDigest,
    NoTagBesideDigest,
    TagMissing,
    Tag(TagCause<'c>),
    DigestMissing,
    DigestNotNeeded,
    DigestGood,
    DigestAlgorithm(&'c [DigestAlgorithm]),
    Allowed(What, &'c RepositoryPattern),
    NotAllowed(What, &'c RepositorySet),
    Denied(What, &'c RepositoryPattern),
    NotDenied(What),
    /// What facts are about has its own words.
    Told {
        reason: Message,
        remedy: Option<Message>,
        branches: Box<[Branch]>,
    },
    PullPolicy,
    OtherPullPolicy {
        /// `None` where it is not known.
        found: Option<String>,
        allowed: &'c [PullPolicy],
    },
    ImageCount {
        images: usize,
        max: usize,
    },
    #[cfg(feature = "cel")]
    Expression(Result<bool, String>),
    TooManySteps(TooManySteps),
}

/// What was found of the tag that counts.
#[derive(Debug)]
enum TagCause<'c> {
    Allowed(&'c TagPattern),
    NotAllowed(&'c TagSet),
    Denied(&'c TagPattern),
    NotDenied,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Registry,
    Repository,
}

impl<'c> Finding<'c> {
    fn pass(cause: Cause<'c>) -> Self {
        Self {
            passed: true,
            caused_by_update: false,
            mode: Mode::Enforce,
            is_of_the_unknown: false,
            cause,
        }
    }

    fn fail(cause: Cause<'c>) -> Self {
        Self {
            passed: false,
            ..Self::pass(cause)
        }
    }
}

impl From<FactFinding> for Finding<'_> {
    fn from(found: FactFinding) -> Self {
        let FactFinding {
            passed,
            reason,
            remedy,
            mode,
            is_of_the_unknown,
            branches,
        } = found;
        Self {
            passed,
            mode,
            is_of_the_unknown,
            ..Self::pass(Cause::Told {
                reason,
                remedy,
                branches,
            })
        }
    }
}

impl Check {
    pub(super) fn counts_images(&self) -> bool {
        matches!(self, Self::MaxImages(_))
    }

    /// Whether what it takes grows faster than the names of images.
    pub(super) fn is_expression(&self) -> bool {
        match self {
            Self::Statements(check) => check.is_about_content(),
            #[cfg(feature = "cel")]
            Self::Expression(..) => true,
            _ => false,
        }
    }

    /// The steps for an image at most, without those of an expression, which has some for each review.
    fn steps(&self, lengths: Lengths) -> u64 {
        let steps = match self {
            Self::Tags(tags) => tags.steps(lengths),
            Self::Registries(lists) | Self::Repositories(lists) => lists.steps(lengths),
            Self::Digest(_) | Self::MaxImages(_) | Self::PullPolicies(_) => 0,
            // They depend on what is known of the image.
            Self::Facts(_) => 0,
            Self::Statements(check) => check.steps(),
            #[cfg(feature = "cel")]
            Self::Expression(..) => 0,
        };
        steps.saturating_add(CHECK)
    }

    /// The steps for the largest review, at most.
    pub(super) fn most_steps(&self) -> u64 {
        let images = ENTRIES_LIMIT as u64;
        let steps = self.steps(Lengths::LONGEST).saturating_mul(images);
        match self {
            #[cfg(feature = "cel")]
            Self::Expression(expression, _) => steps.saturating_add(expression.most_steps()),
            #[cfg(feature = "cel")]
            Self::Statements(check) => steps.saturating_add(check.expression_steps()),
            Self::Facts(facts) => steps.saturating_add(facts.most_steps().saturating_mul(images)),
            _ => steps,
        }
    }

    /// The memory to decide the largest review, at most.
    pub(super) fn most_bytes(&self) -> u64 {
        match self {
            #[cfg(feature = "cel")]
            Self::Expression(expression, _) => expression.most_bytes(),
            #[cfg(feature = "cel")]
            Self::Statements(check) => check.expression_bytes(),
            _ => 0,
        }
    }

    /// Whether it is about what only registries can tell.
    pub(super) fn uses_facts(&self) -> bool {
        match self {
            Self::Facts(_) => true,
            Self::Statements(check) => check.uses_facts(),
            #[cfg(feature = "cel")]
            Self::Expression(expression, _) => !expression.facts().is_empty(),
            _ => false,
        }
    }

    /// The check of statements, if it is one.
    pub(super) fn statements(&self) -> Option<&StatementCheck> {
        match self {
            Self::Statements(check) => Some(check),
            _ => None,
        }
    }

    /// Adds what is needed to know of an image.
    pub(super) fn needs(
        &self,
        review: &Review<'_>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
        needs: &mut Needs,
    ) {
        let need = match self {
            Self::Facts(facts) => facts.need(review, image, asks_of_unchanged),
            Self::Statements(check) => {
                check.needs(review, image, asks_of_unchanged, needs);
                None
            }
            #[cfg(feature = "cel")]
            Self::Expression(expression, settings) if !expression.facts().is_empty() => {
                let need = settings.need(review, image, asks_of_unchanged);
                need.map(|need| {
                    if expression.needs_only_digest() {
                        Need::Digest
                    } else {
                        need
                    }
                })
            }
            _ => None,
        };
        if let Some(need) = need {
            needs.add_stale(image.reference(), need, self.stale_for());
        }
    }

    /// For how long an older answer of a registry is good enough.
    fn stale_for(&self) -> Duration {
        match self {
            Self::Facts(facts) => facts.stale_for(),
            #[cfg(feature = "cel")]
            Self::Expression(_, settings) => settings.stale_for(),
            _ => Duration::ZERO,
        }
    }

    /// What the check finds: one thing, but for facts.
    pub(super) fn findings(
        &self,
        asked: &Asked<'_>,
        image: &Image<'_>,
    ) -> impl Iterator<Item = Finding<'_>> {
        let of_facts = match self {
            Self::Facts(facts) => facts.steps(asked.review, image),
            _ => 0,
        };
        let steps = self.steps(lengths(image)).saturating_add(of_facts);
        let steps = asked.take_steps(steps);
        let several = match self {
            _ if steps.is_err() => Vec::new(),
            Self::Facts(facts) => facts.judge(asked.review, image, asked.asks_of_unchanged),
            // An empty list takes no memory.
            _ => Vec::new(),
        };
        let several = several.into_iter().map(Finding::from);
        let one = match steps {
            Ok(()) => self.finding(asked, image),
            Err(error) => Some(Finding::fail(Cause::TooManySteps(error))),
        };
        one.into_iter().chain(several)
    }

    /// What a check finds that finds one thing.
    fn finding(&self, asked: &Asked<'_>, image: &Image<'_>) -> Option<Finding<'_>> {
        let reference = image.reference();
        Some(match self {
            Self::Facts(_) => return None,
            Self::Statements(check) => check.judge(asked, image).into(),
            Self::Tags(tags) => tags.judge(reference),
            Self::Digest(digest) => digest.judge(reference),
            Self::Registries(lists) => lists.judge(What::Registry, reference),
            Self::Repositories(lists) => lists.judge(What::Repository, reference),
            Self::PullPolicies(allowed) => match image.pull_policy() {
                Some(policy) if allowed.iter().any(|allowed| allowed.as_str() == policy) => {
                    Finding::pass(Cause::PullPolicy)
                }
                found => Finding::fail(Cause::OtherPullPolicy {
                    found: found.map(|found| Cut(found).to_string()),
                    allowed,
                }),
            },
            Self::MaxImages(max) => {
                let review = asked.review;
                let images = review.images().len() + review.unreadable_images().len();
                let cause = Cause::ImageCount { images, max: *max };
                // Whether it counts is found out of each image once.
                let scopes = asked.scopes().iter();
                let steps = scopes.map(|scope| scope.image_steps(lengths(image)));
                if let Err(error) = asked.take_steps(steps.fold(0, u64::saturating_add)) {
                    return Some(Finding::fail(Cause::TooManySteps(error)));
                }
                if images <= *max || asked.rank(image) < *max {
                    Finding::pass(cause)
                } else {
                    Finding::fail(cause)
                }
            }
            #[cfg(feature = "cel")]
            Self::Expression(expression, settings) => {
                let facts = if expression.facts().is_empty() {
                    vec![ImageFields::new()]
                } else {
                    match settings.fields(expression, asked.review, image, asked.asks_of_unchanged)
                    {
                        Ok(facts) => facts,
                        Err(finding) => return Some(finding.into()),
                    }
                };
                // It must be true for each platform.
                let evaluate = |images| {
                    let results = facts
                        .iter()
                        .map(|facts| asked.evaluate(expression, images, image, facts));
                    let mut failed = results.filter(|result| *result != Ok(true));
                    failed.next().unwrap_or(Ok(true))
                };
                let result = evaluate(Images::All);
                let passed = result == Ok(true);
                let caused_by_update = !passed
                    && image.is_unchanged()
                    && asked.has_new_images()
                    && evaluate(Images::Unchanged) == Ok(true);
                Finding {
                    passed,
                    caused_by_update,
                    ..Finding::pass(Cause::Expression(result))
                }
            }
        })
    }
}

#[derive(Debug)]
pub(super) struct Tags {
    allow: Option<TagSet>,
    deny: Option<TagSet>,
    /// Whether a missing tag passes or fails for that alone.
    missing: Option<bool>,
    check_pinned: bool,
}

impl Tags {
    pub(super) fn compile(
        declared: declaration::Tags,
        regexes: &mut RegexBudget,
        problems: &mut Problems,
    ) -> Option<Check> {
        let position = declared.position;
        let missing = declared.missing.as_ref();
        if declared.allow.is_none()
            && declared.deny.is_none()
            && missing.is_none_or(|missing| *missing == declaration::Verdict::Allow)
        {
            problems.add(
                position,
                match missing {
                    None => "tags has no checks; give \"allow\", \"deny\" or \"missing\"",
                    Some(_) => "a missing tag is allowed unless \"allow\" or \"deny\" says otherwise; give one",
                },
            );
            return None;
        }
        let mut set = |list: Option<Vec<TagPattern>>, reading| {
            list.map(|list| TagSet::new(list, reading, regexes))
        };
        let allow = compiled(set(declared.allow, Reading::Strict), position, problems);
        let deny = compiled(set(declared.deny, Reading::Wide), position, problems);
        Some(Check::Tags(Self {
            allow: allow.ok()?,
            deny: deny.ok()?,
            missing: declared
                .missing
                .map(|missing| missing == declaration::Verdict::Allow),
            check_pinned: declared.pinned == Some(Pinned::Check),
        }))
    }

    fn steps(&self, lengths: Lengths) -> u64 {
        let sets = self.allow.iter().chain(&self.deny);
        let steps = sets.map(|set| set.price().of(lengths.tag.max(DEFAULT_TAG.len() as u64)));
        steps.fold(0, u64::saturating_add)
    }

    fn judge(&self, reference: &ImageRef<'_>) -> Finding<'_> {
        let tag = match (reference.digest(), reference.tag()) {
            (Some(_), _) if !self.check_pinned => return Finding::pass(Cause::PinnedByDigest),
            // Nothing is implied beside a digest, so there is nothing to deny; nor anything to allow.
            (Some(_), None) if self.allow.is_some() => {
                return Finding::fail(Cause::NoTagBesideDigest);
            }
            (Some(_), None) => return Finding::pass(Cause::NoTagBesideDigest),
            (None, None) => match self.missing {
                Some(true) => return Finding::pass(Cause::TagMissing),
                Some(false) => return Finding::fail(Cause::TagMissing),
                None => DEFAULT_TAG,
            },
            (_, Some(tag)) => tag,
        };
        if let Some(pattern) = self.deny.as_ref().and_then(|deny| deny.find(tag)) {
            return Finding::fail(Cause::Tag(TagCause::Denied(pattern)));
        }
        match &self.allow {
            None => Finding::pass(Cause::Tag(TagCause::NotDenied)),
            Some(allow) => match allow.find(tag) {
                Some(pattern) => Finding::pass(Cause::Tag(TagCause::Allowed(pattern))),
                None => Finding::fail(Cause::Tag(TagCause::NotAllowed(allow))),
            },
        }
    }
}

#[derive(Debug)]
pub(super) struct Digest {
    required: bool,
    algorithms: Option<Vec<DigestAlgorithm>>,
}

impl Digest {
    pub(super) fn compile(declared: declaration::Digest, problems: &mut Problems) -> Option<Check> {
        let required = declared.required.unwrap_or(true);
        if !required && declared.algorithms.is_none() {
            problems.add(
                declared.position,
                "digest has no checks; require it, or give the \"algorithms\" that one may have",
            );
            return None;
        }
        Some(Check::Digest(Self {
            required,
            algorithms: declared.algorithms,
        }))
    }

    fn judge(&self, reference: &ImageRef<'_>) -> Finding<'_> {
        match (reference.digest(), &self.algorithms) {
            (None, _) if self.required => Finding::fail(Cause::DigestMissing),
            (None, _) => Finding::pass(Cause::DigestNotNeeded),
            (Some(digest), Some(known)) if !known.contains(&digest.algorithm()) => {
                Finding::fail(Cause::DigestAlgorithm(known))
            }
            (Some(_), _) => Finding::pass(Cause::DigestGood),
        }
    }
}

/// Allowed and denied registries or repositories.
#[derive(Debug)]
pub(super) struct AllowDeny {
    allow: Option<RepositorySet>,
    deny: Option<RepositorySet>,
}

impl AllowDeny {
    pub(super) fn compile<P: Into<RepositoryPattern>>(
        position: super::problem::Position,
        allow: Option<Vec<P>>,
        deny: Option<Vec<P>>,
        problems: &mut Problems,
    ) -> Option<Self> {
        if allow.is_none() && deny.is_none() {
            problems.add(position, "this has no checks; give \"allow\" or \"deny\"");
            return None;
        }
        let set = |list: Option<Vec<P>>, reading| list.map(|list| repositories(list, reading));
        let allow = compiled(set(allow, Reading::Strict), position, problems);
        let deny = compiled(set(deny, Reading::Wide), position, problems);
        Some(Self {
            allow: allow.ok()?,
            deny: deny.ok()?,
        })
    }

    fn steps(&self, lengths: Lengths) -> u64 {
        let sets = self.allow.iter().chain(&self.deny);
        let steps = sets.map(|set| set.steps(lengths));
        steps.fold(0, u64::saturating_add)
    }

    fn judge(&self, what: What, reference: &ImageRef<'_>) -> Finding<'_> {
        if let Some(pattern) = self.deny.as_ref().and_then(|deny| deny.find(reference)) {
            return Finding::fail(Cause::Denied(what, pattern));
        }
        match &self.allow {
            None => Finding::pass(Cause::NotDenied(what)),
            Some(allow) => match allow.find(reference) {
                Some(pattern) => Finding::pass(Cause::Allowed(what, pattern)),
                None => Finding::fail(Cause::NotAllowed(what, allow)),
            },
        }
    }
}

impl What {
    fn of(self, reference: &ImageRef<'_>) -> String {
        match self {
            Self::Registry => Cut(reference.registry()).to_string(),
            Self::Repository => {
                let name = format!("{}/{}", reference.registry(), reference.repository());
                Cut(&name).to_string()
            }
        }
    }

    fn english(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Repository => "repository",
        }
    }

    fn chinese(self) -> &'static str {
        match self {
            Self::Registry => "镜像仓库主机",
            Self::Repository => "镜像仓库",
        }
    }
}

/// How many of the allowed patterns are named to someone whose image matches none.
const MAX_SHOWN: usize = 3;

/// How many characters of each are shown: all of them in nearly every pattern, and few enough that a
/// reason holds other violations too.
const MAX_SHOWN_CHARS: usize = 100;

/// What is allowed, shortened.
fn allowed<'p>(patterns: impl ExactSizeIterator<Item = &'p str>) -> Message {
    let more = patterns.len().saturating_sub(MAX_SHOWN);
    let shown: Vec<_> = patterns
        .take(MAX_SHOWN)
        .map(|pattern| first_chars(pattern, MAX_SHOWN_CHARS))
        .collect();
    let shown = shown.join(", ");
    match more {
        0 => message(format!("allowed: {shown}"), format!("允许的有:{shown}")),
        more => message(
            format!("allowed: {shown} (and {more} more)"),
            format!("允许的有:{shown}(另有{more}项)"),
        ),
    }
}

fn message(english: String, chinese: String) -> Message {
    Message::from(english).with(Language::Chinese, chinese)
}

impl TagCause<'_> {
    fn reason(&self, reference: &ImageRef<'_>) -> Message {
        // What the tag is, and whether it was written.
        let (tag, tag_zh) = match reference.tag() {
            Some(tag) => (format!("its tag \"{tag}\""), format!("标签\"{tag}\"")),
            None => (
                format!("it has no tag, which means \"{DEFAULT_TAG}\", and that"),
                format!("没有写标签,即\"{DEFAULT_TAG}\","),
            ),
        };
        match self {
            Self::Allowed(pattern) => message(
                format!("{tag} is allowed by \"{}\"", pattern.as_str()),
                format!("{tag_zh}符合允许的\"{}\"", pattern.as_str()),
            ),
            Self::NotAllowed(_) => message(
                format!("{tag} is not allowed"),
                format!("{tag_zh}不在允许之列"),
            ),
            Self::Denied(pattern) => message(
                format!("{tag} is denied by \"{}\"", pattern.as_str()),
                format!("{tag_zh}被\"{}\"禁止", pattern.as_str()),
            ),
            Self::NotDenied => message(format!("{tag} is not denied"), format!("{tag_zh}未被禁止")),
        }
    }
}

impl Finding<'_> {
    /// What was looked at, where that is a tree.
    pub(super) fn branches(&self) -> &[Branch] {
        match &self.cause {
            Cause::Told { branches, .. } => branches,
            _ => &[],
        }
    }

    /// Why the image passes or fails.
    pub(super) fn reason(&self, image: &Image<'_>) -> Message {
        let reference = image.reference();
        match &self.cause {
            Cause::PinnedByDigest => Message::new(
                "it is pinned by its digest, so its tag does not count",
                "已由摘要固定,标签不起作用",
            ),
            Cause::NoTagBesideDigest => Message::new(
                "it has a digest and no tag that could be checked",
                "只有摘要,没有可供检查的标签",
            ),
            Cause::Told { reason, .. } => reason.clone(),
            Cause::TagMissing => Message::new("it has no tag", "没有写标签"),
            Cause::Tag(cause) => cause.reason(reference),
            Cause::DigestMissing => Message::new("it has no digest", "没有摘要"),
            Cause::DigestNotNeeded => {
                Message::new("it has no digest and needs none", "没有摘要,也不需要")
            }
            Cause::DigestGood => Message::new("it has a digest", "有摘要"),
            Cause::DigestAlgorithm(_) => Message::new(
                "its digest is of an algorithm that is not allowed",
                "摘要算法不在允许之列",
            ),
            Cause::Allowed(what, pattern) => message(
                format!(
                    "{} \"{}\" is allowed by \"{}\"",
                    what.english(),
                    what.of(reference),
                    pattern.as_str()
                ),
                format!(
                    "{}{}符合允许的\"{}\"",
                    what.chinese(),
                    what.of(reference),
                    pattern.as_str()
                ),
            ),
            Cause::NotAllowed(what, _) => message(
                format!(
                    "{} \"{}\" is not allowed",
                    what.english(),
                    what.of(reference)
                ),
                format!("{}{}不在允许之列", what.chinese(), what.of(reference)),
            ),
            Cause::Denied(what, pattern) => message(
                format!(
                    "{} \"{}\" is denied by \"{}\"",
                    what.english(),
                    what.of(reference),
                    pattern.as_str()
                ),
                format!(
                    "{}{}被\"{}\"禁止",
                    what.chinese(),
                    what.of(reference),
                    pattern.as_str()
                ),
            ),
            Cause::NotDenied(what) => message(
                format!(
                    "{} \"{}\" is not denied",
                    what.english(),
                    what.of(reference)
                ),
                format!("{}{}未被禁止", what.chinese(), what.of(reference)),
            ),
            Cause::PullPolicy => Message::new(
                "its imagePullPolicy is allowed",
                "imagePullPolicy在允许之列",
            ),
            Cause::OtherPullPolicy {
                found: Some(found), ..
            } => message(
                format!("its imagePullPolicy is {found}"),
                format!("imagePullPolicy为{found}"),
            ),
            Cause::OtherPullPolicy { found: None, .. } => Message::new(
                "its imagePullPolicy is not known in this review",
                "本次审查中无从得知imagePullPolicy",
            ),
            Cause::ImageCount { images, max } => {
                let english = format!("the review has {images} images, and may have {max}");
                let chinese = format!("共有{images}个镜像,最多允许{max}个");
                if self.passed && images > max {
                    message(
                        format!("{english}; others are in excess"),
                        format!("{chinese};超出的是其他镜像"),
                    )
                } else {
                    message(english, chinese)
                }
            }
            #[cfg(feature = "cel")]
            Cause::Expression(result) => match result {
                Ok(true) => Message::new("the expression is true for it", "表达式为真"),
                Ok(false) => Message::new("the expression is false for it", "表达式为假"),
                Err(error) => message(
                    format!("the expression could not be decided: {error}"),
                    format!("表达式无法判定:{error}"),
                ),
            },
            Cause::TooManySteps(error) => error.message(),
        }
    }

    /// What would make the image pass; `None` where nothing general can be said.
    pub(super) fn remedy(&self) -> Option<Message> {
        match &self.cause {
            Cause::Told { remedy, .. } => remedy.clone(),
            Cause::TagMissing | Cause::Tag(TagCause::Denied(_)) => Some(Message::new(
                "write a fixed tag or a digest",
                "请写明固定标签或摘要",
            )),
            Cause::Tag(TagCause::NotAllowed(allow)) => {
                Some(allowed(allow.patterns().iter().map(TagPattern::as_str)))
            }
            Cause::NoTagBesideDigest => Some(Message::new(
                "write the tag beside the digest",
                "请在摘要旁写明标签",
            )),
            Cause::DigestMissing => Some(Message::new(
                "add the digest, as in name:tag@sha256:…",
                "请加上摘要,如name:tag@sha256:…",
            )),
            Cause::OtherPullPolicy { allowed, .. } => {
                let allowed: Vec<&str> = allowed.iter().map(|policy| policy.as_str()).collect();
                let allowed = allowed.join(", ");
                Some(message(
                    format!("set it to one of: {allowed}"),
                    format!("请设为:{allowed}"),
                ))
            }
            Cause::DigestAlgorithm(known) => {
                let known: Vec<&str> = known.iter().map(|algorithm| algorithm.as_str()).collect();
                let known = known.join(", ");
                Some(message(format!("use {known}"), format!("请使用{known}")))
            }
            Cause::NotAllowed(_, allow) => Some(allowed(
                allow.patterns().iter().map(RepositoryPattern::as_str),
            )),
            Cause::Denied(what, _) => Some(message(
                format!(
                    "use an image from a {} that the rule allows",
                    what.english()
                ),
                format!("请使用规则允许的{}中的镜像", what.chinese()),
            )),
            _ => None,
        }
    }
}
