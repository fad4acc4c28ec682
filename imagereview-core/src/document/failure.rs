//! Checks that images failed. Each becomes a violation only if the verdict keeps it: describing one takes as long
//! as many checks.

use std::{borrow::Cow, sync::Arc};

use super::{check::Finding, exemption::Exemption, rule::Rule};
use crate::{
    policy::{Capped, Exempted, Label, Mode, Modes, Rank, Ranked, Verdict, Violation},
    review::{Image, Review},
};

/// A check that an image failed.
pub(super) struct Failure<'a> {
    rule: &'a Rule,
    finding: Finding<'a>,
    review: &'a Review<'a>,
    image: &'a Image<'a>,
    mode: Mode,
}

impl<'a> Failure<'a> {
    pub(super) fn new(
        rule: &'a Rule,
        finding: Finding<'a>,
        review: &'a Review<'a>,
        image: &'a Image<'a>,
    ) -> Self {
        Self {
            mode: rule.mode().min(finding.mode),
            rule,
            finding,
            review,
            image,
        }
    }

    /// The same, capped at the mode of unchanged images where it is of one.
    pub(super) fn in_modes(mut self, modes: Modes) -> Self {
        if self.is_unchanged() {
            self.mode = self.mode.min(modes.unchanged());
        }
        self
    }

    /// Whether its image was there before the update, and fails for no other reason than it did then.
    fn is_unchanged(&self) -> bool {
        self.image.is_unchanged() && !self.finding.caused_by_update
    }

    fn violation(&self) -> Violation {
        let violation = self.rule.violation(&self.finding, self.review, self.image);
        violation.in_mode(self.mode)
    }
}

impl Ranked for Failure<'_> {
    fn rank(&self) -> Rank {
        let position = Some(self.image.position());
        Rank::new(self.mode, self.is_unchanged(), position)
    }

    fn label(&self) -> Label {
        Label {
            rule: Cow::Owned(self.rule.name.0.to_string()),
            exemption: None,
        }
    }
}

/// A failure, and the exemption that covers it.
struct ExemptFailure<'a> {
    failure: Failure<'a>,
    exemption: &'a Exemption,
}

impl ExemptFailure<'_> {
    fn exempted(&self) -> Exempted {
        let Exemption {
            shared_name,
            reason,
            ..
        } = self.exemption;
        Exempted::new(self.failure.violation(), shared_name, reason)
    }
}

impl Ranked for ExemptFailure<'_> {
    fn rank(&self) -> Rank {
        self.failure.rank()
    }

    fn label(&self) -> Label {
        let (name, reason) = (&self.exemption.shared_name, &self.exemption.reason);
        Label {
            exemption: Some((Arc::clone(name), Arc::clone(reason))),
            ..self.failure.label()
        }
    }
}

/// The failures of a review, as many as its verdict keeps.
pub(super) struct Failures<'a> {
    violations: Capped<Failure<'a>>,
    exempted: Capped<ExemptFailure<'a>>,
}

impl<'a> Failures<'a> {
    pub(super) fn keeping(limit: usize) -> Self {
        Self {
            violations: Capped::keeping(limit),
            exempted: Capped::keeping(limit),
        }
    }

    /// Adds a failure, and the exemption that covers it.
    pub(super) fn push(&mut self, failure: Failure<'a>, exemption: Option<&'a Exemption>) {
        match exemption {
            None => self.violations.push(failure),
            Some(exemption) => self.exempted.push(ExemptFailure { failure, exemption }),
        }
    }

    /// The verdict of all that were added.
    pub(super) fn verdict(mut self) -> Verdict {
        self.violations.settle();
        self.exempted.settle();
        Verdict::of(
            self.violations.map(|failure| failure.violation()),
            self.exempted.map(|failure| failure.exempted()),
        )
    }
}
