//! The request that is sent again and again, encoded for each protocol.

use std::net::SocketAddr;

use crate::reviews;

/// The path with the query that kube-apiserver adds.
const PATH: &str = "/image_policy?timeout=30s";

/// The request's bytes.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) http1: Vec<u8>,
    /// HPACK for the first request of a connection: the server stores each field in its table.
    pub(super) http2_first_headers: Vec<u8>,
    /// HPACK for all others: each field is an index of that table.
    pub(super) http2_headers: Vec<u8>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// An `ImageReview` that every contender approves.
    pub(super) fn new(server: SocketAddr) -> Self {
        let body = reviews::allowed_by_all();
        let authority = server.to_string();
        let length = body.len().to_string();
        // The number is that of the name in HPACK's static table (RFC 7541, appendix A).
        let fields = [
            (31, "content-type", "application/json"),
            (28, "content-length", length.as_str()),
            (19, "accept", "application/json, */*"),
            (58, "user-agent", "kube-apiserver/v1.37.2 (linux/amd64)"),
            (16, "accept-encoding", "gzip"),
        ];

        let mut http1 = format!("POST {PATH} HTTP/1.1\r\nhost: {authority}\r\n");
        for (_, name, value) in fields {
            http1.extend([name, ": ", value, "\r\n"]);
        }
        let mut http1 = format!("{http1}\r\n").into_bytes();
        http1.extend_from_slice(&body);

        let pseudo = [(4, PATH), (1, authority.as_str())];
        let literals = pseudo
            .into_iter()
            .chain(fields.map(|(index, _, value)| (index, value)));
        // `:method: POST` and `:scheme: https` are in the static table.
        let mut first = vec![0x80 | 3, 0x80 | 7];
        let mut others = first.clone();
        let count = u8::try_from(pseudo.len() + fields.len()).expect("they are few");
        for (position, (name, value)) in (0..count).zip(literals) {
            // A literal with incremental indexing (RFC 7541, section 6.2.1); the value's length fits
            // the seven bits of its prefix.
            let length = u8::try_from(value.len()).expect("values are short");
            assert!(length < 127, "{value} needs a longer length");
            first.extend_from_slice(&[0x40 | name, length]);
            first.extend_from_slice(value.as_bytes());
            // The field that was stored last has index 62.
            others.push(0x80 | (62 + count - 1 - position));
        }
        Self {
            http1,
            http2_first_headers: first,
            http2_headers: others,
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Arc};

    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Full};
    use hyper::{StatusCode, Version, body::Incoming, service::service_fn};
    use hyper_util::{
        rt::{TokioExecutor, TokioIo},
        server::conn::auto,
    };
    use tokio::io::DuplexStream;

    use super::*;
    use crate::servers::{Error, http1::Http1, http2::Http2, response};

    /// More than the windows of HTTP/2 hold at once, which are 64 KiB here, of requests or responses.
    const MANY: usize = 400;

    const APPROVAL: &str = "A response that is long enough for 400 of it to need more than 64 KiB: \
        the window that is open at first would be used up long before, and the server would wait for more of it.";

    fn request() -> Request {
        Request::new(([127, 0, 0, 1], 8443).into())
    }

    /// A connection to a server that gives this status, and an approval if the request is the one
    /// that was to be sent.
    fn connect(status: StatusCode) -> DuplexStream {
        let (client, server) = tokio::io::duplex(1 << 16);
        let respond = move |request: hyper::Request<Incoming>| async move {
            let text = match unlike(request).await {
                None => APPROVAL.to_owned(),
                Some(difference) => difference,
            };
            let mut response = hyper::Response::new(Full::new(Bytes::from(text)));
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        };
        tokio::spawn(async move {
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http2().initial_connection_window_size(65_535);
            let serving = builder.serve_connection(TokioIo::new(server), service_fn(respond));
            serving.await
        });
        client
    }

    /// The request, if it is not the one that was to be sent.
    async fn unlike(request: hyper::Request<Incoming>) -> Option<String> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let length = body.len().to_string();
        let mut fields = vec![
            ("content-type", "application/json"),
            ("content-length", &length),
            ("accept", "application/json, */*"),
            ("user-agent", "kube-apiserver/v1.37.2 (linux/amd64)"),
            ("accept-encoding", "gzip"),
        ];
        let path = if head.version == Version::HTTP_2 {
            "https://127.0.0.1:8443/image_policy?timeout=30s"
        } else {
            fields.insert(0, ("host", "127.0.0.1:8443"));
            "/image_policy?timeout=30s"
        };
        let sent = head.headers.iter();
        let sent: Vec<_> = sent
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
            .collect();
        (head.method != "POST"
            || head.uri != path
            || sent != fields
            || body != reviews::allowed_by_all())
        .then(|| format!("{} {} {sent:?}", head.method, head.uri))
    }

    fn text(response: response::Response<'_>) -> (bool, &str) {
        let body = std::str::from_utf8(response.body).unwrap();
        (response.is_ok, body)
    }

    #[tokio::test]
    async fn a_server_reads_each_request_as_it_is_meant() -> Result<(), Error> {
        let request = Arc::new(request());
        let (mut stream, mut http1) = (connect(StatusCode::OK), Http1::default());
        for _ in 0..MANY {
            let response = http1.send(&mut stream, &request).await?;
            assert_eq!(text(response), (true, APPROVAL));
        }
        let (mut stream, mut http2) = (connect(StatusCode::OK), Http2::new());
        for _ in 0..MANY {
            let response = http2.send(&mut stream, &request).await?;
            assert_eq!(text(response), (true, APPROVAL));
        }
        Ok(())
    }

    #[tokio::test]
    async fn another_status_is_no_approval() -> Result<(), Error> {
        for status in [
            StatusCode::NO_CONTENT,
            StatusCode::BAD_REQUEST,
            StatusCode::TOO_MANY_REQUESTS,
        ] {
            let (mut stream, mut http1) = (connect(status), Http1::default());
            if let Ok(response) = http1.send(&mut stream, &request()).await {
                assert!(!response.is_ok, "{status}");
            }
            let (mut stream, mut http2) = (connect(status), Http2::new());
            let response = http2.send(&mut stream, &request()).await?;
            assert!(!response.is_ok, "{status}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_connection_that_ends_early_is_an_error() {
        let (mut stream, _) = tokio::io::duplex(1 << 16);
        let mut http1 = Http1::default();
        assert!(http1.send(&mut stream, &request()).await.is_err());
        let (mut stream, _) = tokio::io::duplex(1 << 16);
        let mut http2 = Http2::new();
        assert!(http2.send(&mut stream, &request()).await.is_err());
    }
}
