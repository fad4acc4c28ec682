//! `POST /validate` and `POST /mutate`: the endpoints of validating and mutating admission webhooks.

use std::time::SystemTime;

use bytes::Bytes;
use imagereview_core::{AdmissionResponse, AdmissionReview, Verdict, mutation::Patch};

use super::{
    context::RequestContext,
    decision::{Decision, unless_it_panics},
    json_line::json_line,
    outcome::Outcome,
};
use crate::{
    request::{Endpoint, MAX_UID, Refusal},
    state::State,
};

/// Reviews an `AdmissionReview`. The response is a 200 whether the object is admitted or not, because
/// the API server lets the `failurePolicy` decide after anything else.
///
/// `/mutate` first changes the object as the policy declares and decides the result, so that the
/// verdict is about what is admitted.
pub(super) fn review(
    state: &State,
    context: RequestContext<'_>,
    body: &[u8],
) -> Result<Outcome, Refusal> {
    let served = state.policy.load();
    let mut request =
        AdmissionReview::from_slice_with(body, served.kinds()).map_err(Refusal::Unreadable)?;
    if request.uid().len() > MAX_UID {
        return Err(Refusal::LongUid {
            length: request.uid().len(),
        });
    }
    let mut patch = None;
    let mut is_half_mutated = false;
    if context.endpoint == Endpoint::Mutate {
        patch = unless_it_panics(|| served.mutate(&mut request));
        is_half_mutated = patch.is_none();
    }
    let context = RequestContext {
        uid: Some(request.uid()),
        ..context
    };
    let review = request.review().with_time(SystemTime::now());
    // An object that is half mutated is not decided.
    let mut decision = if is_half_mutated {
        Decision::fallback(&served)
    } else {
        Decision::reach(&served, &review)
    };
    let render = |verdict: &_| response(state, &request, verdict, patch.as_ref());
    let response = unless_it_panics(|| render(&decision.verdict)).unwrap_or_else(|| {
        decision = Decision::fallback(&served);
        render(&decision.verdict)
    });
    Ok(Outcome::new(state, context, &review, &decision, response))
}

fn response(
    state: &State,
    request: &AdmissionReview<'_>,
    verdict: &Verdict,
    patch: Option<&Patch>,
) -> Bytes {
    let mut response = AdmissionResponse::new(request, verdict, state.language);
    if let Some(patch) = patch {
        response = response.with_patch(patch);
    }
    json_line(&serde_json::to_vec(&response).expect("strings and booleans always serialise"))
}
