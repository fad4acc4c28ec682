//! The verdict of a review, whatever the policy does.
//!
//! Nothing that goes wrong may end the process, or be answered with an error that the API server would
//! take for "decide without me". So a panic is a denial.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use imagereview_core::{Message, Review, Verdict};

use super::claim::Claim;
use crate::policy::ServedPolicy;

/// The denial in place of the verdict that a policy failed to reach. What went wrong is for the
/// log, not for the client.
static POLICY_FAILED: Message = Message::new(
    "the policy failed while it reviewed the images; the webhook's log says how",
    "策略在审查镜像时发生故障,详情见webhook日志",
);

/// The denial in place of the verdict that was not reached in time.
static OUT_OF_TIME: Message = Message::new(
    "the images could not be reviewed within the time that a review may take; try again, with fewer images if \
     there are many",
    "未能在规定时间内完成镜像审查;请重试,镜像很多时请减少镜像",
);

/// The denial of an object whose mutations would take more than they may.
static LARGE_PATCH: Message = Message::new(
    "the changes that the policy makes to its images are too many for one response; reduce the number of containers",
    "策略对镜像的修改过多,无法在一次响应中返回;请减少容器数量",
);

/// Why there is no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undecided {
    /// The policy or a mutation panicked.
    Panicked,
    /// The review took too long.
    OutOfTime,
    /// The mutations make a patch that is too large.
    LargePatch,
}

impl Undecided {
    fn message(self) -> &'static Message {
        match self {
            Self::Panicked => &POLICY_FAILED,
            Self::OutOfTime => &OUT_OF_TIME,
            Self::LargePatch => &LARGE_PATCH,
        }
    }
}

/// Who decides a review.
#[derive(Clone, Copy, Debug)]
pub(super) enum Judge<'c> {
    /// The policy, whose verdict counts if nobody else has claimed the answer by then.
    Policy(&'c Claim),
    /// Nobody, for this reason.
    Nobody(Undecided),
}

impl Judge<'_> {
    /// Whether the answer is this one's to give.
    pub(super) fn may_answer(self) -> bool {
        match self {
            Self::Policy(claim) => claim.take(),
            Self::Nobody(_) => true,
        }
    }
}

/// What came of a review.
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    /// Why the verdict replaces one that was not reached.
    pub(super) undecided: Option<Undecided>,
}

impl Decision {
    /// The policy's verdict; the fallback if the policy panics, or is not asked.
    pub(super) fn reach(served: &ServedPolicy, review: &Review<'_>, judge: Judge<'_>) -> Self {
        if let Judge::Nobody(cause) = judge {
            return Self::fallback(served, cause);
        }
        let verdict = unless_it_panics(|| {
            let verdict = imagereview_core::decide(&*served.policy, review);
            served.log_explanation(review);
            verdict
        });
        match verdict {
            Some(verdict) => Self {
                verdict,
                undecided: None,
            },
            None => Self::fallback(served, Undecided::Panicked),
        }
    }

    /// A denial, since no verdict was reached.
    pub(super) fn fallback(served: &ServedPolicy, cause: Undecided) -> Self {
        let mut verdict = Verdict::undecided(cause.message().clone());
        if let Some(identity) = &served.identity {
            verdict = verdict.with_policy(Arc::clone(identity));
        }
        Self {
            verdict,
            undecided: Some(cause),
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
