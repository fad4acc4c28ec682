//! `POST /validate` and `POST /mutate`: the endpoints of validating and mutating admission webhooks.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use imagereview_core::{AdmissionAnswer, AdmissionReview, Review, Verdict};

use crate::{
    body::{self, BodyLimits},
    decision::{self, Asked},
    endpoint::Endpoint,
    request::Caller,
    routes,
    state::State,
    status::{MAX_UID, Refusal},
};

/// Reads the `AdmissionReview`, decides it and writes the answer: 200 whether the object is admitted
/// or not, because the API server lets the `failurePolicy` decide after anything else.
///
/// `/mutate` first changes the object as the policy declares and decides what results, so that
/// nothing is admitted by its looks before.
pub(crate) async fn answer(
    state: &State,
    endpoint: Endpoint,
    caller: &Caller,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let started = Instant::now();
    // The object stands in it twice, as it was and as it is to be.
    let limits = BodyLimits {
        bytes: state.body.bytes.saturating_mul(2),
        ..state.body
    };
    let body = body::read_json(request, limits, state).await?;
    let served = state.policy.load_full();
    let mut question =
        AdmissionReview::from_slice_with(&body, served.kinds()).map_err(Refusal::Unreadable)?;
    if question.uid().len() > MAX_UID {
        return Err(Refusal::LongUid {
            length: question.uid().len(),
        });
    }
    let mutated = match endpoint {
        Endpoint::Mutate => {
            // A question that is half changed is not decided.
            catch_unwind(AssertUnwindSafe(|| Some(served.mutate(&mut question))))
        }
        _ => Ok(None),
    };
    let asked = Asked {
        endpoint,
        caller,
        started,
        uid: Some(question.uid()),
    };
    let json = |verdict: &Verdict, patch| {
        let answer = AdmissionAnswer::new(&question, verdict, state.language);
        let answer = match patch {
            Some(patch) => answer.with_patch(patch),
            None => answer,
        };
        serde_json::to_vec(&answer).expect("strings and booleans always serialise")
    };
    let review: Review<'_> = question.review();
    let answer = match &mutated {
        Ok(patch) => {
            let answer = |verdict: &_| json(verdict, patch.as_ref());
            decision::decide(state, &served, asked, review, answer).await
        }
        Err(_panic) => {
            let answer = |verdict: &_| json(verdict, None);
            decision::undecided(state, &served, asked, review, answer).await
        }
    };
    Ok(routes::json(answer))
}
