//! `POST /image_policy`: the endpoint of kube-apiserver's `ImagePolicyWebhook` admission plugin.

use std::borrow::Cow;

use bytes::Bytes;
use imagereview_core::{ImageReview, ImageReviewResponse};

use crate::{
    decision::{self, Asked, Decided},
    routes,
    state::State,
    status::Refusal,
};

/// Reads the `ImageReview`, decides it and writes the answer: 200 whether the images may run or
/// not, because the API server lets its `defaultAllow` decide after anything else.
pub(crate) fn answer(
    state: &State,
    asked: Asked<'_>,
    body: &[u8],
) -> Result<Decided<Bytes>, Refusal> {
    let question = ImageReview::from_slice(body).map_err(Refusal::Unreadable)?;
    let served = state.policy.load();
    let json = |verdict: &_| match ImageReviewResponse::new(verdict, state.language).to_json() {
        // The one that is the same each time.
        Cow::Borrowed(_) => state.approval.clone(),
        Cow::Owned(json) => routes::line(&json),
    };
    Ok(decision::decide(
        state,
        &served,
        asked,
        question.review(),
        json,
    ))
}
