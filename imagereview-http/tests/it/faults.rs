//! What clients do to a server, from breaking off at a byte to floods: each fault once, for the tests
//! of each and for the soak of all.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};

use crate::{
    frames::{self, Frame, frame},
    harness::{Client, Protocol, image_review_json, within},
    webhook::ALLOWED,
};

/// A transport on which the client can send only so many bytes.
pub(crate) struct Cut {
    pub(crate) stream: TcpStream,
    pub(crate) left: usize,
    /// Whether the client doesn't hear of what is left out, so that what it began stays unfinished.
    pub(crate) is_silent: bool,
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Cut {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let some = &bytes[..bytes.len().min(self.left)];
        if some.is_empty() && self.is_silent {
            return Poll::Ready(Ok(bytes.len()));
        }
        if some.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, some);
        if let Poll::Ready(Ok(written)) = written {
            self.left -= written;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// With a reset.
    Reset,
    /// With the end of the stream, in the middle of whatever it was.
    Close,
}

/// A client that means to review an image and leaves once it has sent `after` bytes, those of TLS
/// included. Gives how many it has sent: fewer where it got its response before.
pub(crate) async fn leaves_after(
    client: &Client,
    address: SocketAddr,
    protocol: Protocol,
    after: usize,
    leave: Leave,
) -> usize {
    let stream = within(TcpStream::connect(address)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    if leave == Leave::Reset {
        stream.set_zero_linger().unwrap();
    }
    let mut sent = 0;
    // What goes wrong is what is meant to.
    let _ = async {
        let mut cut = Cut {
            stream,
            left: after,
            is_silent: false,
        };
        let outcome = within(review_over(client, &mut cut, address, protocol)).await;
        sent = after - cut.left;
        outcome
    }
    .await;
    sent
}

async fn review_over(
    client: &Client,
    cut: &mut Cut,
    address: SocketAddr,
    protocol: Protocol,
) -> io::Result<()> {
    let mut stream = client.tls_over(cut, address, protocol).await?;
    stream.write_all(&review(protocol)).await?;
    stream.flush().await?;
    match protocol {
        Protocol::Http1 => {
            let mut answer = [0; 64];
            // Any of it: the whole head comes at once.
            let _ = stream.read(&mut answer).await?;
        }
        Protocol::Http2 => {
            while let Some(frame) = Frame::read(&mut stream).await {
                if frame.kind == frames::DATA {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// A whole review as the bytes of a connection.
pub(crate) fn review(protocol: Protocol) -> Vec<u8> {
    let body = image_review_json(&[ALLOWED]);
    match protocol {
        Protocol::Http1 => {
            let length = body.len();
            format!(
                "POST /image_policy HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\n\r\n{body}"
            )
            .into_bytes()
        }
        Protocol::Http2 => [
            frames::PREFACE,
            &frame(frames::SETTINGS, 0, 0, b""),
            &frames::open(1),
            &frame(frames::DATA, frames::END_STREAM, 1, body.as_bytes()),
        ]
        .concat(),
    }
}

/// A connection on which the server may send no byte of a response, and so many reviews on it.
pub(crate) fn without_window(reviews: u32) -> Vec<u8> {
    let no_window = frames::setting(0x4, 0);
    let body = image_review_json(&[ALLOWED]);
    let mut sent = [frames::PREFACE, &frame(frames::SETTINGS, 0, 0, &no_window)].concat();
    for stream in (0..reviews).map(odd) {
        sent.extend(frames::open(stream));
        sent.extend(frame(
            frames::DATA,
            frames::END_STREAM,
            stream,
            body.as_bytes(),
        ));
    }
    sent
}

/// HTTP/2 that is against the rules or against good manners.
pub(crate) struct Abuse {
    pub(crate) name: &'static str,
    /// What follows the preface and the settings.
    opening: Vec<u8>,
    /// What comes again and again, numbered from 0.
    again: fn(u32) -> Vec<u8>,
    times: u32,
    /// Whether the server must end the connection over it.
    pub(crate) must_end: bool,
}

fn odd(number: u32) -> u32 {
    2 * number + 1
}

fn nothing(_: u32) -> Vec<u8> {
    Vec::new()
}

/// A header of four kilobytes, which fills the table of headers, and then references to it.
fn hpack_bomb() -> Vec<u8> {
    let mut block = frames::post();
    let field = frames::literal("x-large", &"x".repeat(3900));
    // With incremental indexing.
    block.push(0x40);
    block.extend(&field[1..]);
    // The first entry of the dynamic table.
    block.resize(block.len() + 12_000, 0x80 + 62);
    block
}

/// A request without an end, so that DATA may follow.
fn with_open_stream(frames: &[Vec<u8>]) -> Vec<u8> {
    [&[frames::open(1)], frames].concat().concat()
}

impl Abuse {
    fn flood(
        name: &'static str,
        opening: Vec<u8>,
        times: u32,
        again: fn(u32) -> Vec<u8>,
        must_end: bool,
    ) -> Self {
        Self {
            name,
            opening,
            again,
            times,
            must_end,
        }
    }

    fn once(name: &'static str, bytes: Vec<u8>) -> Self {
        Self::flood(name, bytes, 0, nothing, true)
    }

    /// All of them.
    #[expect(clippy::too_many_lines, reason = "a table")]
    pub(crate) fn all() -> Vec<Self> {
        use frames::{
            ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING,
            PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, setting,
        };
        vec![
            // CVE-2023-44487
            Self::flood(
                "rapid reset",
                Vec::new(),
                5000,
                |i| {
                    [
                        frames::open(odd(i)),
                        frame(RST_STREAM, 0, odd(i), &[0, 0, 0, 8]),
                    ]
                    .concat()
                },
                false,
            ),
            // CVE-2025-8671
            Self::flood(
                "made you reset",
                Vec::new(),
                5000,
                |i| {
                    [
                        frames::open(odd(i)),
                        frame(WINDOW_UPDATE, 0, odd(i), &[0x7f, 0xff, 0xff, 0xff]),
                    ]
                    .concat()
                },
                true,
            ),
            // CVE-2024-27316 and others
            Self::flood(
                "CONTINUATION flood",
                frame(HEADERS, 0, 1, &frames::post()),
                5000,
                |_| frame(CONTINUATION, 0, 1, &frames::literal("x", &"y".repeat(1000))),
                true,
            ),
            Self::flood(
                "empty CONTINUATION flood",
                frame(HEADERS, 0, 1, &frames::post()),
                5000,
                |_| frame(CONTINUATION, 0, 1, b""),
                true,
            ),
            // CVE-2019-9515
            Self::flood(
                "SETTINGS flood",
                Vec::new(),
                5000,
                |i| frame(SETTINGS, 0, 0, &setting(0x3, i)),
                false,
            ),
            // CVE-2019-9512
            Self::flood(
                "PING flood",
                Vec::new(),
                5000,
                |_| frame(PING, 0, 0, &[7; 8]),
                false,
            ),
            // CVE-2019-9518
            Self::flood(
                "empty DATA flood",
                frames::open(1),
                5000,
                |_| frame(DATA, 0, 1, b""),
                true,
            ),
            Self::flood(
                "PRIORITY flood",
                Vec::new(),
                5000,
                |i| frame(PRIORITY, 0, odd(i), &[0, 0, 0, 0, 1]),
                false,
            ),
            Self::flood(
                "WINDOW_UPDATE flood",
                frames::open(1),
                5000,
                |i| frame(WINDOW_UPDATE, 0, i % 2, &[0, 0, 0, 1]),
                false,
            ),
            Self::flood(
                "unknown frames",
                Vec::new(),
                5000,
                |_| frame(0xbe, 0xff, 0, &[1; 100]),
                false,
            ),
            Self::flood(
                "more streams than allowed",
                Vec::new(),
                2000,
                |i| frames::open(odd(i)),
                true,
            ),
            Self::flood(
                "many requests refused for their headers",
                Vec::new(),
                500,
                |i| {
                    let long = frames::literal("x-long", &"x".repeat(15_000));
                    let block = [frames::post(), long.clone()].concat();
                    [
                        frame(HEADERS, END_STREAM, odd(i), &block),
                        frame(CONTINUATION, END_HEADERS, odd(i), &long),
                    ]
                    .concat()
                },
                false,
            ),
            Self::once("HPACK bomb", frame(HEADERS, END_HEADERS, 1, &hpack_bomb())),
            Self::once(
                "HPACK index that does not exist",
                frame(HEADERS, END_HEADERS, 1, &[0xff, 0xff, 0xff, 0x7f]),
            ),
            Self::once(
                "HPACK integer without end",
                frame(HEADERS, END_HEADERS, 1, &[0xff; 64]),
            ),
            Self::once("even stream", frames::open(2)),
            Self::once(
                "stream that was skipped",
                [frames::open(5), frames::open(3)].concat(),
            ),
            Self::once(
                "frame longer than allowed",
                frame(DATA, 0, 1, &[b' '; 16_385]),
            ),
            Self::once("length of 16 MiB", vec![0xff; 64]),
            Self::once("DATA on the connection", frame(DATA, 0, 0, b"{}")),
            Self::once("DATA on an idle stream", frame(DATA, 0, 1, b"{}")),
            Self::once(
                "HEADERS on the connection",
                frame(HEADERS, END_HEADERS, 0, &frames::post()),
            ),
            Self::once(
                "RST_STREAM on an idle stream",
                frame(RST_STREAM, 0, 1, &[0; 4]),
            ),
            Self::once(
                "CONTINUATION of nothing",
                frame(CONTINUATION, END_HEADERS, 1, &frames::post()),
            ),
            Self::once(
                "HEADERS that DATA breaks into",
                [
                    frame(HEADERS, 0, 1, &frames::post()),
                    frame(DATA, 0, 1, b"{}"),
                ]
                .concat(),
            ),
            Self::once(
                "PUSH_PROMISE of a client",
                frame(
                    PUSH_PROMISE,
                    END_HEADERS,
                    1,
                    &[&[0, 0, 0, 2], &*frames::post()].concat(),
                ),
            ),
            Self::once("SETTINGS of five bytes", frame(SETTINGS, 0, 0, &[0; 5])),
            Self::once(
                "ACK with settings",
                frame(SETTINGS, ACK, 0, &setting(0x3, 1)),
            ),
            Self::once(
                "SETTINGS of a window that is too large",
                frame(SETTINGS, 0, 0, &setting(0x4, u32::MAX)),
            ),
            Self::once(
                "SETTINGS of a frame size that is too small",
                frame(SETTINGS, 0, 0, &setting(0x5, 1)),
            ),
            Self::once("PING of seven bytes", frame(PING, 0, 0, &[0; 7])),
            Self::once(
                "WINDOW_UPDATE by nothing",
                frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
            ),
            Self::once(
                "window that overflows",
                frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]).repeat(2),
            ),
            Self::once(
                "padding longer than its frame",
                with_open_stream(&[frame(DATA, PADDED, 1, &[200, 1, 2])]),
            ),
            Self::flood(
                "GOAWAY with requests after it",
                [
                    frame(GOAWAY, 0, 0, &[0; 8]),
                    frames::open(1),
                    frame(DATA, END_STREAM, 1, b"{}"),
                ]
                .concat(),
                0,
                nothing,
                false,
            ),
        ]
    }

    /// Does it to a server, and tells how that ended.
    pub(crate) async fn commit(&self, client: &Client, address: SocketAddr) -> Outcome {
        const LAST: &[u8; 8] = b"the last";
        let stream = client.tls(address, Protocol::Http2).await.unwrap();
        let (mut read, mut write) = tokio::io::split(stream);
        let writing = async {
            let settings = frame(frames::SETTINGS, 0, 0, b"");
            write
                .write_all(&[frames::PREFACE, &settings].concat())
                .await?;
            write.write_all(&self.opening).await?;
            let mut number = 0;
            while number < self.times {
                let many = number..self.times.min(number + 100);
                number = many.end;
                write
                    .write_all(&many.flat_map(self.again).collect::<Vec<_>>())
                    .await?;
            }
            write.write_all(&frame(frames::PING, 0, 0, LAST)).await?;
            write.flush().await
        };
        let reading = async {
            while let Some(frame) = Frame::read(&mut read).await {
                match frame.kind {
                    frames::GOAWAY => return Outcome::Ended(frame.error_code()),
                    frames::PING if frame.flags == frames::ACK && frame.payload == LAST => {
                        return Outcome::GoesOn;
                    }
                    _ => {}
                }
            }
            Outcome::Ended(None)
        };
        // Writing fails where the server has ended the connection.
        let (_, outcome) = within(async { tokio::join!(writing, reading) }).await;
        outcome
    }
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ended, with this code in GOAWAY if there was one.
    Ended(Option<u32>),
    /// It goes on.
    GoesOn,
}
