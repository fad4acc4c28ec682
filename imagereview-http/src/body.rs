//! A request's body: what is accepted as one, and reading it whole within a size and a time.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Method, Request, Version,
    body::{Body, Incoming},
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap},
};

use crate::{status::Refusal, waiting::Waiting};

/// How many times the limit of a body is read on where it is refused for its length.
const DISCARDED_LIMITS: usize = 4;

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// Reads the JSON document that a request posts.
///
/// The content type must be `application/json`, with any parameters; a request without one is taken
/// at its word, as the body is decoded strictly anyway. A body that announces more than the limit
/// is refused before a byte of it is kept; one that arrives in a single frame is not copied.
///
/// A body that is waited for is in `slow`, and gives way where its place is needed.
pub(crate) async fn read_json(
    request: Request<Incoming>,
    limits: BodyLimits,
    slow: &Arc<Waiting>,
) -> Result<Bytes, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::Method {
            method: request.method().to_string(),
        });
    }
    check_media_type(request.headers())?;
    let is_http2 = request.version() >= Version::HTTP_2;
    let body = request.into_body();
    let too_large = Refusal::TooLarge {
        limit: limits.bytes,
    };
    if body.size_hint().lower() > limits.bytes as u64 {
        // On HTTP/1.1 the connection lingers after the answer.
        if is_http2 {
            discard_rest(body, limits, slow).await;
        }
        return Err(too_large);
    }
    let mut body = pin!(Limited::new(body, limits.bytes).collect());
    // Most bodies come along with their headers, and need neither a timer nor a place.
    let read = if let Some(read) = at_once(body.as_mut()).await {
        read
    } else {
        let place = slow.enter();
        tokio::select! {
            read = &mut body => read,
            () = tokio::time::sleep(limits.time) => {
                return Err(Refusal::SlowBody { limit: limits.time });
            }
            () = place.evicted() => return Err(Refusal::GaveWay),
        }
    };
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large),
        Err(error) => Err(Refusal::BrokenBody(error.to_string())),
    }
}

/// Reads on in a body that is refused for its length, and keeps nothing. An HTTP/2 client that is
/// answered while it still sends gets its stream reset, and some (curl before 8.9 among them) then
/// tell of the reset and not of the answer.
async fn discard_rest(mut body: Incoming, limits: BodyLimits, slow: &Arc<Waiting>) {
    let mut left = limits.bytes.saturating_mul(DISCARDED_LIMITS);
    let place = slow.enter();
    let rest = async {
        while let Some(Ok(frame)) = body.frame().await {
            let len = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(len) {
                Some(less) => left = less,
                None => break,
            }
        }
    };
    tokio::select! {
        () = rest => {}
        () = tokio::time::sleep(limits.time) => {}
        () = place.evicted() => {}
    }
}

/// Throws a body away if it has come already, so that an HTTP/1.1 connection can go on. `false` if
/// more of it is to come, or more than this.
pub(crate) async fn discard(body: Incoming, bytes: usize) -> bool {
    matches!(
        at_once(pin!(Limited::new(body, bytes).collect())).await,
        Some(Ok(_))
    )
}

/// What a future gives without waiting.
async fn at_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    if let Some(value) = headers.get(CONTENT_TYPE) {
        let essence = value
            .as_bytes()
            .split(|&byte| byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        if !essence.eq_ignore_ascii_case(b"application/json") {
            return Err(Refusal::MediaType {
                found: String::from_utf8_lossy(value.as_bytes()).into_owned(),
            });
        }
    }
    match headers.get(CONTENT_ENCODING) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Refusal::Encoding {
                found: String::from_utf8_lossy(value.as_bytes()).into_owned(),
            })
        }
        _ => Ok(()),
    }
}
