//! Allowed or denied, and why.

use std::{borrow::Cow, collections::BTreeSet};

use super::{Mode, Violation};
use crate::{Annotations, Language, Message};

/// The longest reason, in bytes.
///
/// A controller that creates pods reports a denial as an Event, whose note may have 1,024 bytes
/// (`NoteLengthLimit` of `k8s.io/kubernetes/pkg/apis/core/validation`), and the API server puts the
/// pod's name, of up to 253 bytes, and a sentence of its own before the reason.
pub const REASON_LIMIT: usize = 640;

const PASSED_ENGLISH: &str = "image check passed";
const PASSED_CHINESE: &str = "检查镜像通过.";

/// What the reason of a denial begins with, where the policy has no headline of its own.
static FAILED: Message = Message::new("image check failed: ", "检查镜像失败!");

/// What stands for the denials that a reason has no room for.
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
    headline: Option<Message>,
}

impl Verdict {
    /// Allowed: no violations.
    #[must_use]
    pub fn allowed() -> Self {
        Self::default()
    }

    /// Sets what the reason of a denial begins with, in place of "image check failed: ".
    #[must_use]
    pub fn with_headline(mut self, headline: impl Into<Message>) -> Self {
        self.headline = Some(headline.into());
        self
    }

    /// This verdict and another: the violations of both. The headline stays only where both have
    /// the same or one has none.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.violations.extend(other.violations);
        self.headline = match (self.headline, other.headline) {
            (Some(mine), Some(theirs)) if mine != theirs => Some(FAILED.clone()),
            (mine, theirs) => mine.or(theirs),
        };
        self
    }

    /// Whether the images may run.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.denials().next().is_none()
    }

    /// All violations, in the order of the images.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The violations for which the images may not run.
    pub fn denials(&self) -> impl Iterator<Item = &Violation> {
        self.in_mode(Mode::Enforce)
    }

    /// The violations that whoever asks is to be warned of.
    pub fn warnings(&self) -> impl Iterator<Item = &Violation> {
        self.in_mode(Mode::Warn)
    }

    fn in_mode(&self, mode: Mode) -> impl Iterator<Item = &Violation> {
        self.violations
            .iter()
            .filter(move |violation| violation.mode() == mode)
    }

    /// Why, in one paragraph of at most [`REASON_LIMIT`] bytes: every denial that has room, and
    /// how many more there are. The first denial always stands there whole.
    #[must_use]
    pub fn reason(&self, language: Language) -> Cow<'static, str> {
        let mut denials = self.denials().peekable();
        if denials.peek().is_none() {
            return Cow::Borrowed(match language {
                Language::English => PASSED_ENGLISH,
                Language::Chinese => PASSED_CHINESE,
            });
        }
        let failed = self.headline.as_ref().unwrap_or(&FAILED);
        let mut reason = failed.text(language).to_owned();
        let mut left = self.denials().count();
        for denial in denials {
            let sentence = denial.describe(language);
            let is_first = reason.len() == failed.text(language).len();
            let separator = if is_first { "" } else { "; " };
            left -= 1;
            let room_for_rest = if left == 0 {
                0
            } else {
                more(left, language).len()
            };
            let len = reason.len() + separator.len() + sentence.len() + room_for_rest;
            if !is_first && len > REASON_LIMIT {
                reason.push_str(&more(left + 1, language));
                break;
            }
            reason.push_str(separator);
            reason.push_str(&sentence);
        }
        Cow::Owned(reason)
    }

    /// What the API server is to record: the names of the rules that were broken, under
    /// `denied-by`, `warned-by` and `audited-by`, separated by commas.
    ///
    /// The keys are qualified names without a prefix, as the API server asks.
    #[must_use]
    pub fn audit_annotations(&self) -> Annotations<'_> {
        [
            ("denied-by", Mode::Enforce),
            ("warned-by", Mode::Warn),
            ("audited-by", Mode::Audit),
        ]
        .into_iter()
        .filter_map(|(key, mode)| {
            let rules: BTreeSet<&str> = self.in_mode(mode).map(Violation::rule).collect();
            let rules: Vec<&str> = rules.into_iter().collect();
            (!rules.is_empty()).then(|| (key, rules.join(",")))
        })
        .collect()
    }

    /// Puts the violations in the order of the images; those of one image stay as they came.
    pub(super) fn sort(&mut self) {
        self.violations.sort_by_key(Violation::position);
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
            headline: None,
        }
    }
}

impl Extend<Violation> for Verdict {
    fn extend<I: IntoIterator<Item = Violation>>(&mut self, violations: I) {
        self.violations.extend(violations);
    }
}
