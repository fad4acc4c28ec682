//! A minimal HTTP/2 client (RFC 9113): it has only what is needed to check responses. It has one stream
//! at a time, sends requests that were encoded beforehand, and reads frames in place.
//!
//! A complete client would cost more than the server that is measured.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Error, request::Request, response::Response};

/// The first bytes that a client sends.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The length of a frame's head.
const HEAD: usize = 9;

/// How many bytes each side may send before it gets settings, on the connection and on each stream.
const INITIAL_WINDOW: i64 = 65_535;

/// The connection's window is opened again after so many bytes.
const REOPEN: u32 = 1 << 14;

/// Types of frames.
mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PING: u8 = 6;
    pub(super) const GOAWAY: u8 = 7;
    pub(super) const WINDOW_UPDATE: u8 = 8;
    pub(super) const CONTINUATION: u8 = 9;
}

/// Flags of frames.
mod flag {
    pub(super) const ACK: u8 = 0x1;
    pub(super) const END_STREAM: u8 = 0x1;
    pub(super) const END_HEADERS: u8 = 0x4;
    pub(super) const PADDED: u8 = 0x8;
    pub(super) const PRIORITY: u8 = 0x20;
}

/// Settings, by their identifiers.
mod setting {
    pub(super) const HEADER_TABLE_SIZE: u16 = 1;
    pub(super) const ENABLE_PUSH: u16 = 2;
    pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
}

/// HPACK for `:status: 200`, the first field of a response.
const STATUS_200: u8 = 0x80 | 8;

/// One connection's state.
#[derive(Debug)]
pub(super) struct Http2 {
    /// Bytes to send.
    unsent: Vec<u8>,
    /// Bytes that were read and not yet processed.
    received: Vec<u8>,
    /// The body of the response so far.
    body: Vec<u8>,
    /// The stream of the next request.
    stream: u32,
    /// How many bytes the server accepts on the connection.
    send_window: i64,
    /// How many bytes the server accepts on a new stream.
    stream_window: i64,
    /// How many bytes were received since the connection's window was last opened.
    consumed: u32,
}

impl Http2 {
    pub(super) fn new() -> Self {
        let mut unsent = PREFACE.to_vec();
        frame(&mut unsent, kind::SETTINGS, 0, 0, |payload| {
            payload.extend_from_slice(&setting::ENABLE_PUSH.to_be_bytes());
            payload.extend_from_slice(&0_u32.to_be_bytes());
        });
        Self {
            unsent,
            received: Vec::new(),
            body: Vec::new(),
            stream: 1,
            send_window: INITIAL_WINDOW,
            stream_window: INITIAL_WINDOW,
            consumed: 0,
        }
    }

    /// Sends the request and waits for its response.
    pub(super) async fn send<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        request: &Request,
    ) -> Result<Response<'_>, Error> {
        let id = self.stream;
        self.stream += 2;
        let headers = if id == 1 {
            &request.http2_first_headers
        } else {
            &request.http2_headers
        };
        let length = i64::try_from(request.body.len())?;
        self.send_window -= length;
        if self.send_window < 0 || length > self.stream_window {
            return Err("the server's window is too small for the request".into());
        }
        let unsent = &mut self.unsent;
        frame(unsent, kind::HEADERS, flag::END_HEADERS, id, |payload| {
            payload.extend_from_slice(headers);
        });
        frame(unsent, kind::DATA, flag::END_STREAM, id, |payload| {
            payload.extend_from_slice(&request.body);
        });
        stream.write_all(&self.unsent).await?;
        stream.flush().await?;
        self.unsent.clear();

        self.body.clear();
        let mut is_ok = false;
        loop {
            while let Some(end) = whole_frame(&self.received) {
                let complete = self.understand(id, end, &mut is_ok)?;
                self.received.drain(..end);
                if complete {
                    return Ok(Response {
                        is_ok,
                        body: &self.body,
                        is_last: false,
                    });
                }
            }
            if stream.read_buf(&mut self.received).await? == 0 {
                return Err("the connection ended before the response did".into());
            }
        }
    }

    /// Processes the frame that ends there. Returns `true` if the response on that stream ends with it.
    fn understand(&mut self, id: u32, end: usize, is_ok: &mut bool) -> Result<bool, Error> {
        let (head, payload) = self.received[..end].split_at(HEAD);
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let is_of_response = matches!(kind, kind::DATA | kind::HEADERS | kind::CONTINUATION);
        if is_of_response && (stream != id || flags & (flag::PADDED | flag::PRIORITY) != 0) {
            return Err(format!("a frame of type {kind} that was not expected").into());
        }
        match kind {
            kind::DATA => {
                self.body.extend_from_slice(payload);
                self.consumed += u32::try_from(payload.len())?;
                if self.consumed >= REOPEN {
                    let increment = self.consumed.to_be_bytes();
                    frame(&mut self.unsent, kind::WINDOW_UPDATE, 0, 0, |payload| {
                        payload.extend_from_slice(&increment);
                    });
                    self.consumed = 0;
                }
                return Ok(flags & flag::END_STREAM != 0);
            }
            kind::HEADERS => {
                if flags & flag::END_HEADERS == 0 {
                    return Err("a response with very many headers".into());
                }
                // A change of the table's size may stand before it (RFC 7541, section 6.3).
                let first = payload.iter().find(|&&byte| byte & 0xe0 != 0x20);
                *is_ok = first == Some(&STATUS_200);
                return Ok(flags & flag::END_STREAM != 0);
            }
            kind::SETTINGS if flags & flag::ACK == 0 => {
                for setting in payload.chunks_exact(6) {
                    let name = u16::from_be_bytes([setting[0], setting[1]]);
                    let value =
                        u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]);
                    match name {
                        setting::HEADER_TABLE_SIZE if value < 4096 => {
                            return Err("the server's header table is too small".into());
                        }
                        setting::INITIAL_WINDOW_SIZE => self.stream_window = value.into(),
                        _ => {}
                    }
                }
                frame(&mut self.unsent, kind::SETTINGS, flag::ACK, 0, |_| {});
            }
            kind::PING if flags & flag::ACK == 0 => {
                frame(&mut self.unsent, kind::PING, flag::ACK, 0, |pong| {
                    pong.extend_from_slice(payload);
                });
            }
            kind::WINDOW_UPDATE if stream == 0 => {
                let increment = payload.try_into().map(u32::from_be_bytes)?;
                self.send_window += i64::from(increment);
            }
            kind::RST_STREAM | kind::GOAWAY => {
                return Err(format!("the server refuses to go on: {payload:?}").into());
            }
            // The other windows and acknowledgements change nothing here.
            _ => {}
        }
        Ok(false)
    }
}

/// Where the first frame ends, if it is complete.
fn whole_frame(received: &[u8]) -> Option<usize> {
    let &[a, b, c, ..] = received else {
        return None;
    };
    let end = HEAD + usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
    (received.len() >= end).then_some(end)
}

/// Appends a frame.
fn frame(to: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend_from_slice(&[0, 0, 0, kind, flags]);
    to.extend_from_slice(&stream.to_be_bytes());
    payload(to);
    let length = u32::try_from(to.len() - start - HEAD).expect("frames are small");
    to[start..start + 3].copy_from_slice(&length.to_be_bytes()[1..]);
}
