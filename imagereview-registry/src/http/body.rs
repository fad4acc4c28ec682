//! Bodies, read up to a limit and no longer than a deadline.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use http::{Response, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::{self, Instant};

use super::transport::io_reason;
use crate::error::AskError;

/// Reads the body of an answer.
///
/// A body that says it is longer than the limit is not read at all.
pub(crate) async fn read_body(
    response: Response<Incoming>,
    host: &str,
    what: &'static str,
    limit: usize,
    deadline: Instant,
) -> Result<Bytes, AskError> {
    let too_large = || AskError::TooLarge {
        host: host.into(),
        what,
        limit,
    };
    if let Some(encoding) = response.headers().get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let encoding = String::from_utf8_lossy(encoding.as_bytes());
        return Err(AskError::Encoded {
            host: host.into(),
            what,
            encoding: short_word(&encoding),
        });
    }
    let mut body = response.into_body();
    let announced = body.size_hint();
    if announced.lower() > limit as u64 {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    let read = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| AskError::Broken {
                host: host.into(),
                reason: reason(&error).into(),
            })?;
            if let Ok(data) = frame.into_data() {
                if data.len() > limit - bytes.len() {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(())
    };
    time::timeout_at(deadline, read)
        .await
        .unwrap_or_else(|_| Err(AskError::Deadline { host: host.into() }))?;
    Ok(bytes.freeze())
}

/// The most bytes that are read so that a connection can be used again.
const DISCARD_LIMIT: usize = 16 << 10;

/// Reads what is left of an answer that says nothing more, so that its connection can be used again.
/// Where that fails, the connection is closed; nothing else follows from it.
pub(crate) async fn discard(response: Response<Incoming>, deadline: Instant) {
    let _ = read_body(response, "", "an answer", DISCARD_LIMIT, deadline).await;
}

fn reason(error: &(dyn Error + 'static)) -> String {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref() {
            return io_reason(io);
        }
        cause = error.source();
    }
    "it ended in the middle of an answer".to_owned()
}

/// A word from outside that is short and plain, or a placeholder.
pub(crate) fn short_word(text: &str) -> Box<str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./+".contains(c);
    if !text.is_empty() && text.len() <= 80 && text.chars().all(is_plain) {
        text.into()
    } else {
        "unreadable".into()
    }
}
