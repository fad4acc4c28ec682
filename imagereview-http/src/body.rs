//! A request's body: what is accepted as one, and reading it whole within a size and a time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Method, Request,
    body::{Body, Incoming},
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap},
};

use crate::status::Refusal;

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
/// is refused before a byte of it is read; one that arrives in a single frame is not copied.
pub(crate) async fn read_json(
    request: Request<Incoming>,
    limits: BodyLimits,
) -> Result<Bytes, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::Method {
            method: request.method().to_string(),
        });
    }
    check_media_type(request.headers())?;
    let body = request.into_body();
    let too_large = Refusal::TooLarge {
        limit: limits.bytes,
    };
    if body.size_hint().lower() > limits.bytes as u64 {
        return Err(too_large);
    }
    match tokio::time::timeout(limits.time, Limited::new(body, limits.bytes).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large),
        Ok(Err(error)) => Err(Refusal::BrokenBody(error.to_string())),
        Err(_elapsed) => Err(Refusal::SlowBody { limit: limits.time }),
    }
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
