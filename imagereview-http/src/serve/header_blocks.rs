//! Headers of HTTP/2 on their way to hyper, and how long they may be.
//!
//! h2 bounds a list of headers once it is decoded. A single header that comes in pieces is decoded when it
//! is complete, and h2 keeps some 100 KB of it for each connection until then
//! (`calc_max_continuation_frames` in `h2::codec::framed_read`).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::observe::RefusalMetrics;
use crate::request::Refusal;

/// The client's preface, which comes before the first frame (RFC 9113, section 3.4).
const PREFACE: usize = 24;

/// The length of a frame's head (RFC 9113, section 4.1).
const HEAD: usize = 9;

/// Types of frames (RFC 9113, section 6).
const HEADERS: u8 = 0x1;
const CONTINUATION: u8 = 0x9;

/// A flag of both.
const END_HEADERS: u8 = 0x4;

/// How many times the limit of headers a block may have. One within that gets 431 from h2.
const BLOCKS: usize = 2;

pin_project! {
    /// A stream that ends where headers are longer than the limit.
    pub(super) struct HeaderBlocks<'m, S> {
        #[pin]
        stream: S,
        frames: Frames,
        refusals: &'m RefusalMetrics,
    }
}

impl<'m, S> HeaderBlocks<'m, S> {
    pub(super) fn new(stream: S, limit: u32, refusals: &'m RefusalMetrics) -> Self {
        Self {
            stream,
            frames: Frames::new(usize::try_from(limit).unwrap_or(usize::MAX)),
            refusals,
        }
    }
}

impl<S: AsyncRead> AsyncRead for HeaderBlocks<'_, S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buffer.filled().len();
        std::task::ready!(this.stream.poll_read(context, buffer))?;
        let read = this.frames.read(&buffer.filled()[before..]);
        if read.longer > 0 {
            let refusal = Refusal::LongHeaders;
            (0..read.longer).for_each(|_| this.refusals.count(&refusal));
        }
        if read.is_too_long {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "headers are longer than the limit",
            )));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite> AsyncWrite for HeaderBlocks<'_, S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_shutdown(context)
    }
}

/// The frames of a connection, as far as they were read.
#[derive(Debug)]
struct Frames {
    limit: usize,
    /// What is left of the preface or of a frame's payload.
    left: usize,
    head: [u8; HEAD],
    /// How much of the head was read.
    filled: usize,
    /// The bytes of the block of headers that has no end yet.
    block: usize,
}

/// What bytes were.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    /// How many blocks became longer than the limit.
    longer: usize,
    /// Whether one is longer than any that is answered.
    is_too_long: bool,
}

impl Frames {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            left: PREFACE,
            head: [0; HEAD],
            filled: 0,
            block: 0,
        }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Read {
        let mut read = Read::default();
        while !bytes.is_empty() {
            let skipped = self.left.min(bytes.len());
            self.left -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEAD - self.filled).min(bytes.len());
            self.head[self.filled..][..taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEAD {
                self.filled = 0;
                self.frame(&mut read);
            }
        }
        read
    }

    /// A frame whose head is read.
    fn frame(&mut self, read: &mut Read) {
        let [a, b, c, kind, flags, ..] = self.head;
        self.left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if !matches!(kind, HEADERS | CONTINUATION) {
            return;
        }
        let before = self.block;
        self.block += self.left;
        // As its head says, before its bytes are kept.
        read.is_too_long |= self.block > self.limit.saturating_mul(BLOCKS);
        if before <= self.limit && self.block > self.limit {
            read.longer += 1;
        }
        if flags & END_HEADERS != 0 {
            self.block = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: u32) -> Vec<u8> {
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.resize(HEAD + usize::try_from(length).unwrap(), HEADERS);
        frame
    }

    #[test]
    fn blocks_of_headers_are_measured_however_they_come() {
        let fine = Read::default();
        let longer = |longer| Read {
            longer,
            is_too_long: false,
        };
        let rows = [
            (vec![frame(HEADERS, END_HEADERS, 100)], fine),
            (vec![frame(HEADERS, END_HEADERS, 101)], longer(1)),
            (
                vec![frame(HEADERS, 0, 60), frame(CONTINUATION, END_HEADERS, 60)],
                longer(1),
            ),
            (
                vec![
                    frame(HEADERS, END_HEADERS, 90),
                    frame(HEADERS, END_HEADERS, 90),
                    frame(0, 0, 300),
                ],
                Read::default(),
            ),
            (
                vec![
                    frame(HEADERS, END_HEADERS, 150),
                    frame(HEADERS, END_HEADERS, 150),
                ],
                longer(2),
            ),
            (
                vec![
                    frame(HEADERS, 0, 90),
                    frame(CONTINUATION, 0, 90),
                    frame(CONTINUATION, 0, 21),
                ],
                Read {
                    longer: 1,
                    is_too_long: true,
                },
            ),
        ];
        for (sent, expected) in rows {
            let bytes = [vec![b'P'; PREFACE], sent.concat()].concat();
            for piece in [1, 7, bytes.len()] {
                let mut frames = Frames::new(100);
                let mut all = Read::default();
                for some in bytes.chunks(piece) {
                    let read = frames.read(some);
                    all.longer += read.longer;
                    all.is_too_long |= read.is_too_long;
                }
                assert_eq!(all, expected, "in pieces of {piece}");
            }
        }
    }
}
