//! Refusals: the response to a request that holds no review.
//!
//! The body is a Kubernetes
//! [`Status`](https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Status) object, because
//! client-go decodes one from any response that isn't 2xx and shows its message to whoever created
//! the pod.
//!
//! Overload is 429. The client of `ImagePolicyWebhook` sends its request again after it, up to four times with
//! half a second and more between, which is what an overload of moments needs (`DefaultShouldRetry`
//! in `k8s.io/apiserver/pkg/util/webhook`). After a 503 it would not, and leave the decision to
//! `defaultAllow`; after a 200 with a denial it would keep the denial for its `denyTTL`. For
//! `AdmissionReview` nothing is sent again, and any error leaves it to the `failurePolicy`.
//!
//! No refusal carries `Retry-After`: client-go would repeat the request up to ten times
//! inside each of the API server's own retries.

use std::time::Duration;

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
};
use imagereview_core::DecodeError;
use serde::Serialize;

/// The media type of every response.
pub(crate) const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How long the `uid` of an `AdmissionReview` may be, which the response repeats: a UUID has 36 bytes.
pub(crate) const MAX_UID: usize = 256;

/// Why a request was not reviewed. The text says what was wrong and what to send instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("too many requests are in flight; send it again later")]
    Overloaded,
    #[error("nothing is served at {path:?}; the paths are: {served}")]
    UnknownPath { path: String, served: &'static str },
    #[error("the method {method} is not allowed; send a POST")]
    Method { method: String },
    #[error("the content type {found:?} is not supported; send application/json")]
    MediaType { found: String },
    #[error("the content encoding {found:?} is not supported; send the JSON as it is")]
    Encoding { found: String },
    #[error("the body is longer than the limit of {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the headers are longer than the limit; see --max-header-bytes")]
    LongHeaders,
    #[error("the request is no HTTP/1.1")]
    Malformed,
    #[error("the request's headers did not arrive in full within {}", humantime::format_duration(*.limit))]
    SlowHeader { limit: Duration },
    #[error("the body did not arrive in full within {}", humantime::format_duration(*.limit))]
    SlowBody { limit: Duration },
    #[error(
        "the body did not arrive in full before its slot or its memory was needed for another request"
    )]
    Evicted,
    #[error("the body could not be read to its end: {0}")]
    BrokenBody(&'static str),
    #[error(transparent)]
    Unreadable(DecodeError),
    #[error("request.uid has {length} bytes; send one of at most {MAX_UID}, as an API server's is")]
    LongUid { length: usize },
}

impl Refusal {
    /// The causes as metrics name them, so that each is there from the start with 0.
    pub(crate) const CAUSES: [&'static str; 13] = [
        "overloaded",
        "unknown_path",
        "method",
        "media_type",
        "encoding",
        "too_large",
        "long_headers",
        "malformed",
        "slow_header",
        "slow_body",
        "gave_way",
        "broken_body",
        "unreadable",
    ];

    /// The cause as metrics name it.
    pub(crate) fn cause(&self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::UnknownPath { .. } => "unknown_path",
            Self::Method { .. } => "method",
            Self::MediaType { .. } => "media_type",
            Self::Encoding { .. } => "encoding",
            Self::TooLarge { .. } => "too_large",
            Self::LongHeaders => "long_headers",
            Self::Malformed => "malformed",
            Self::SlowHeader { .. } => "slow_header",
            Self::SlowBody { .. } => "slow_body",
            Self::Evicted => "gave_way",
            Self::BrokenBody(_) => "broken_body",
            Self::Unreadable(_) | Self::LongUid { .. } => "unreadable",
        }
    }

    fn code(&self) -> StatusCode {
        match self {
            Self::Overloaded => StatusCode::TOO_MANY_REQUESTS,
            Self::UnknownPath { .. } => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::MediaType { .. } | Self::Encoding { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowHeader { .. } | Self::SlowBody { .. } | Self::Evicted => {
                StatusCode::REQUEST_TIMEOUT
            }
            Self::LongHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Malformed | Self::BrokenBody(_) | Self::Unreadable(_) | Self::LongUid { .. } => {
                StatusCode::BAD_REQUEST
            }
        }
    }

    /// The `metav1.StatusReason`. kube-apiserver's webhook client sends again after `Timeout`, which
    /// is right for a body that stalled, and after `TooManyRequests`; after none of the others.
    fn reason(&self) -> &'static str {
        match self {
            Self::Overloaded => "TooManyRequests",
            Self::UnknownPath { .. } => "NotFound",
            Self::Method { .. } => "MethodNotAllowed",
            Self::MediaType { .. } | Self::Encoding { .. } => "UnsupportedMediaType",
            Self::TooLarge { .. } => "RequestEntityTooLarge",
            Self::SlowHeader { .. } | Self::SlowBody { .. } | Self::Evicted => "Timeout",
            Self::LongHeaders
            | Self::Malformed
            | Self::BrokenBody(_)
            | Self::Unreadable(_)
            | Self::LongUid { .. } => "BadRequest",
        }
    }

    fn body(&self) -> Vec<u8> {
        let status = Status {
            kind: "Status",
            api_version: "v1",
            metadata: ListMeta {},
            status: "Failure",
            message: self.to_string(),
            reason: self.reason(),
            code: self.code().as_u16(),
        };
        let mut json = serde_json::to_vec(&status).expect("strings and a number always serialise");
        json.push(b'\n');
        json
    }

    pub(crate) fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.body()));
        *response.status_mut() = self.code();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, APPLICATION_JSON);
        if let Self::Method { .. } = self {
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }

    /// The same response as bytes for an HTTP/1.1 connection on which no request could be read.
    pub(crate) fn http1_response(&self) -> Vec<u8> {
        let body = self.body();
        let mut response = format!(
            "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.code(),
            body.len()
        )
        .into_bytes();
        response.extend_from_slice(&body);
        response
    }
}

/// `metav1.Status`, as far as a refusal fills it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
// Kubernetes calls the field so.
#[allow(clippy::struct_field_names)]
struct Status {
    kind: &'static str,
    api_version: &'static str,
    metadata: ListMeta,
    status: &'static str,
    message: String,
    reason: &'static str,
    code: u16,
}

/// `metav1.ListMeta` with nothing in it: `{}`.
#[derive(Serialize)]
struct ListMeta {}
