//! The response to a request.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::{
    Response,
    body::{Body, Incoming},
    header::{CONNECTION, CONTENT_TYPE, HeaderValue},
};
use tokio::sync::Notify;

use super::decide::{Submission, decide};
use crate::{
    observe::Counted,
    request::{self, APPLICATION_JSON, BodyLimits, Caller, Endpoint, Refusal, ReviewRequest},
    state::State,
    untaken::ResponseBody,
};

/// The response to one request.
pub(crate) async fn respond(
    state: &Arc<State>,
    caller: &Arc<Caller>,
    cut: &Arc<Notify>,
    request: ReviewRequest,
) -> Response<ResponseBody> {
    let ReviewRequest {
        is_http2,
        endpoint,
        timeout,
        body,
    } = request;
    // HTTP/2 ends the stream of a body that is not read.
    let mut has_unread_body = !is_http2 && !body.is_end_stream();
    let counted = Counted::new(&state.metrics.reviews.in_flight);
    let reviewed = match endpoint {
        // The request whose body has been awaited for longest is evicted first.
        _ if counted.before >= state.max_requests && !state.bodies.evict_slowest() => {
            if is_http2 {
                Box::pin(state.bodies.discard_rest(body, state.body)).await;
            } else {
                has_unread_body = !request::discard(body, state.body.bytes).await;
            }
            Err(Refusal::Overloaded)
        }
        Ok(endpoint) => {
            let head = Head {
                is_http2,
                endpoint,
                timeout,
            };
            reviewed(state, head, caller, body).await
        }
        Err(refusal) => {
            if is_http2 {
                Box::pin(state.bodies.discard_rest(body, state.body)).await;
            }
            Err(*refusal)
        }
    };
    let reviewed = match reviewed {
        Ok(json) => state
            .responses
            .hold(json, cut)
            .await
            .ok_or(Refusal::Overloaded),
        Err(refusal) => Err(refusal),
    };
    let refusal = match reviewed {
        Ok(body) => {
            let mut response = Response::new(body);
            response
                .headers_mut()
                .insert(CONTENT_TYPE, APPLICATION_JSON);
            return response;
        }
        Err(refusal) => refusal,
    };
    state.metrics.refusals.count(&refusal);
    let (peer, client) = (&*caller.peer, caller.name.as_deref());
    if matches!(refusal, Refusal::Overloaded) {
        // The metric counts them, and a line for each would be more of the load.
        tracing::debug!(%peer, client, "request refused: {refusal}");
    } else if let Some(left_out) = state.refusal_lines.line() {
        let left_out = (left_out > 0).then_some(left_out);
        tracing::warn!(%peer, client, left_out, "request refused: {refusal}");
    }
    let mut response = refusal
        .response()
        .map(|json| state.responses.hold_anyway(json, cut));
    // The rest of an unread body would be taken for the next request. HTTP/2 ends the stream
    // instead, and has no such header.
    if !is_http2 && has_unread_body && !matches!(refusal, Refusal::Unreadable(_)) {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What the head of an acceptable request says.
#[derive(Clone, Copy)]
struct Head {
    is_http2: bool,
    endpoint: Endpoint,
    timeout: Option<Duration>,
}

/// Reads a body, reviews it, and gives the response's JSON.
async fn reviewed(
    state: &Arc<State>,
    head: Head,
    caller: &Arc<Caller>,
    body: Incoming,
) -> Result<Bytes, Refusal> {
    let Head {
        is_http2,
        endpoint,
        timeout,
    } = head;
    let started = Instant::now();
    let limits = match endpoint {
        Endpoint::ImagePolicy => state.body,
        // It holds its object twice, as it was and as it is to be.
        Endpoint::Validate | Endpoint::Mutate => BodyLimits {
            bytes: state.body.bytes.saturating_mul(2),
            ..state.body
        },
    };
    let body = state.bodies.read(body, is_http2, limits).await?;
    if let Some(audit) = &state.audit {
        audit.has_capacity().await;
    }
    let submission = Submission {
        endpoint,
        caller: Arc::clone(caller),
        started,
        timeout,
        body,
        facts: None,
    };
    let outcome = decide(state, submission).await?;
    if let (Some(line), Some(audit)) = (outcome.audit_line, &state.audit) {
        audit.record(line).await;
    }
    Ok(outcome.response)
}
