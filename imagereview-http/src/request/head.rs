//! A request's head, and what is kept of it.

use std::time::Duration;

use hyper::{
    Method, Request, Version,
    body::Incoming,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap},
};

use super::{endpoint::Endpoint, refusal::Refusal};
use crate::text::cut;

/// The paths that exist, as a 404 lists them.
const SERVED: &str = "/image_policy, /validate, /mutate";

/// What is kept of a request while its body is awaited. That is little: it is moved several times for
/// each request.
pub(crate) struct ReviewRequest {
    pub(crate) is_http2: bool,
    /// The endpoint that the request is for, or why its head is refused.
    pub(crate) endpoint: Result<Endpoint, Box<Refusal>>,
    /// How long the client waits for the response, where it says that.
    pub(crate) timeout: Option<Duration>,
    pub(crate) body: Incoming,
}

impl ReviewRequest {
    pub(crate) fn new(request: Request<Incoming>) -> Self {
        Self {
            is_http2: request.version() >= Version::HTTP_2,
            endpoint: endpoint(&request).map_err(Box::new),
            timeout: request.uri().query().and_then(timeout),
            body: request.into_body(),
        }
    }
}

/// How long kube-apiserver waits for the response. It adds that to each call of an admission webhook as
/// `?timeout=10s`, in the notation of Go's durations (`k8s.io/apiserver/pkg/admission/plugin/webhook`).
fn timeout(query: &str) -> Option<Duration> {
    let mut pairs = query.split('&');
    let value = pairs.find_map(|pair| pair.strip_prefix("timeout="))?;
    humantime::parse_duration(value).ok()
}

/// The endpoint of a request whose head is acceptable. A query is no part of the path.
///
/// The content type must be `application/json`, with any parameters. A request without one is accepted,
/// as the body is decoded strictly anyway.
fn endpoint<B>(request: &Request<B>) -> Result<Endpoint, Refusal> {
    let path = request.uri().path();
    let endpoint = Endpoint::at(path).ok_or_else(|| Refusal::UnknownPath {
        path: cut(path).to_owned(),
        served: SERVED,
    })?;
    if request.method() != Method::POST {
        return Err(Refusal::Method {
            method: cut(request.method().as_str()).to_owned(),
        });
    }
    check_media_type(request.headers())?;
    Ok(endpoint)
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
                found: cut(&String::from_utf8_lossy(value.as_bytes())).to_owned(),
            });
        }
    }
    match headers.get(CONTENT_ENCODING) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Refusal::Encoding {
                found: cut(&String::from_utf8_lossy(value.as_bytes())).to_owned(),
            })
        }
        _ => Ok(()),
    }
}
