//! What one rule is asked about.

use std::cell::OnceCell;

use super::{
    declaration::Name,
    exemption::Exemption,
    price::{Meter, TooManySteps, lengths},
    scope::{OutOfScope, Scope},
};
#[cfg(feature = "cel")]
use crate::expression::{Expression, ImageFields, Images};
use crate::{
    language::Message,
    review::{Image, Review},
};

/// The review that one rule checks, with what is computed once for all its images.
pub(super) struct Asked<'r> {
    pub(super) review: &'r Review<'r>,
    /// Whether registries are asked of images that an update does not change.
    pub(super) asks_of_unchanged: bool,
    /// Those of the document and the rule.
    scopes: [&'r Scope; 2],
    meter: Meter,
    exemptions: &'r [&'r Exemption],
    /// Those of them that cover the rule.
    of_rule: OnceCell<Vec<&'r Exemption>>,
    /// By the position of each image.
    ranks: OnceCell<Vec<usize>>,
    #[cfg(feature = "cel")]
    context: OnceCell<Context>,
    /// The same without the images that are new.
    #[cfg(feature = "cel")]
    unchanged: OnceCell<Context>,
    #[cfg(feature = "cel")]
    has_new_images: OnceCell<bool>,
    /// What the expression over predicates is evaluated with.
    #[cfg(feature = "cel")]
    of_predicates: OnceCell<Context>,
}

/// What an expression is evaluated with, or why it cannot be.
#[cfg(feature = "cel")]
type Context = Result<crate::expression::Context, String>;

/// Who has a place first where a review has more images than it may have.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// It was admitted before, and a new one may not displace it.
    Unchanged,
    /// The rule is not about it, so it can't be blamed.
    OutOfScope,
    New,
}

impl<'r> Asked<'r> {
    /// The review for a rule of this share of steps, and the exemptions that are granted for the review.
    pub(super) fn about(
        review: &'r Review<'r>,
        scopes: [&'r Scope; 2],
        asks_of_unchanged: bool,
        share: u64,
        exemptions: &'r [&'r Exemption],
    ) -> Self {
        Self {
            review,
            asks_of_unchanged,
            scopes,
            meter: Meter::new(share),
            exemptions,
            of_rule: OnceCell::new(),
            ranks: OnceCell::new(),
            #[cfg(feature = "cel")]
            context: OnceCell::new(),
            #[cfg(feature = "cel")]
            unchanged: OnceCell::new(),
            #[cfg(feature = "cel")]
            has_new_images: OnceCell::new(),
            #[cfg(feature = "cel")]
            of_predicates: OnceCell::new(),
        }
    }

    /// Whether an image of the review is in scope. Without the steps to find out it is.
    pub(super) fn admits(&self, image: &Image<'_>) -> Result<(), OutOfScope> {
        let lengths = lengths(image);
        for scope in self.scopes {
            if self.meter.take(scope.image_steps(lengths)).is_ok() {
                scope.admits_image(image)?;
            }
        }
        Ok(())
    }

    /// The first exemption that covers violations of this rule by an image. Without the steps to look for
    /// one there is none.
    pub(super) fn exemption(&self, rule: &Name, image: &Image<'_>) -> Option<&'r Exemption> {
        let of_rule = self.of_rule.get_or_init(|| {
            let exemptions = self.exemptions.iter().copied();
            exemptions
                .filter(|exemption| exemption.covers_rule(rule))
                .collect()
        });
        let lengths = lengths(image);
        of_rule.iter().copied().find(|exemption| {
            let steps = self.meter.take(exemption.image_steps(lengths));
            steps.is_ok() && exemption.covers_image(image)
        })
    }

    /// Whether the expression is true for an image, in a review of these images.
    #[cfg(feature = "cel")]
    pub(super) fn evaluate(
        &self,
        expression: &Expression,
        images: Images,
        image: &Image<'_>,
        facts: &ImageFields,
    ) -> Result<bool, String> {
        let context = match images {
            Images::All => &self.context,
            Images::Unchanged => &self.unchanged,
        };
        let take = |steps| self.take_for(expression, steps);
        match context.get_or_init(|| expression.context(self.review, images, take)) {
            Ok(context) => expression.evaluate(context, image, facts, take),
            Err(error) => Err(error.clone()),
        }
    }

    /// The scopes of the document and the rule.
    pub(super) fn scopes(&self) -> &[&'r Scope; 2] {
        &self.scopes
    }

    /// Takes steps before they are made.
    pub(super) fn take_steps(&self, steps: u64) -> Result<(), TooManySteps> {
        self.meter.take(steps)
    }

    /// Takes steps before they are made; or says that there are too few.
    pub(super) fn take(&self, steps: u64) -> Result<(), Message> {
        let taken = self.meter.take(steps);
        taken.map_err(TooManySteps::message)
    }

    /// Whether the expression is true for the predicate of an attestation of an image.
    #[cfg(feature = "cel")]
    pub(super) fn evaluate_predicate(
        &self,
        expression: &Expression,
        image: &Image<'_>,
        predicate: &serde_json::Value,
    ) -> Result<bool, String> {
        let take = |steps| self.take_for(expression, steps);
        let context = || expression.context(self.review, Images::All, take);
        match self.of_predicates.get_or_init(context) {
            Ok(context) => expression.evaluate_predicate(context, image, predicate, take),
            Err(error) => Err(error.clone()),
        }
    }

    #[cfg(feature = "cel")]
    fn take_for(&self, expression: &Expression, steps: u64) -> Result<(), String> {
        self.meter.take(steps).map_err(|TooManySteps { share }| {
            format!("{expression} takes more than {share} steps for this review")
        })
    }

    #[cfg(feature = "cel")]
    pub(super) fn has_new_images(&self) -> bool {
        *self.has_new_images.get_or_init(|| {
            let mut readable = self.review.images().iter();
            readable.any(|image| !image.is_unchanged())
        })
    }

    /// How many images of the review come before this one where only so many may stay.
    pub(super) fn rank(&self, image: &Image<'_>) -> usize {
        let ranks = self.ranks.get_or_init(|| self.ranks());
        ranks[image.position()]
    }

    fn ranks(&self) -> Vec<usize> {
        let readable = self.review.images().iter().map(|image| {
            let is_in_scope = |scope: &&Scope| scope.admits_image(image).is_ok();
            let turn = if image.is_unchanged() {
                Turn::Unchanged
            } else if self.scopes.iter().all(is_in_scope) {
                Turn::New
            } else {
                Turn::OutOfScope
            };
            (turn, image.position())
        });
        let unreadable = self.review.unreadable_images().iter().map(|image| {
            let turn = if image.is_unchanged() {
                Turn::Unchanged
            } else {
                // It has a violation of its own.
                Turn::OutOfScope
            };
            (turn, image.position())
        });
        let mut turns: Vec<(Turn, usize)> = readable.chain(unreadable).collect();
        turns.sort_unstable();
        let mut ranks = vec![0; turns.len()];
        for (rank, (_, position)) in turns.into_iter().enumerate() {
            ranks[position] = rank;
        }
        ranks
    }
}
