//! What is asked, who asks, and which of the requests this is.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use hyper::{
    Method, Request, Version,
    body::Incoming,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap},
};

use crate::{endpoint::Endpoint, status::Refusal};

/// The paths that exist, as a 404 lists them.
const SERVED: &str = "/image_policy, /validate, /mutate";

/// What has to be kept of a request while its body is waited for. That is little: it is moved about
/// for each request.
pub(crate) struct Question {
    pub(crate) is_http2: bool,
    /// The endpoint that is asked, or why the request's head is refused.
    pub(crate) endpoint: Result<Endpoint, Box<Refusal>>,
    pub(crate) body: Incoming,
}

impl Question {
    pub(crate) fn new(request: Request<Incoming>) -> Self {
        Self {
            is_http2: request.version() >= Version::HTTP_2,
            endpoint: endpoint(&request).map_err(Box::new),
            body: request.into_body(),
        }
    }
}

/// The endpoint that a request asks, if it may. A query (kube-apiserver sends `?timeout=30s`) is no
/// part of the path.
///
/// The content type must be `application/json`, with any parameters; a request without one is taken
/// at its word, as the body is decoded strictly anyway.
fn endpoint<B>(request: &Request<B>) -> Result<Endpoint, Refusal> {
    let path = request.uri().path();
    let endpoint = Endpoint::at(path).ok_or_else(|| Refusal::UnknownPath {
        path: path.to_owned(),
        served: SERVED,
    })?;
    if request.method() != Method::POST {
        return Err(Refusal::Method {
            method: request.method().to_string(),
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

/// The client at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Its address, in the form in which each line about it has it.
    pub(crate) peer: Box<str>,
    /// The common name of the certificate that it showed.
    pub(crate) name: Option<Box<str>>,
}

/// What tells a request from the others in the logs of this process and, most likely, of all
/// replicas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId(u64);

impl RequestId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the standard library seeds its hash maps with is random enough to tell processes
        // apart.
        static PROCESS: LazyLock<String> = LazyLock::new(|| {
            let random = RandomState::new().hash_one(());
            format!("{:08x}-", random >> 32)
        });
        f.write_str(&PROCESS)?;
        fmt::LowerHex::fmt(&self.0, f)
    }
}
