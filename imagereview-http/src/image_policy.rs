//! `POST /image_policy`: the endpoint of kube-apiserver's `ImagePolicyWebhook` admission plugin.

use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use imagereview_core::{ImageReview, ImageReviewAnswer};

use crate::{
    body,
    decision::{self, Asked},
    endpoint::Endpoint,
    request::Caller,
    routes,
    state::State,
    status::Refusal,
};

/// Reads the `ImageReview`, decides it and writes the answer: 200 whether the images may run or
/// not, because the API server lets its `defaultAllow` decide after anything else.
pub(crate) async fn answer(
    state: &State,
    caller: &Caller,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let started = Instant::now();
    let body = body::read_json(request, state.body, state).await?;
    let question = ImageReview::from_slice(&body).map_err(Refusal::Unreadable)?;
    let asked = Asked {
        endpoint: Endpoint::ImagePolicy,
        caller,
        started,
        uid: None,
    };
    let served = state.policy.load_full();
    let json = |verdict: &_| ImageReviewAnswer::new(verdict, state.language).to_json();
    let answer = decision::decide(state, &served, asked, question.review(), json).await;
    Ok(routes::json(&answer))
}
