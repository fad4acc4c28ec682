//! How policies that are made of policies decide.

use std::sync::Arc;

use super::{And, InMode, Or, Policy, When, evaluate, mode::Modes, verdict::Verdict};
use crate::{facts::Needs, review::Review};

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

impl<A: Policy, B: Policy> Policy for And<A, B> {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        evaluate(&self.0, review).merge(evaluate(&self.1, review))
    }

    fn modes(&self, review: &Review<'_>) -> Modes {
        self.0.modes(review).strongest(self.1.modes(review))
    }

    fn needs(&self, review: &Review<'_>, needs: &mut Needs) {
        self.0.needs(review, needs);
        self.1.needs(review, needs);
    }
}

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

    /// The stronger ones: a reference that cannot be read is no reason to be lenient.
    fn modes(&self, review: &Review<'_>) -> Modes {
        self.0.modes(review).strongest(self.1.modes(review))
    }

    fn needs(&self, review: &Review<'_>, needs: &mut Needs) {
        self.0.needs(review, needs);
        self.1.needs(review, needs);
    }
}

impl<P: Policy, F: Fn(&Review<'_>) -> bool> Policy for When<P, F> {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        if (self.condition)(review) {
            self.policy.evaluate(review)
        } else {
            Verdict::allowed()
        }
    }

    fn modes(&self, review: &Review<'_>) -> Modes {
        self.policy.modes(review)
    }

    fn needs(&self, review: &Review<'_>, needs: &mut Needs) {
        if (self.condition)(review) {
            self.policy.needs(review, needs);
        }
    }
}

impl<P: Policy> Policy for InMode<P> {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        self.policy.evaluate(review).capped_at(self.mode)
    }

    fn modes(&self, review: &Review<'_>) -> Modes {
        let modes = self.policy.modes(review);
        modes
            .with_unreadable_references(modes.unreadable_references().min(self.mode))
            .with_unreadable_object(modes.unreadable_object().min(self.mode))
    }

    fn needs(&self, review: &Review<'_>, needs: &mut Needs) {
        self.policy.needs(review, needs);
    }
}

/// Requires all of them; an empty list allows what [`AllowAll`] does.
impl<P: Policy> Policy for [P] {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        self.iter()
            .map(|policy| evaluate(policy, review))
            .fold(Verdict::allowed(), Verdict::merge)
    }

    fn modes(&self, review: &Review<'_>) -> Modes {
        let modes = self.iter().map(|policy| policy.modes(review));
        modes.reduce(Modes::strongest).unwrap_or_default()
    }

    fn needs(&self, review: &Review<'_>, needs: &mut Needs) {
        for policy in self {
            policy.needs(review, needs);
        }
    }
}

/// Requires all of them; an empty list allows what [`AllowAll`] does.
impl<P: Policy> Policy for Vec<P> {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        self.as_slice().evaluate(review)
    }

    fn modes(&self, review: &Review<'_>) -> Modes {
        self.as_slice().modes(review)
    }

    fn needs(&self, review: &Review<'_>, needs: &mut Needs) {
        self.as_slice().needs(review, needs);
    }
}

macro_rules! forward_to_pointee {
    ($($pointer:ty),*) => {$(
        impl<P: Policy + ?Sized> Policy for $pointer {
            fn evaluate(&self, review: &Review<'_>) -> Verdict {
                (**self).evaluate(review)
            }

            fn modes(&self, review: &Review<'_>) -> Modes {
                (**self).modes(review)
            }

            fn needs(&self, review: &Review<'_>, needs: &mut Needs) {
                (**self).needs(review, needs);
            }
        }
    )*};
}

forward_to_pointee!(&P, Box<P>, Arc<P>);
