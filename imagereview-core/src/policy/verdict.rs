//! Allowed or denied, and why.

use std::{borrow::Cow, collections::BTreeSet, fmt, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{mode::Mode, violation::Violation};
use crate::{
    language::{Language, Message},
    review::{Image, Review, StringMap},
};

/// The longest reason, in bytes.
///
/// A controller that creates pods reports a denial as an Event, whose note may have 1,024 bytes
/// (`NoteLengthLimit` of `k8s.io/kubernetes/pkg/apis/core/validation`), and the API server puts the
/// pod's name, of up to 253 bytes, and a sentence of its own before the reason.
pub const REASON_LIMIT: usize = 640;

/// The name in audit annotations, in place of a rule, if no decision could be made.
pub const UNDECIDED: &str = "undecided";

const PASSED_ENGLISH: &str = "image check passed";
const PASSED_CHINESE: &str = "检查镜像通过.";

/// What the reason of a denial begins with, where the policy has no headline of its own.
static FAILED: Message = Message::new("image check failed: ", "检查镜像失败!");

/// The text for the denials that do not fit into a reason.
fn more(count: usize, language: Language) -> String {
    match language {
        Language::English => format!("; and {count} more"),
        Language::Chinese => format!("; 另有{count}项"),
    }
}

/// Allowed or denied, with every violation that was found.
///
/// Images may run if no violation [enforces](Mode::Enforce). A verdict is collected from
/// violations, or empty.
///
/// ```
/// use imagereview_core::{Language, NoLatestTag, decide};
///
/// let verdict = decide(&NoLatestTag, &["nginx", "redis:7.4"].into_iter().collect());
/// assert!(!verdict.is_allowed());
/// assert!(verdict.reason(Language::Chinese).starts_with("检查镜像失败!镜像标签不允许使用latest!"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    violations: Vec<Violation>,
    exempted: Vec<Exempted>,
    headline: Option<Message>,
    policy: Option<Arc<str>>,
    undecided: Option<Message>,
}

/// A violation that does not count, because an exemption covers its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exempted {
    violation: Violation,
    exemption: Box<str>,
    reason: Box<str>,
}

impl Exempted {
    #[cfg(feature = "document")]
    pub(crate) fn new(violation: Violation, exemption: &str, reason: &str) -> Self {
        Self {
            violation,
            exemption: exemption.into(),
            reason: reason.into(),
        }
    }

    /// What would have counted.
    #[must_use]
    pub fn violation(&self) -> &Violation {
        &self.violation
    }

    /// The name of the exemption.
    #[must_use]
    pub fn exemption(&self) -> &str {
        &self.exemption
    }

    /// Why there is the exemption, as it was declared.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl Verdict {
    /// What a check finds of each image of a review that can be read.
    ///
    /// ```
    /// use imagereview_core::{Review, Verdict, Violation};
    ///
    /// let review: Review<'_> = ["redis:7", "nginx:1.27"].into_iter().collect();
    /// let verdict = Verdict::for_each_image(&review, |image| {
    ///     let is_redis = image.reference().repository() == "library/redis";
    ///     is_redis.then(|| Violation::new("no-redis", image, "a cache is provided"))
    /// });
    /// assert_eq!(verdict.violations().len(), 1);
    /// ```
    #[must_use]
    pub fn for_each_image<'a>(
        review: &Review<'a>,
        check: impl FnMut(&Image<'a>) -> Option<Violation>,
    ) -> Self {
        review.images().iter().filter_map(check).collect()
    }

    /// Allowed: no violations.
    #[must_use]
    pub fn allowed() -> Self {
        Self::default()
    }

    /// Denied, because no decision could be made: the policy itself failed, or what it needs is not
    /// there. The audit annotations say `denied-by` [`UNDECIDED`].
    ///
    /// ```
    /// use imagereview_core::{Language, Message, Verdict};
    ///
    /// let verdict = Verdict::undecided(Message::from("the policy failed"));
    /// assert!(!verdict.is_allowed());
    /// assert_eq!(verdict.reason(Language::English), "image check failed: the policy failed");
    /// ```
    #[must_use]
    pub fn undecided(reason: impl Into<Message>) -> Self {
        Self {
            undecided: Some(reason.into()),
            ..Self::default()
        }
    }

