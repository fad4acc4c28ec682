//! Each rule in order, for each image: whether it applies, and what it found.

use std::sync::Arc;

use crate::{
    language::Message,
    policy::{Mode, Verdict},
    review::Location,
};

/// How a policy came to its verdict.
///
/// ```
/// use imagereview_core::{ImagePolicy, PolicySource, document::Outcome};
///
/// let policy = ImagePolicy::compile([PolicySource::new("policy.yaml", r#"
/// apiVersion: imagereview/v1alpha1
/// kind: ImagePolicy
/// metadata: {name: example}
/// rules:
///   - name: pinned
///     digest: {required: true}
/// "#)])?;
///
/// let explanation = policy.explain(&["nginx:1.27"].into_iter().collect());
/// let step = &explanation.images()[0].steps()[0];
/// assert_eq!(step.rule(), "pinned");
/// assert_eq!(step.declared_at(), "policy.yaml:6");
/// assert_eq!(step.outcome(), Outcome::Violated);
/// # Ok::<(), imagereview_core::PolicyErrors>(())
/// ```
#[derive(Clone, Debug)]
pub struct Explanation {
    pub(super) images: Vec<ImageExplanation>,
    pub(super) verdict: Verdict,
}

impl Explanation {
    /// The images whose reference can be read, in the order of the review.
    #[must_use]
    pub fn images(&self) -> &[ImageExplanation] {
        &self.images
    }

    /// The verdict, as [`decide`](crate::decide) gives it.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

/// Each rule in order, for one image.
#[derive(Clone, Debug)]
pub struct ImageExplanation {
    pub(super) image: Box<str>,
    pub(super) full_name: Box<str>,
    pub(super) location: Location<'static>,
    pub(super) steps: Vec<Step>,
}

impl ImageExplanation {
    /// The image as it was written.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// The image in its full normal form, as the node reads it.
    #[must_use]
    pub fn full_name(&self) -> &str {
        &self.full_name
    }

    /// The location of the image.
    #[must_use]
    pub fn location(&self) -> &Location<'static> {
        &self.location
    }

    /// The rules in the order of the document; one with several checks has several steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// What one rule found in one image.
#[derive(Clone, Debug)]
pub struct Step {
    pub(super) rule: Arc<str>,
    pub(super) declared_at: Arc<str>,
    pub(super) mode: Mode,
    pub(super) outcome: Outcome,
    pub(super) why: Message,
    pub(super) branches: Vec<Branch>,
}

/// What was looked at to decide something: what was found, what was tried with it, and what came of that.
#[derive(Clone, Debug)]
pub struct Branch {
    pub(super) holds: Option<bool>,
    pub(super) what: Message,
    pub(super) branches: Vec<Branch>,
}

impl Branch {
    pub(super) fn new(holds: Option<bool>, what: Message, branches: Vec<Self>) -> Self {
        Self {
            holds,
            what,
            branches,
        }
    }

    /// Whether it holds; `None` if that can't be known.
    #[must_use]
    pub fn holds(&self) -> Option<bool> {
        self.holds
    }

    /// What was looked at, and what came of it.
    #[must_use]
    pub fn what(&self) -> &Message {
        &self.what
    }

    /// What it was decided from.
    #[must_use]
    pub fn branches(&self) -> &[Self] {
        &self.branches
    }
}

impl Step {
    /// The name of the rule.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Where the rule is declared: `file:line`.
    #[must_use]
    pub fn declared_at(&self) -> &str {
        &self.declared_at
    }

    /// The mode of a violation of the rule.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What the rule came to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Why.
    #[must_use]
    pub fn why(&self) -> &Message {
        &self.why
    }

    /// What was looked at, for a rule about signatures or attestations: each digest, within it each
    /// authority, and within that each candidate.
    #[must_use]
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }
}

/// What a rule came to for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The rule is not about this image.
    OutOfScope,
    /// The image passes the rule.
    Passed,
    /// The image breaks the rule.
    Violated,
    /// The image breaks the rule, and an exemption covers it.
    Exempted,
}
