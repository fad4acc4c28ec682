//! `POST /image_policy`: the endpoint of kube-apiserver's `ImagePolicyWebhook` admission plugin.

use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use imagereview_core::{ImageReview, ImageReviewAnswer};

use crate::{
    body, decision, endpoint::Endpoint, request::Caller, routes, state::State, status::Refusal,
};

/// Where the endpoint stands.
pub(crate) const PATH: &str = "/image_policy";

/// Reads the `ImageReview`, decides it and writes the answer: 200 whether the images may run or
/// not, because the API server lets its `defaultAllow` decide after anything else.
pub(crate) async fn answer(
    state: &State,
    caller: &Caller,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let started = Instant::now();
    let body = body::read_json(request, state.body).await?;
    let question = ImageReview::from_slice(&body).map_err(Refusal::Unreadable)?;
    let answer = decision::decide(
        state,
        Endpoint::ImagePolicy,
        caller,
        started,
        question.review(),
        |verdict| ImageReviewAnswer::new(verdict, state.language).to_json(),
    )
    .await;
    Ok(routes::json(answer.into_owned()))
}
