//! Allowed or denied, and why.

use std::{borrow::Cow, collections::BTreeSet, fmt, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{
    capped::{Capped, Finding, Label, Rank, Ranked},
    mode::Mode,
    violation::Violation,
};
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

/// Allowed or denied, with the violations that were found.
///
/// The first [`VIOLATIONS_LIMIT`](crate::limits::VIOLATIONS_LIMIT) violations are kept, or as many as
/// [the review says](Review::with_violations_limit): those that deny
/// before those that don't, and of these the ones of the first images. The others are
/// [counted](Self::omitted), and deny all the same.
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
    violations: Capped<Violation>,
    exempted: Capped<Exempted>,
    headline: Option<Message>,
    policy: Option<Arc<str>>,
    undecided: Option<Message>,
}

/// A violation that does not count, because an exemption covers its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exempted {
    violation: Violation,
    exemption: Arc<str>,
    reason: Arc<str>,
}

impl Finding for Exempted {
    fn violation(&self) -> &Violation {
        &self.violation
    }

    fn violation_mut(&mut self) -> &mut Violation {
        &mut self.violation
    }
}

impl Ranked for Exempted {
    fn rank(&self) -> Rank {
        self.violation.rank()
    }

    fn label(&self) -> Label {
        Label {
            rule: self.violation.shared_rule(),
            exemption: Some((Arc::clone(&self.exemption), Arc::clone(&self.reason))),
        }
    }
}

