//! The verdict of a review, whatever the policy does.
//!
//! Nothing that goes wrong may end the process, or be answered with an error that the API server would
//! take for "decide without me". So a panic is a denial.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use imagereview_core::{Message, Review, Verdict};

use crate::policy::ServedPolicy;

/// The denial in place of the verdict that a policy failed to reach. What went wrong is for the
/// log, not for the client.
static POLICY_FAILED: Message = Message::new(
    "the policy failed while it reviewed the images; the webhook's log says how",
    "策略在审查镜像时发生故障,详情见webhook日志",
);

/// What came of a review.
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    /// Whether the verdict replaces one that was not reached.
    pub(super) is_fallback: bool,
}

impl Decision {
    /// The policy's verdict; the fallback if the policy panics.
    pub(super) fn reach(served: &ServedPolicy, review: &Review<'_>) -> Self {
        let verdict = unless_it_panics(|| {
            let verdict = imagereview_core::decide(&*served.policy, review);
            served.log_explanation(review);
            verdict
        });
        match verdict {
            Some(verdict) => Self {
                verdict,
                is_fallback: false,
            },
            None => Self::fallback(served),
        }
    }

    /// A denial, since no verdict was reached.
    pub(super) fn fallback(served: &ServedPolicy) -> Self {
        let mut verdict = Verdict::undecided(POLICY_FAILED.clone());
        if let Some(identity) = &served.identity {
            verdict = verdict.with_policy(Arc::clone(identity));
        }
        Self {
            verdict,
            is_fallback: true,
        }
    }
}

/// The output of a function; `None` if it panics.
///
/// A review is only read, and a policy that was interrupted keeps no lock that others need unless its
/// author gave it one.
pub(super) fn unless_it_panics<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}
