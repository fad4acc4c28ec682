//! `POST /image_policy`: the endpoint of kube-apiserver's `ImagePolicyWebhook` admission plugin.

use std::{borrow::Cow, time::SystemTime};

use bytes::Bytes;
use imagereview_core::{ImageReview, ImageReviewResponse, Language, Verdict};

use super::{
    context::RequestContext,
    decision::{Decision, Judge, Undecided, unless_it_panics},
    json_line::json_line,
    outcome::Outcome,
};
use crate::{policy::ServedPolicy, request::Refusal, state::State};

/// The response to an `ImageReview` that is allowed without a word.
pub(crate) fn approval(language: Language) -> Bytes {
    json_line(&ImageReviewResponse::new(&Verdict::allowed(), language).to_json())
}

/// Reviews an `ImageReview`. The response is a 200 whether the images may run or not, because the API
/// server lets its `defaultAllow` decide after anything else. There is none where another has answered
/// in the meantime.
pub(super) fn review(
    state: &State,
    served: &ServedPolicy,
    context: RequestContext<'_>,
    body: &[u8],
    judge: Judge<'_>,
) -> Result<Option<Outcome>, Refusal> {
    let request = ImageReview::from_slice(body).map_err(Refusal::Unreadable)?;
    let mut review = request.review().with_time(SystemTime::now());
    if let Some(facts) = context.facts {
        review = review.with_facts(facts);
    }
    let mut decision = Decision::reach(served, &review, judge);
    let response = unless_it_panics(|| response(state, &decision.verdict)).unwrap_or_else(|| {
        decision = Decision::fallback(served, Undecided::Panicked);
        response(state, &decision.verdict)
    });
    Ok(judge
        .may_answer()
        .then(|| Outcome::new(state, context, &review, &decision, response)))
}

fn response(state: &State, verdict: &Verdict) -> Bytes {
    match ImageReviewResponse::new(verdict, state.language).to_json() {
        // The one that is the same each time.
        Cow::Borrowed(_) => state.approval.clone(),
        Cow::Owned(json) => json_line(&json),
    }
}