    /// Sets what the reason of a denial begins with, in place of "image check failed: ".
    #[must_use]
    pub fn with_headline(mut self, headline: impl Into<Message>) -> Self {
        self.headline = Some(headline.into());
        self
    }

    /// Sets the identity of the policy that decided, for the audit annotations.
    #[must_use]
    pub fn with_policy(mut self, identity: impl Into<Arc<str>>) -> Self {
        self.policy = Some(identity.into());
        self
    }

    /// Records a violation that does not count.
    #[cfg(feature = "document")]
    pub(crate) fn exempt(&mut self, exempted: Exempted) {
        self.exempted.push(exempted);
    }

    /// This verdict and another: the violations of both. A headline stays where it is about all
    /// denials: where only one of the two denies, its own.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.headline = match (self.is_allowed(), other.is_allowed()) {
            (false, true) => self.headline,
            (true, false) => other.headline.clone(),
            (true, true) => match (self.headline, &other.headline) {
                (Some(mine), Some(theirs)) if mine != *theirs => None,
                (mine, theirs) => mine.or(theirs.clone()),
            },
            (false, false) => self
                .headline
                .filter(|mine| other.headline.as_ref() == Some(mine)),
        };
        self.violations.extend(other.violations);
        self.exempted.extend(other.exempted);
        self.undecided = self.undecided.or(other.undecided);
        self.policy = match (self.policy, other.policy) {
            (Some(mine), Some(theirs)) if mine != theirs => Some(format!("{mine} {theirs}").into()),
            (mine, theirs) => mine.or(theirs),
        };
        self
    }

    /// Whether the images may run.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.undecided.is_none() && self.denials().next().is_none()
    }

    /// Whether this is an approval with nothing to record, so that every one reads the same.
    pub(crate) fn is_unremarkable(&self) -> bool {
        self.violations.is_empty()
            && self.exempted.is_empty()
            && self.undecided.is_none()
            && self.policy.is_none()
    }

    /// All violations, in the order of the images.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The violations that do not count, because of an exemption.
    #[must_use]
    pub fn exempted(&self) -> &[Exempted] {
        &self.exempted
    }

    /// The identity of the policy that decided, if it has one.
    #[must_use]
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// The violations for which the images may not run.
    pub fn denials(&self) -> impl Iterator<Item = &Violation> {
        self.in_mode(Mode::Enforce)
    }

    /// The violations that whoever sends the request is to be warned of.
    pub fn warnings(&self) -> impl Iterator<Item = &Violation> {
        self.in_mode(Mode::Warn)
    }

    fn in_mode(&self, mode: Mode) -> impl Iterator<Item = &Violation> {
        self.violations
            .iter()
            .filter(move |violation| violation.mode() == mode)
    }

    /// Why, in one paragraph of at most [`REASON_LIMIT`] bytes: every denial that fits, those
    /// of one image together, and how many more there are. The first denial is always complete.
    #[must_use]
    pub fn reason(&self, language: Language) -> Cow<'static, str> {
        let headline = self.headline.as_ref().unwrap_or(&FAILED);
        if let Some(undecided) = &self.undecided {
            return Cow::Owned(headline.text(language).to_owned() + undecided.text(language));
        }
        let denials: Vec<&Violation> = self.denials().collect();
        let Some((first, rest)) = denials.split_first() else {
            return Cow::Borrowed(match language {
                Language::English => PASSED_ENGLISH,
                Language::Chinese => PASSED_CHINESE,
            });
        };
        let mut reason = headline.text(language).to_owned() + &first.describe(language);
        for (index, denial) in rest.iter().enumerate() {
            // `denials[index]` is the one before.
            let sentence = if denials[index].subject().position() == denial.subject().position() {
                denial.describe_rule(language)
            } else {
                denial.describe(language)
            };
            let left = rest.len() - index;
            let needed_for_rest = if left == 1 {
                0
            } else {
                more(left - 1, language).len()
            };
            if reason.len() + "; ".len() + sentence.len() + needed_for_rest > REASON_LIMIT {
                reason.push_str(&more(left, language));
                break;
            }
            reason.push_str("; ");
            reason.push_str(&sentence);
        }
        Cow::Owned(reason)
    }

    /// What the API server is to record: `policy`, which policy decided; `denied-by`, `warned-by`
    /// and `audited-by`, the names of the rules that failed, separated by commas; and
    /// `exempted-by`, each exemption that was used with the rule and its reason.
    ///
    /// The keys are qualified names without a prefix, as the API server requires.
    #[must_use]
    pub fn audit_annotations(&self) -> StringMap<'_> {
        if self.is_unremarkable() {
            return StringMap::default();
        }
        let rules = |mode| {
            let undecided = self.undecided.as_ref().filter(|_| mode == Mode::Enforce);
            let rules: BTreeSet<&str> = self
                .in_mode(mode)
                .map(Violation::rule)
                .chain(undecided.map(|_| UNDECIDED))
                .collect();
            rules.into_iter().map(Cow::Borrowed).collect::<Vec<_>>()
        };
        let exemptions: BTreeSet<String> = self.exempted.iter().map(Exempted::to_string).collect();
        [
            (
                "policy",
                self.policy().map(Cow::Borrowed).into_iter().collect(),
                "",
            ),
            ("denied-by", rules(Mode::Enforce), ","),
            ("warned-by", rules(Mode::Warn), ","),
            ("audited-by", rules(Mode::Audit), ","),
            (
                "exempted-by",
                exemptions.into_iter().map(Cow::Owned).collect(),
                "; ",
            ),
        ]
        .into_iter()
        .filter_map(|(key, values, separator)| match &values[..] {
            [] => None,
            [one] => Some((key, one.clone())),
            _ => Some((key, Cow::Owned(values.join(separator)))),
        })
        .collect()
    }

    /// Puts the violations in the order of the images; those of one image stay as they came.
    pub(super) fn sort(&mut self) {
        self.violations
            .sort_by_key(|violation| violation.subject().position());
        self.exempted
            .sort_by_key(|exempted| exempted.violation.subject().position());
    }

    pub(super) fn map(mut self, map: impl FnMut(Violation) -> Violation) -> Self {
        self.violations = self.violations.into_iter().map(map).collect();
        self
    }
}

