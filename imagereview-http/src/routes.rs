//! Which path is answered by which handler.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, Version,
    body::{Body, Incoming},
    header::{CONNECTION, HeaderValue},
};

use crate::{image_policy, state::State, status::Refusal};

/// The paths that exist, as a 404 lists them.
const SERVED: &str = image_policy::PATH;

/// Answers one request. A query (kube-apiserver sends `?timeout=30s`) is no part of the path.
pub(crate) async fn answer(
    state: &State,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let http1 = request.version() < Version::HTTP_2;
    let has_body = !request.body().is_end_stream();
    let answer = match request.uri().path() {
        image_policy::PATH => image_policy::answer(state, peer, request).await,
        path => Err(Refusal::UnknownPath {
            path: path.to_owned(),
            served: SERVED,
        }),
    };
    answer.unwrap_or_else(|refusal| {
        tracing::warn!(%peer, "request refused: {refusal}");
        let mut response = refusal.response();
        // The rest of an unread body would be taken for the next request. HTTP/2 ends the stream
        // instead, and has no such header.
        if http1 && has_body && !matches!(refusal, Refusal::Unreadable(_)) {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    })
}
