//! Policies made of policies.

use std::sync::Arc;

use super::{Mode, Policy, Verdict, evaluate};
use crate::review::Review;

/// Allows every image whose reference can be read.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "it has no settings, so its name is its value"
)]
pub struct AllowAll;

impl Policy for AllowAll {
    fn evaluate(&self, _: &Review<'_>) -> Verdict {
        Verdict::allowed()
    }
}

/// Asks for both; see [`Policy::and`].
#[derive(Clone, Copy, Debug)]
pub struct And<A, B>(pub(super) A, pub(super) B);

impl<A: Policy, B: Policy> Policy for And<A, B> {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        evaluate(&self.0, review).merge(evaluate(&self.1, review))
    }

    fn unreadable_mode(&self, review: &Review<'_>) -> Mode {
        self.0
            .unreadable_mode(review)
            .max(self.1.unreadable_mode(review))
    }

    fn unchanged_mode(&self, review: &Review<'_>) -> Mode {
        self.0
            .unchanged_mode(review)
            .max(self.1.unchanged_mode(review))
    }
}

/// Is content with either; see [`Policy::or`].
#[derive(Clone, Copy, Debug)]
pub struct Or<A, B>(pub(super) A, pub(super) B);

impl<A: Policy, B: Policy> Policy for Or<A, B> {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        let first = evaluate(&self.0, review);
        if first.is_allowed() {
            return first;
        }
        let second = evaluate(&self.1, review);
        if second.is_allowed() {
            return second;
        }
        first.merge(second)
    }

    /// The stronger of the two: a reference that cannot be read is no reason to be lenient.
    fn unreadable_mode(&self, review: &Review<'_>) -> Mode {
        self.0
            .unreadable_mode(review)
            .max(self.1.unreadable_mode(review))
    }

    fn unchanged_mode(&self, review: &Review<'_>) -> Mode {
        self.0
            .unchanged_mode(review)
            .max(self.1.unchanged_mode(review))
    }
}

/// Applies on a condition; see [`Policy::when`].
#[derive(Clone, Copy, Debug)]
pub struct When<P, F> {
    pub(super) policy: P,
    pub(super) condition: F,
}

impl<P: Policy, F: Fn(&Review<'_>) -> bool> Policy for When<P, F> {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        if (self.condition)(review) {
            self.policy.evaluate(review)
        } else {
            Verdict::allowed()
        }
    }

    fn unreadable_mode(&self, review: &Review<'_>) -> Mode {
        self.policy.unreadable_mode(review)
    }

    fn unchanged_mode(&self, review: &Review<'_>) -> Mode {
        self.policy.unchanged_mode(review)
    }
}

/// Counts for no more than a mode; see [`Policy::in_mode`].
#[derive(Clone, Copy, Debug)]
pub struct InMode<P> {
    pub(super) policy: P,
    pub(super) mode: Mode,
}

impl<P: Policy> Policy for InMode<P> {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        self.policy
            .evaluate(review)
            .map(|violation| violation.in_mode(self.mode))
    }

    fn unreadable_mode(&self, review: &Review<'_>) -> Mode {
        self.policy.unreadable_mode(review).min(self.mode)
    }

    fn unchanged_mode(&self, review: &Review<'_>) -> Mode {
        self.policy.unchanged_mode(review)
    }
}

/// Asks for all of them; an empty list allows what [`AllowAll`] does.
impl<P: Policy> Policy for [P] {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        self.iter()
            .map(|policy| evaluate(policy, review))
            .fold(Verdict::allowed(), Verdict::merge)
    }

    fn unreadable_mode(&self, review: &Review<'_>) -> Mode {
        self.iter()
            .map(|policy| policy.unreadable_mode(review))
            .max()
            .unwrap_or_default()
    }

    fn unchanged_mode(&self, review: &Review<'_>) -> Mode {
        let modes = self.iter().map(|policy| policy.unchanged_mode(review));
        modes.max().unwrap_or(Mode::Warn)
    }
}

/// Asks for all of them; an empty list allows what [`AllowAll`] does.
impl<P: Policy> Policy for Vec<P> {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        self.as_slice().evaluate(review)
    }

    fn unreadable_mode(&self, review: &Review<'_>) -> Mode {
        self.as_slice().unreadable_mode(review)
    }

    fn unchanged_mode(&self, review: &Review<'_>) -> Mode {
        self.as_slice().unchanged_mode(review)
    }
}

macro_rules! forward_to_pointee {
    ($($pointer:ty),*) => {$(
        impl<P: Policy + ?Sized> Policy for $pointer {
            fn evaluate(&self, review: &Review<'_>) -> Verdict {
                (**self).evaluate(review)
            }

            fn unreadable_mode(&self, review: &Review<'_>) -> Mode {
                (**self).unreadable_mode(review)
            }

            fn unchanged_mode(&self, review: &Review<'_>) -> Mode {
                (**self).unchanged_mode(review)
            }
        }
    )*};
}

forward_to_pointee!(&P, Box<P>, Arc<P>);
