//! Which path is answered by which handler.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, Version,
    body::{Body, Incoming},
    header::{CONNECTION, CONTENT_TYPE, HeaderValue},
};

use crate::{
    admission, body,
    endpoint::Endpoint,
    image_policy,
    metrics::Counted,
    request::Caller,
    state::State,
    status::{APPLICATION_JSON, Refusal},
};

/// The paths that exist, as a 404 lists them.
const SERVED: &str = "/image_policy, /validate, /mutate";

/// Answers one request. A query (kube-apiserver sends `?timeout=30s`) is no part of the path.
pub(crate) async fn answer(
    state: &State,
    caller: &Caller,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let http1 = request.version() < Version::HTTP_2;
    let mut has_unread_body = !request.body().is_end_stream();
    let counted = Counted::new(&state.metrics.requests_in_flight);
    let answer = match Endpoint::at(request.uri().path()) {
        // Whoever has been sending a body for longest goes first.
        _ if counted.before >= state.max_requests && !state.slow_bodies.evict_oldest() => {
            has_unread_body = !body::discard(request.into_body(), state.body.bytes).await;
            Err(Refusal::Overloaded)
        }
        Some(Endpoint::ImagePolicy) => image_policy::answer(state, caller, request).await,
        Some(endpoint) => admission::answer(state, endpoint, caller, request).await,
        None => Err(Refusal::UnknownPath {
            path: request.uri().path().to_owned(),
            served: SERVED,
        }),
    };
    answer.unwrap_or_else(|refusal| {
        state.metrics.refused(&refusal);
        let (peer, client) = (caller.peer, caller.name.as_deref());
        if matches!(refusal, Refusal::Overloaded) {
            // The metric tells as much, and a line for each would be more of the load.
            tracing::debug!(%peer, client, "request refused: {refusal}");
        } else {
            tracing::warn!(%peer, client, "request refused: {refusal}");
        }
        let mut response = refusal.response();
        // The rest of an unread body would be taken for the next request. HTTP/2 ends the stream
        // instead, and has no such header.
        if http1 && has_unread_body && !matches!(refusal, Refusal::Unreadable(_)) {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    })
}

/// An answer with this JSON, on a line of its own for those who ask with curl.
pub(crate) fn json(json: &[u8]) -> Response<Full<Bytes>> {
    // `Bytes` takes over a vector without spare room as it is.
    let mut line = Vec::with_capacity(json.len() + 1);
    line.extend_from_slice(json);
    line.push(b'\n');
    let mut response = Response::new(Full::new(Bytes::from(line)));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, APPLICATION_JSON);
    response
}