impl FromIterator<Violation> for Verdict {
    fn from_iter<I: IntoIterator<Item = Violation>>(violations: I) -> Self {
        Self {
            violations: violations.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl Extend<Violation> for Verdict {
    fn extend<I: IntoIterator<Item = Violation>>(&mut self, violations: I) {
        self.violations.extend(violations);
    }
}

/// `exemption (rule): reason`.
impl fmt::Display for Exempted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (exemption, rule) = (&self.exemption, self.violation.rule());
        write!(f, "{exemption} ({rule}): {}", self.reason)
    }
}

/// `allowed`, `reason` in each language, `violations`, and where there are any, `exempted` and
/// `policy`:
///
/// ```
/// use imagereview_core::{NoLatestTag, decide};
/// use serde_json::json;
///
/// let verdict = decide(&NoLatestTag, &["nginx:1.27"].into_iter().collect());
/// assert_eq!(serde_json::to_value(&verdict)?, json!({
///     "allowed": true,
///     "reason": {"en": "image check passed", "zh": "检查镜像通过."},
///     "violations": [],
/// }));
/// # Ok::<(), serde_json::Error>(())
/// ```
impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reason = Message::from(self.reason(Language::English))
            .with(Language::Chinese, self.reason(Language::Chinese));
        let mut verdict = serializer.serialize_struct("Verdict", 5)?;
        verdict.serialize_field("allowed", &self.is_allowed())?;
        verdict.serialize_field("reason", &reason)?;
        verdict.serialize_field("violations", &self.violations)?;
        if self.exempted.is_empty() {
            verdict.skip_field("exempted")?;
        } else {
            verdict.serialize_field("exempted", &self.exempted)?;
        }
        match &self.policy {
            None => verdict.skip_field("policy")?,
            Some(policy) => verdict.serialize_field("policy", &**policy)?,
        }
        verdict.end()
    }
}

/// `exemption`, `reason` and `violation`.
impl Serialize for Exempted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut exempted = serializer.serialize_struct("Exempted", 3)?;
        exempted.serialize_field("exemption", &self.exemption)?;
        exempted.serialize_field("reason", &self.reason)?;
        exempted.serialize_field("violation", &self.violation)?;
        exempted.end()
    }
}
