//! The request that is sent again and again, in the bytes of each protocol.

use std::net::SocketAddr;

use crate::reviews;

/// The path with the query that kube-apiserver adds.
const PATH: &str = "/image_policy?timeout=30s";

/// The request's bytes.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) http1: Vec<u8>,
    /// HPACK, for the first request of a connection: each field is remembered by the server.
    pub(super) http2_first_headers: Vec<u8>,
    /// For all others: each field is a reference to what was remembered.
    pub(super) http2_headers: Vec<u8>,
    pub(super) body: Vec<u8>,
}

impl Question {
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
            // The field that was remembered last has index 62.
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
