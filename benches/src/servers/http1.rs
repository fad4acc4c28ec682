//! A minimal HTTP/1.1 client: it has only what is needed to check responses.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Error, request::Request, response::Response};

/// One connection's state.
#[derive(Debug, Default)]
pub(super) struct Http1 {
    received: Vec<u8>,
}

/// A response's head, as far as it is needed.
struct Head {
    is_ok: bool,
    /// Where the body begins, in bytes.
    body: usize,
    /// The body's length.
    length: usize,
    /// The server closes the connection after this response.
    is_last: bool,
}

impl Http1 {
    /// Sends the request and waits for its response.
    pub(super) async fn send<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        request: &Request,
    ) -> Result<Response<'_>, Error> {
        stream.write_all(&request.http1).await?;
        stream.flush().await?;
        self.received.clear();
        let head = loop {
            self.read(stream).await?;
            if let Some(head) = head(&self.received)? {
                break head;
            }
        };
        let end = head.body + head.length;
        while self.received.len() < end {
            self.read(stream).await?;
        }
        if self.received.len() > end {
            return Err("the server sent more than the response".into());
        }
        Ok(Response {
            is_ok: head.is_ok,
            body: &self.received[head.body..end],
            is_last: head.is_last,
        })
    }

    async fn read<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<(), Error> {
        if stream.read_buf(&mut self.received).await? == 0 {
            return Err("the connection ended before the response did".into());
        }
        Ok(())
    }
}

/// Returns `None` until the head is complete.
fn head(received: &[u8]) -> Result<Option<Head>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body) = response.parse(received)? else {
        return Ok(None);
    };
    let mut length = None;
    // HTTP/1.0 closes connections by default.
    let mut is_last = response.version == Some(0);
    for header in response.headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            length = Some(std::str::from_utf8(header.value)?.parse()?);
        } else if header.name.eq_ignore_ascii_case("connection") {
            is_last = !header.value.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    Ok(Some(Head {
        is_ok: response.code == Some(200),
        body,
        length: length.ok_or("the response has no length")?,
        is_last,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_responses() {
        /// A response, whether it is 200, its body's length, and whether it is the last.
        type Row = (&'static str, bool, usize, bool);
        let rows: &[Row] = &[
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
                true,
                3,
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nConnection: close\r\n\r\n",
                true,
                3,
                true,
            ),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
                true,
                0,
                true,
            ),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
                true,
                0,
                false,
            ),
            (
                "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 9\r\n\r\n",
                false,
                9,
                false,
            ),
        ];
        for (text, is_ok, length, is_last) in rows {
            let head = head(text.as_bytes()).unwrap().expect(text);
            assert_eq!(
                (head.is_ok, head.body, head.length, head.is_last),
                (*is_ok, text.len(), *length, *is_last),
                "{text}"
            );
        }
    }

    #[test]
    fn a_response_without_a_length_is_an_error() {
        assert!(head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(head(b"HTTP/1.1 200 OK\r\nContent-").unwrap().is_none());
    }
}
