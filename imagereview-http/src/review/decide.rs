//! Who decides a request: this thread, or another that may take its time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use imagereview_core::facts::{Facts, Needs};
use imagereview_registry::PodSecrets;
use tokio::{sync::oneshot, task, time::timeout_at};

use super::{
    admission,
    claim::Claim,
    context::RequestContext,
    decision::{Judge, Undecided, unless_it_panics},
    image_policy, needs,
    outcome::Outcome,
    pod_secrets::pod_secrets,
};
#[cfg(feature = "opentelemetry")]
use crate::observe::traces;
use crate::{
    policy::ServedPolicy,
    request::{Caller, Endpoint, ReadBody, Refusal},
    state::State,
};

/// A request whose body is there.
pub(super) struct Submission {
    pub(super) endpoint: Endpoint,
    pub(super) caller: Arc<Caller>,
    pub(super) started: Instant,
    /// How long the client waits, where it says that.
    pub(super) timeout: Option<Duration>,
    pub(super) body: ReadBody,
    /// What is known of the images, if the policy needs something.
    pub(super) facts: Option<Facts>,
}

impl Submission {
    /// `None` where the request is answered already.
    fn review(
        &self,
        state: &State,
        served: &ServedPolicy,
        judge: Judge<'_>,
    ) -> Result<Option<Outcome>, Refusal> {
        let context = RequestContext {
            endpoint: self.endpoint,
            caller: &self.caller,
            started: self.started,
            uid: None,
            facts: self.facts.as_ref(),
        };
        match self.endpoint {
            Endpoint::ImagePolicy => {
                image_policy::review(state, served, context, &self.body, judge)
            }
            Endpoint::Validate | Endpoint::Mutate => {
                admission::review(state, served, context, &self.body, judge)
            }
        }
    }
}

/// Decides a request.
pub(super) async fn decide(state: &Arc<State>, submission: Submission) -> Result<Outcome, Refusal> {
    {
        let served = state.policy.load();
        let waits = served.may_need_facts && state.facts.has_source();
        let is_quick = submission.body.is_small() && served.is_quick && !waits;
        if is_quick && let Some(_in_place) = state.deciding.pace.admit(submission.body.len()) {
            let outcome = submission.review(state, &served, Judge::Policy(&Claim::default()));
            // Nobody else answers.
            return outcome?.ok_or(Refusal::Overloaded);
        }
    }
    // Others are few, and what this keeps is moved with every request.
    Box::pin(decide_with_time(state, submission)).await
}

/// Waits for the facts that the policy needs, and has another thread decide.
async fn decide_with_time(
    state: &Arc<State>,
    mut submission: Submission,
) -> Result<Outcome, Refusal> {
    // All of it by one policy, whatever is served in the meantime.
    let served = state.policy.load_full();
    if served.may_need_facts && state.facts.has_source() {
        submission = with_facts(state, &served, submission).await?;
    }
    decide_elsewhere(state, served, submission).await
}

/// What is pinned is asked for first, and then what the result needs.
const ROUNDS: usize = 2;

/// The submission with the facts that the policy needs.
async fn with_facts(
    state: &Arc<State>,
    served: &Arc<ServedPolicy>,
    mut submission: Submission,
) -> Result<Submission, Refusal> {
    let deadline = state.facts.deadline(submission.started, submission.timeout);
    let started = Instant::now();
    let mut progress = Progress::default();
    #[cfg(feature = "opentelemetry")]
    let span = traces::begin_facts();
    for round in 0..ROUNDS {
        // Whatever else is needed would come too late.
        if round > 0 && Instant::now() >= deadline {
            break;
        }
        let needs;
        (submission, progress, needs) =
            needed(state, served, submission, progress, deadline).await?;
        if needs.is_empty() {
            break;
        }
        let pod = progress.pod.as_ref();
        let facts = state.facts.ask(needs.clone(), pod, deadline);
        let facts = submission.body.unless_evicted(facts).await?;
        progress.asked.extend(needs);
        progress.known.extend(facts);
    }
    if !progress.asked.is_empty() {
        let Progress { asked, known, .. } = &progress;
        state.metrics.facts.waited(started.elapsed(), asked, known);
        #[cfg(feature = "opentelemetry")]
        traces::end_facts(&span, asked, known);
    }
    submission.facts = Some(progress.known);
    Ok(submission)
}

/// What was asked for, and what came of it.
#[derive(Default)]
struct Progress {
    asked: Needs,
    known: Facts,
    /// The pull secrets of the pods, if they are read.
    pod: Option<PodSecrets>,
}

/// What is needed next. Finding it out takes as much as deciding, and is done where that is.
async fn needed(
    state: &Arc<State>,
    served: &Arc<ServedPolicy>,
    mut submission: Submission,
    progress: Progress,
    deadline: Instant,
) -> Result<(Submission, Progress, Needs), Refusal> {
    let caller = Arc::clone(&submission.caller);
    let turn = state.deciding.turn(caller.host(), submission.body.len());
    let turn = timeout_at(deadline.into(), turn);
    let Ok(turn) = submission.body.unless_evicted(turn).await? else {
        // It is decided without what it did not come to ask for.
        return Ok((submission, progress, Needs::new()));
    };
    let (found, needs) = oneshot::channel();
    let reads_pull_secrets =
        submission.endpoint != Endpoint::ImagePolicy && state.facts.reads_pull_secrets();
    state.deciding.run({
        let served = Arc::clone(served);
        let mut progress = progress;
        move || {
            let needed = unless_it_panics(|| {
                let Progress { asked, known, .. } = &progress;
                needs::needs(&served, submission.endpoint, &submission.body, known, asked)
            });
            let is_asked = needed.as_ref().is_some_and(|needs| !needs.is_empty());
            if reads_pull_secrets && is_asked && progress.pod.is_none() {
                progress.pod = pod_secrets(&submission.body);
            }
            // A policy that panics does so again when it decides.
            let needed = needed.unwrap_or_default();
            // Whoever waited may be gone.
            let _ = found.send((submission, progress, needed));
            drop(turn);
        }
    });
    let end = deadline + state.deciding.time;
    match timeout_at(end.into(), needs).await {
        Ok(Ok(needed)) => Ok(needed),
        // A thread that ends without a word has met a panic, and one that does not end has the submission.
        Ok(Err(_)) | Err(_) => Err(Refusal::Overloaded),
    }
}

/// Has another thread decide, and answers without it where that takes too long.
async fn decide_elsewhere(
    state: &Arc<State>,
    served: Arc<ServedPolicy>,
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
        let served = Arc::clone(&served);
        #[cfg(feature = "opentelemetry")]
        let context = traces::current();
        move || {
            #[cfg(feature = "opentelemetry")]
            let _context = context.attach();
            match submission
                .review(&state, &served, Judge::Policy(&claim))
                .transpose()
            {
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
        submission.review(&state, &served, Judge::Nobody(Undecided::OutOfTime))
    });
    outcome
        .await
        .ok()
        .and_then(Result::transpose)
        .unwrap_or(Err(Refusal::Overloaded))
}
