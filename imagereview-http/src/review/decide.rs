//! Who decides a request: this thread, or another that may take its time.

use std::{sync::Arc, time::Instant};

use tokio::{sync::oneshot, task, time::timeout_at};

use super::{
    admission,
    claim::Claim,
    context::RequestContext,
    decision::{Judge, Undecided},
    image_policy,
    outcome::Outcome,
};
#[cfg(feature = "opentelemetry")]
use crate::observe::traces;
use crate::{
    request::{Caller, Endpoint, ReadBody, Refusal},
    state::State,
};

/// A request whose body is there.
pub(super) struct Submission {
    pub(super) endpoint: Endpoint,
    pub(super) caller: Arc<Caller>,
    pub(super) started: Instant,
    pub(super) body: ReadBody,
}

impl Submission {
    /// `None` where the request is answered already.
    fn review(&self, state: &State, judge: Judge<'_>) -> Result<Option<Outcome>, Refusal> {
        let context = RequestContext {
            endpoint: self.endpoint,
            caller: &self.caller,
            started: self.started,
            uid: None,
        };
        match self.endpoint {
            Endpoint::ImagePolicy => image_policy::review(state, context, &self.body, judge),
            Endpoint::Validate | Endpoint::Mutate => {
                admission::review(state, context, &self.body, judge)
            }
        }
    }
}

/// Decides a request.
pub(super) async fn decide(state: &Arc<State>, submission: Submission) -> Result<Outcome, Refusal> {
    let is_quick = submission.body.is_small() && state.policy.load().is_quick;
    if is_quick && let Some(_in_place) = state.deciding.pace.admit(submission.body.len()) {
        let outcome = submission.review(state, Judge::Policy(&Claim::default()));
        // Nobody else answers.
        return outcome?.ok_or(Refusal::Overloaded);
    }
    // Others are few, and what this keeps is moved with every request.
    Box::pin(decide_elsewhere(state, submission)).await
}

/// Has another thread decide, and answers without it where that takes too long.
async fn decide_elsewhere(
    state: &Arc<State>,
    mut submission: Submission,
) -> Result<Outcome, Refusal> {
    let end = tokio::time::Instant::now() + state.deciding.time;
    let caller = Arc::clone(&submission.caller);
    let turn = state.deciding.turn(caller.host(), submission.body.len());
    let turn = timeout_at(end, turn);
    let Ok(turn) = submission.body.unless_evicted(turn).await? else {
        return Err(Refusal::Overloaded);
    };
    let submission = Arc::new(submission);
    let claim = Arc::new(Claim::default());
    let (decided, mut decision) = oneshot::channel();
    state.deciding.run({
        let (state, submission, claim) = (
            Arc::clone(state),
            Arc::clone(&submission),
            Arc::clone(&claim),
        );
        #[cfg(feature = "opentelemetry")]
        let context = traces::current();
        move || {
            #[cfg(feature = "opentelemetry")]
            let _context = context.attach();
            match submission.review(&state, Judge::Policy(&claim)).transpose() {
                // Whoever waited may be gone.
                Some(outcome) => drop(decided.send(outcome)),
                None => drop(state.metrics.reviews.overdue.dec()),
            }
            drop(turn);
        }
    });
    if let Ok(outcome) = timeout_at(end, &mut decision).await {
        // A thread that ends without a word has met a panic beside the policy.
        return outcome.unwrap_or(Err(Refusal::Overloaded));
    }
    if !claim.take() {
        return decision.await.unwrap_or(Err(Refusal::Overloaded));
    }
    state.metrics.reviews.overdue.inc();
    let state = Arc::clone(state);
    #[cfg(feature = "opentelemetry")]
    let context = traces::current();
    // The body is read once more, for what the response and the logs say of it.
    let outcome = task::spawn_blocking(move || {
        #[cfg(feature = "opentelemetry")]
        let _context = context.attach();
        submission.review(&state, Judge::Nobody(Undecided::OutOfTime))
    });
    outcome
        .await
        .ok()
        .and_then(Result::transpose)
        .unwrap_or(Err(Refusal::Overloaded))
}
