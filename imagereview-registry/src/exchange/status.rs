//! What answers say that are no content.

use std::time::{Duration, SystemTime};

use http::{Response, StatusCode, header};
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::time::Instant;

use crate::http::read_body;

/// How long to pause where a registry asks for fewer requests and doesn't say for how long.
const DEFAULT_PAUSE: Duration = Duration::from_secs(5);

/// The most bytes of an answer that says what is wrong.
const MAX_ERROR: usize = 16 << 10;

/// How long a server wants to be left alone, if it does.
///
/// Source: [RFC 9110, section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3).
pub(super) fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let asked = response.headers().get(header::RETRY_AFTER);
    let asked = asked.and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = asked.and_then(|text| {
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = httpdate::parse_http_date(text).ok()?;
        Some(date.duration_since(SystemTime::now()).unwrap_or_default())
    });
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS => Some(asked.unwrap_or(DEFAULT_PAUSE)),
        StatusCode::SERVICE_UNAVAILABLE => asked,
        _ => None,
    }
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    code: String,
}

/// The code of an error, if it is one word of capitals: nothing else of it is shown.
///
/// Source: [distribution specification, "Error
/// Codes"](https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes).
pub(super) async fn error_code(
    response: Response<Incoming>,
    deadline: Instant,
) -> Option<Box<str>> {
    let body = read_body(response, "", "an error", MAX_ERROR, deadline).await;
    let errors: Errors = serde_json::from_slice(&body.ok()?).ok()?;
    let code = errors.errors.into_iter().next()?.code;
    let is_code = |c: char| c.is_ascii_uppercase() || c == '_';
    (code.len() <= 40 && code.chars().all(is_code)).then(|| code.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_read_in_both_forms() {
        let in_an_hour = SystemTime::now() + Duration::from_secs(3600);
        let date = httpdate::fmt_http_date(in_an_hour);
        for (status, header, pause) in [
            (429, None, Some(5..=5)),
            (429, Some("60"), Some(60..=60)),
            (429, Some(&*date), Some(3590..=3600)),
            (429, Some("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0..=0)),
            (429, Some("soon"), Some(5..=5)),
            (429, Some("-1"), Some(5..=5)),
            (503, Some("7"), Some(7..=7)),
            (503, None, None),
            (500, Some("7"), None),
        ] {
            let mut response = Response::builder().status(status);
            if let Some(header) = header {
                response = response.header("retry-after", header);
            }
            let found = retry_after(&response.body(()).unwrap()).map(|pause| pause.as_secs());
            let is_right = match (&found, &pause) {
                (Some(found), Some(pause)) => pause.contains(found),
                (None, None) => true,
                _ => false,
            };
            assert!(is_right, "{status} {header:?}: {found:?}");
        }
    }
}
