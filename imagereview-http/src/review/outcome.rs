//! What comes of a request that was reviewed.

use bytes::Bytes;
use imagereview_core::Review;

#[cfg(feature = "opentelemetry")]
use super::images::images;
use super::{
    audit_line,
    context::RequestContext,
    decision::{Decision, Undecided},
    log_line,
    record::Record,
    request_id::RequestId,
};
#[cfg(feature = "opentelemetry")]
use crate::observe::traces;
use crate::state::State;

/// The response to a request, and what is still to be recorded of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) response: Bytes,
    /// The line of the audit log, where there is one.
    pub(super) audit_line: Option<Vec<u8>>,
}

impl Outcome {
    /// Counts and logs a decision, and makes its line of the audit log.
    pub(super) fn new(
        state: &State,
        context: RequestContext<'_>,
        review: &Review<'_>,
        decision: &Decision,
        response: Bytes,
    ) -> Self {
        let verdict = &decision.verdict;
        let reached = decision.undecided.is_none().then_some(verdict);
        let duration = context.started.elapsed();
        state
            .metrics
            .reviews
            .decided(context.endpoint, reached, duration);
        match decision.undecided {
            Some(Undecided::Panicked) => drop(state.metrics.reviews.panics.inc()),
            Some(Undecided::OutOfTime) => drop(state.metrics.reviews.timeouts.inc()),
            Some(Undecided::LargePatch) | None => {}
        }
        #[cfg(feature = "opentelemetry")]
        traces::decided(verdict.is_allowed(), images(review).count());
        let record = Record {
            request: RequestId::next(),
            context,
            review,
            verdict,
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        };
        log_line::write(&record);
        let audit_line = state
            .audit
            .is_some()
            .then(|| audit_line::to_json(&record, state.language));
        Self {
            response,
            audit_line,
        }
    }
}
