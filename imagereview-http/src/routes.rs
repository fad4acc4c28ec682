//! Which path is answered by which handler.

use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response,
    body::{Body, Incoming},
    header::{CONNECTION, CONTENT_TYPE, HeaderValue},
};

use crate::{
    admission,
    body::{self, BodyLimits},
    decision::Asked,
    endpoint::Endpoint,
    image_policy,
    metrics::Counted,
    request::{Caller, Question},
    state::State,
    status::{APPLICATION_JSON, Refusal},
};

/// Answers one request.
pub(crate) async fn answer(
    state: &State,
    caller: &Caller,
    question: Question,
) -> Response<Full<Bytes>> {
    let Question {
        is_http2,
        endpoint,
        body,
    } = question;
    // HTTP/2 ends the stream of a body that is not read.
    let mut has_unread_body = !is_http2 && !body.is_end_stream();
    let counted = Counted::new(&state.metrics.requests_in_flight);
    let decided = match endpoint {
        // Whoever has been sending a body for longest goes first.
        _ if counted.before >= state.max_requests && !state.slow_bodies.evict_oldest() => {
            has_unread_body = !body::discard(body, state.body.bytes).await;
            Err(Refusal::Overloaded)
        }
        Ok(endpoint) => decided(state, endpoint, caller, is_http2, body).await,
        Err(refusal) => Err(*refusal),
    };
    let refusal = match decided {
        Ok(json) => {
            let mut response = Response::new(Full::new(json));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, APPLICATION_JSON);
            return response;
        }
        Err(refusal) => refusal,
    };
    state.metrics.refused(&refusal);
    let (peer, client) = (&*caller.peer, caller.name.as_deref());
    if matches!(refusal, Refusal::Overloaded) {
        // The metric tells as much, and a line for each would be more of the load.
        tracing::debug!(%peer, client, "request refused: {refusal}");
    } else {
        tracing::warn!(%peer, client, "request refused: {refusal}");
    }
    let mut response = refusal.response();
    // The rest of an unread body would be taken for the next request. HTTP/2 ends the stream
    // instead, and has no such header.
    if !is_http2 && has_unread_body && !matches!(refusal, Refusal::Unreadable(_)) {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Reads the review, decides it, and gives the answer's JSON. Only reading waits, so that hardly
/// anything has to be kept meanwhile.
async fn decided(
    state: &State,
    endpoint: Endpoint,
    caller: &Caller,
    is_http2: bool,
    body: Incoming,
) -> Result<Bytes, Refusal> {
    let started = Instant::now();
    let limits = match endpoint {
        Endpoint::ImagePolicy => state.body,
        // The object stands in it twice, as it was and as it is to be.
        Endpoint::Validate | Endpoint::Mutate => BodyLimits {
            bytes: state.body.bytes.saturating_mul(2),
            ..state.body
        },
    };
    let body = body::read(body, is_http2, limits, state).await?;
    if let Some(audit) = &state.audit {
        audit.has_room().await;
    }
    let asked = Asked {
        endpoint,
        caller,
        started,
        uid: None,
    };
    let decided = match endpoint {
        Endpoint::ImagePolicy => image_policy::answer(state, asked, &body),
        Endpoint::Validate | Endpoint::Mutate => admission::answer(state, asked, &body),
    }?;
    Ok(decided.recorded(state).await)
}

/// JSON on a line of its own, for those who ask with curl.
pub(crate) fn line(json: &[u8]) -> Bytes {
    // `Bytes` takes over a vector without spare room as it is.
    let mut line = Vec::with_capacity(json.len() + 1);
    line.extend_from_slice(json);
    line.push(b'\n');
    Bytes::from(line)
}
