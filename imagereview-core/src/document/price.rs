//! What a policy takes for one review: how many steps, and how much memory.

use std::{cell::Cell, sync::Arc};

use crate::{
    language::{Language, Message},
    limits::{STEPS_LIMIT, VIOLATIONS_LIMIT},
    pattern::Lengths,
    review::Image,
};

/// The steps of a check itself, beside those of its patterns.
pub(super) const CHECK: u64 = 50;

/// The steps to look up what is known of an image and to say what of it fails, beside those of its values.
pub(super) const FACTS: u64 = 20_000;

/// The steps of a condition on a platform, and those of a value, beside those of its patterns.
pub(super) const CONDITION: u64 = 200;
pub(super) const VALUE: u64 = 50;

/// What the price takes an image to have, as most have no more: this many platforms, each with this
/// many values of a kind, of this many bytes. An image that has more takes more steps, which are counted before
/// they are made.
pub(super) const PLATFORMS: u64 = 4;
pub(super) const VALUES: u64 = 4;
pub(super) const VALUE_BYTES: u64 = 64;

/// The steps to describe a violation.
pub(super) const DESCRIBE: u64 = 5_000;

/// The steps that a rule has left for a review.
#[derive(Debug)]
pub(super) struct Meter {
    left: Cell<u64>,
    share: u64,
}

/// A rule takes more steps for a review than its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManySteps {
    pub(super) share: u64,
}

impl TooManySteps {
    /// That an image can't be decided.
    pub(super) fn message(self) -> Message {
        let Self { share } = self;
        Message::from(format!(
            "the rule could not be decided: it takes more than {share} steps for this review"
        ))
        .with(
            Language::Chinese,
            format!("规则无法判定:本次审查所需步数超过{share}"),
        )
    }
}

impl Meter {
    pub(super) fn new(share: u64) -> Self {
        Self {
            left: Cell::new(share),
            share,
        }
    }

    /// Takes steps before they are made. Once there are too few, nothing is left for others.
    pub(super) fn take(&self, steps: u64) -> Result<(), TooManySteps> {
        let left = self.left.get().checked_sub(steps);
        self.left.set(left.unwrap_or_default());
        match left {
            Some(_) => Ok(()),
            None => Err(TooManySteps { share: self.share }),
        }
    }
}

/// The lengths of what patterns are matched with.
pub(super) fn lengths(image: &Image<'_>) -> Lengths {
    let reference = image.reference();
    Lengths {
        registry: reference.registry().len() as u64,
        path: reference.repository().as_written().len() as u64,
        tag: reference.tag().map_or(0, str::len) as u64,
    }
}

/// The most bytes of a violation itself: the image as it was written, its location, the rule's name, and
/// the text of the project's own sentences in two languages.
const VIOLATION: u64 = 4096;

/// The most that a rule's violations take, where its own messages have this many bytes.
pub(super) fn violation_bytes(messages: u64) -> u64 {
    VIOLATION.saturating_add(messages)
}

/// What a policy takes for the largest review that is accepted, at most, as
/// [`ImagePolicy::price`](crate::ImagePolicy::price) returns it.
///
/// The largest review has as many images as [`ENTRIES_LIMIT`](crate::limits::ENTRIES_LIMIT), each with the
/// longest name that a reference can have, and fails every rule. Reading it and writing the response are no
/// part of the price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyPrice {
    pub(super) rules: Vec<RulePrice>,
    pub(super) own_steps: u64,
}

/// What one rule takes of a [`PolicyPrice`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulePrice {
    pub(super) rule: Arc<str>,
    pub(super) declared_at: Arc<str>,
    pub(super) steps: u64,
    pub(super) share: u64,
    pub(super) bytes: u64,
    pub(super) violation_bytes: u64,
}

impl PolicyPrice {
    /// The steps of all rules, scopes and exemptions for the largest review. If there are more than
    /// [`STEPS_LIMIT`], a review can be too large to be decided.
    #[must_use]
    pub fn steps(&self) -> u64 {
        let rules = self.rules.iter().map(|rule| rule.steps);
        rules.fold(self.own_steps, u64::saturating_add)
    }

    /// The steps of scopes and exemptions, which belong to no rule.
    #[must_use]
    pub fn own_steps(&self) -> u64 {
        self.own_steps
    }

    /// Whether some rule cannot decide the largest review: it has a smaller share of [`STEPS_LIMIT`] than
    /// that takes.
    #[must_use]
    pub fn exceeds_limit(&self) -> bool {
        self.steps() > STEPS_LIMIT
    }

    /// What to know of a policy that [cannot decide](Self::exceeds_limit) every review; `None` if it can.
    ///
    /// ```
    /// use imagereview_core::{ImagePolicy, PolicySource};
    ///
    /// let policy = ImagePolicy::compile([PolicySource::new("policy.yaml", r#"
    /// apiVersion: imagereview/v1alpha1
    /// kind: ImagePolicy
    /// metadata: {name: example}
    /// rules:
    ///   - {name: slow, expression: "review.images.all(x, review.images == review.images)"}
    /// "#)])?;
    ///
    /// let warning = policy.price().warning().unwrap();
    /// assert!(warning.contains(r#"rule "slow" (policy.yaml:6)"#), "{warning}");
    /// # Ok::<(), imagereview_core::PolicyErrors>(())
    /// ```
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        if !self.exceeds_limit() {
            return None;
        }
        let steps = self.steps();
        let held_back = self.rules.iter().filter(|rule| rule.share < rule.steps);
        let held_back: Vec<String> = held_back
            .map(|rule| format!("{:?} ({})", rule.rule, rule.declared_at))
            .collect();
        let rules = match &held_back[..] {
            [] => "its scopes and exemptions take them".to_owned(),
            [one] => format!("in larger reviews, images fail rule {one}"),
            several => format!(
                "in larger reviews, images fail the rules {}",
                several.join(", ")
            ),
        };
        Some(format!(
            "the largest review takes this policy {steps} steps, of which it may take {STEPS_LIMIT}: {rules}"
        ))
    }

    /// The memory beside the review itself, in bytes: the violations that are kept, and what an
    /// expression is evaluated with.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        // Of violations and exempted ones, twice the limit each while they are found.
        let kept = 4 * VIOLATIONS_LIMIT as u64;
        let violation = self.rules.iter().map(|rule| rule.violation_bytes);
        let violations = violation.max().unwrap_or_default().saturating_mul(kept);
        // One rule is decided after another.
        let rules = self.rules.iter().map(|rule| rule.bytes);
        violations.saturating_add(rules.max().unwrap_or_default())
    }

    /// Each rule, in the order of the documents.
    #[must_use]
    pub fn rules(&self) -> &[RulePrice] {
        &self.rules
    }
}

impl RulePrice {
    /// The name of the rule.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Where the rule is declared, as `file:line`.
    #[must_use]
    pub fn declared_at(&self) -> &str {
        &self.declared_at
    }

    /// The steps for the largest review, at most.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The steps that the rule may take for a review. If the largest takes more, images for which too few
    /// are left fail the rule.
    #[must_use]
    pub fn share(&self) -> u64 {
        self.share
    }

    /// The memory that the rule takes while it is decided, in bytes, beside its violations.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
