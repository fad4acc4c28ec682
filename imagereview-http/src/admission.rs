//! `POST /validate` and `POST /mutate`: the endpoints of validating and mutating admission webhooks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use imagereview_core::{AdmissionResponse, AdmissionReview, Review, Verdict};

use crate::{
    decision::{self, Asked, Decided},
    endpoint::Endpoint,
    routes,
    state::State,
    status::{MAX_UID, Refusal},
};

/// Reads the `AdmissionReview`, decides it and writes the answer: 200 whether the object is admitted
/// or not, because the API server lets the `failurePolicy` decide after anything else.
///
/// `/mutate` first changes the object as the policy declares and decides what results, so that
/// nothing is admitted by its looks before.
pub(crate) fn answer(
    state: &State,
    asked: Asked<'_>,
    body: &[u8],
) -> Result<Decided<Bytes>, Refusal> {
    let served = state.policy.load();
    let mut question =
        AdmissionReview::from_slice_with(body, served.kinds()).map_err(Refusal::Unreadable)?;
    if question.uid().len() > MAX_UID {
        return Err(Refusal::LongUid {
            length: question.uid().len(),
        });
    }
    let mutated = match asked.endpoint {
        Endpoint::Mutate => {
            // A question that is half changed is not decided.
            catch_unwind(AssertUnwindSafe(|| Some(served.mutate(&mut question))))
        }
        _ => Ok(None),
    };
    let asked = Asked {
        uid: Some(question.uid()),
        ..asked
    };
    let json = |verdict: &Verdict, patch| {
        let answer = AdmissionResponse::new(&question, verdict, state.language);
        let answer = match patch {
            Some(patch) => answer.with_patch(patch),
            None => answer,
        };
        let json = serde_json::to_vec(&answer).expect("strings and booleans always serialise");
        routes::line(&json)
    };
    let review: Review<'_> = question.review();
    let decided = match &mutated {
        Ok(patch) => {
            let answer = |verdict: &_| json(verdict, patch.as_ref());
            decision::decide(state, &served, asked, review, answer)
        }
        Err(_panic) => {
            let answer = |verdict: &_| json(verdict, None);
            decision::undecided(state, &served, asked, &review, answer)
        }
    };
    Ok(decided)
}