impl Exempted {
    #[cfg(feature = "document")]
    pub(crate) fn new(violation: Violation, exemption: &Arc<str>, reason: &Arc<str>) -> Self {
        Self {
            violation,
            exemption: Arc::clone(exemption),
            reason: Arc::clone(reason),
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
        let mut verdict = Self::default();
        verdict.keep(review.violations_limit());
        verdict.extend(review.images().iter().filter_map(check));
        verdict
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

    /// These violations, and these that do not count.
    #[cfg(feature = "document")]
    pub(crate) fn of(violations: Capped<Violation>, exempted: Capped<Exempted>) -> Self {
        Self {
            violations,
            exempted,
            ..Self::default()
        }
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
        self.violations.merge(other.violations);
        self.exempted.merge(other.exempted);
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
        self.undecided.is_none()
            && self.denials().next().is_none()
            && self.omitted_in(Mode::Enforce) == 0
    }

    /// Whether this is an approval with nothing to record, so that every one reads the same.
    pub(crate) fn is_unremarkable(&self) -> bool {
        self.violations.is_empty()
            && self.exempted.is_empty()
            && self.undecided.is_none()
            && self.policy.is_none()
    }

    /// The violations, in the order of the images: the first
    /// [`VIOLATIONS_LIMIT`](crate::limits::VIOLATIONS_LIMIT).
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.violations.kept()
    }

    /// How many violations are not among [`violations`](Self::violations), since there are more than
    /// [`VIOLATIONS_LIMIT`](crate::limits::VIOLATIONS_LIMIT): by rule and mode.
    ///
    /// ```
    /// use imagereview_core::{Mode, NoLatestTag, Review, decide, limits::VIOLATIONS_LIMIT};
    ///
    /// let review: Review<'_> = vec!["nginx"; VIOLATIONS_LIMIT + 7].into_iter().collect();
    /// let verdict = decide(&NoLatestTag, &review);
    /// assert_eq!(verdict.violations().len(), VIOLATIONS_LIMIT);
    /// assert_eq!(verdict.omitted().collect::<Vec<_>>(), [("no-latest-tag", Mode::Enforce, 7)]);
    /// ```
    pub fn omitted(&self) -> impl Iterator<Item = (&str, Mode, usize)> {
        let omitted = self.violations.omitted();
        omitted.map(|(label, mode, count)| (&*label.rule, mode, count))
    }

    /// The violations that do not count, because of an exemption: the first
    /// [`VIOLATIONS_LIMIT`](crate::limits::VIOLATIONS_LIMIT).
    #[must_use]
    pub fn exempted(&self) -> &[Exempted] {
        self.exempted.kept()
    }

    /// How many are not among [`exempted`](Self::exempted), by rule.
    pub fn omitted_exempted(&self) -> impl Iterator<Item = (&str, usize)> {
        let omitted = self.exempted.omitted();
        omitted.map(|(label, _, count)| (&*label.rule, count))
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

    /// How many violations of a mode are not kept.
    pub(crate) fn omitted_in(&self, mode: Mode) -> usize {
        let omitted = self.omitted().filter(|(_, of, _)| *of == mode);
        omitted.map(|(.., count)| count).sum()
    }

    fn in_mode(&self, mode: Mode) -> impl Iterator<Item = &Violation> {
        self.violations()
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
        // Where some are omitted, as many denials as the limit are kept.
        let omitted = self.omitted_in(Mode::Enforce);
        let mut reason = headline.text(language).to_owned() + &first.describe(language);
        for (index, denial) in rest.iter().enumerate() {
            // `denials[index]` is the one before.
            let sentence = if denials[index].subject().position() == denial.subject().position() {
                denial.describe_rule(language)
            } else {
                denial.describe(language)
            };
            let left = rest.len() - index + omitted;
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
                .chain(
                    self.omitted()
                        .filter_map(|(rule, of, _)| (of == mode).then_some(rule)),
                )
                .chain(undecided.map(|_| UNDECIDED))
                .collect();
            rules.into_iter().map(Cow::Borrowed).collect::<Vec<_>>()
        };
        let omitted = self.exempted.omitted().filter_map(|(label, ..)| {
            let (exemption, reason) = label.exemption.as_ref()?;
            Some(describe_exempted(exemption, &label.rule, reason))
        });
        let exempted = self.exempted().iter().map(Exempted::to_string);
        let exemptions: BTreeSet<String> = exempted.chain(omitted).collect();
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
        self.violations.sort();
        self.exempted.sort();
    }

    /// Caps all violations at a mode.
    pub(super) fn capped_at(mut self, mode: Mode) -> Self {
        self.violations.cap(mode, false);
        self
    }

    /// Caps the violations of unchanged images at a mode.
    pub(super) fn unchanged_capped_at(mut self, mode: Mode) -> Self {
        self.violations.cap(mode, true);
        self
    }

    /// Whether some violation is of an unchanged image.
    pub(super) fn has_unchanged(&self) -> bool {
        self.violations.has_unchanged()
    }

    /// Keeps at least as many violations as this.
    pub(super) fn keep(&mut self, limit: usize) {
        self.violations.keep(limit);
        self.exempted.keep(limit);
    }

    /// Whether a violation of this rank would be kept.
    pub(super) fn keeps(&self, rank: Rank) -> bool {
        self.violations.keeps(rank)
    }

    /// Counts a violation that would not be kept.
    pub(super) fn omit(&mut self, rule: &'static str, rank: Rank) {
        let rule = Cow::Borrowed(rule);
        let exemption = None;
        self.violations.omit(Label { rule, exemption }, rank);
    }
}

impl FromIterator<Violation> for Verdict {
    fn from_iter<I: IntoIterator<Item = Violation>>(violations: I) -> Self {
        let mut verdict = Self::default();
        verdict.extend(violations);
        verdict
    }
}

impl Extend<Violation> for Verdict {
    fn extend<I: IntoIterator<Item = Violation>>(&mut self, violations: I) {
        for violation in violations {
            self.violations.push(violation);
        }
        self.violations.settle();
    }
}

fn describe_exempted(exemption: &str, rule: &str, reason: &str) -> String {
    format!("{exemption} ({rule}): {reason}")
}

/// `exemption (rule): reason`.
impl fmt::Display for Exempted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe_exempted(
            &self.exemption,
            self.violation.rule(),
            &self.reason,
        ))
    }
}

/// `allowed`, `reason` in each language, `violations`, and where there are any, `omitted` (how many
/// violations are not written), `exempted` and `policy`:
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
        let mut verdict = serializer.serialize_struct("Verdict", 6)?;
        verdict.serialize_field("allowed", &self.is_allowed())?;
        verdict.serialize_field("reason", &reason)?;
        verdict.serialize_field("violations", self.violations())?;
        match self.omitted().map(|(.., count)| count).sum::<usize>() {
            0 => verdict.skip_field("omitted")?,
            omitted => verdict.serialize_field("omitted", &omitted)?,
        }
        if self.exempted.is_empty() {
            verdict.skip_field("exempted")?;
        } else {
            verdict.serialize_field("exempted", self.exempted())?;
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
        exempted.serialize_field("exemption", &*self.exemption)?;
        exempted.serialize_field("reason", &*self.reason)?;
        exempted.serialize_field("violation", &self.violation)?;
        exempted.end()
    }
}
