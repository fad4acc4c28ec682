//! Responses that clients have not taken yet, and the memory that they hold.
//!
//! A response counts until its last byte is handed to the connection's TLS session, on HTTP/2 as on
//! HTTP/1.1: the pieces that hyper gets hold their share themselves. Where the memory is used up, the
//! connection of the response that has waited for longest is cut; a client that reads is never that late.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use crate::slots::{Slot, Slots};

/// How much of a response is handed over at a time.
const PIECE: usize = 16 * 1024;

/// What a response takes besides its bytes: on HTTP/2 a stream and a task.
const BESIDE: usize = 10 * 1024;

/// How long a response waits at least before its connection is cut for others. On its way to a client that
/// reads, it waits for microseconds. Clients that read nothing can use all of the memory up in less than a
/// second, and as long as none of them is cut, others get 429.
const PATIENCE: Duration = Duration::from_millis(100);

/// The part of the limit that refusals may take beyond it before one is cut that has not waited for long.
const RESERVE: usize = 8;

/// All responses that are not taken.
#[derive(Debug)]
pub(crate) struct Responses {
    bytes: AtomicUsize,
    limit: usize,
    /// Those that may be cut.
    slots: Arc<Slots>,
    /// When one is taken or cut.
    freed: Notify,
}

/// What one response holds.
#[derive(Debug)]
struct Share {
    responses: Arc<Responses>,
    bytes: usize,
    _slot: Option<Slot>,
}

impl Responses {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            limit,
            slots: Arc::default(),
            freed: Notify::new(),
        }
    }

    /// Cuts the connection of the response that has waited for longest. `false` if none has waited for
    /// long.
    fn cut_oldest(&self) -> bool {
        self.slots.evict_oldest_after(PATIENCE)
    }

    /// A body of these bytes. `None` where the memory is used up by others that are being taken. `cut` is
    /// told where its own connection is to be cut.
    pub(crate) async fn hold(
        self: &Arc<Self>,
        json: Bytes,
        cut: &Arc<Notify>,
    ) -> Option<ResponseBody> {
        let bytes = json.len() + BESIDE;
        // Rarely, so that little is kept across the wait.
        if !self.add(bytes) && !Box::pin(self.make_room(bytes)).await {
            return None;
        }
        Some(self.body(json, cut))
    }

    /// A body that counts, whether there is memory for it or not: a refusal of a few lines. Where there is
    /// none, another that waits is cut for it.
    pub(crate) fn hold_anyway(self: &Arc<Self>, json: Bytes, cut: &Arc<Notify>) -> ResponseBody {
        let bytes = json.len() + BESIDE;
        let sum = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let body = self.body(json, cut);
        // Requests that are refused come fast: within the patience they could make any number of streams.
        if sum > self.limit && !self.cut_oldest() && sum - self.limit > self.limit / RESERVE {
            self.slots.evict_oldest();
        }
        body
    }

    fn body(self: &Arc<Self>, rest: Bytes, cut: &Arc<Notify>) -> ResponseBody {
        // A slot costs as much as some of the rest together, and is of no use while there is room.
        let is_crowded = rest.len() > PIECE || self.bytes.load(Ordering::Relaxed) > self.limit / 2;
        ResponseBody {
            share: Arc::new(Share {
                bytes: rest.len() + BESIDE,
                responses: Arc::clone(self),
                _slot: is_crowded.then(|| self.slots.take_for(Arc::clone(cut))),
            }),
            rest,
        }
    }

    /// Counts bytes where there is room for them.
    fn add(&self, bytes: usize) -> bool {
        let fits = |sum: usize| Some(sum + bytes).filter(|sum| *sum <= self.limit);
        self.bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }

    async fn make_room(&self, bytes: usize) -> bool {
        loop {
            let freed = self.freed.notified();
            if self.add(bytes) {
                return true;
            }
            if !self.cut_oldest() {
                return false;
            }
            freed.await;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.responses
            .bytes
            .fetch_sub(self.bytes, Ordering::Relaxed);
        self.responses.freed.notify_waiters();
    }
}

/// The body of a response.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    rest: Bytes,
    share: Arc<Share>,
}

/// A piece of a body.
#[derive(Debug)]
pub(crate) struct Piece {
    bytes: Bytes,
    _share: Arc<Share>,
}

impl Body for ResponseBody {
    type Data = Piece;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let end = self.rest.len().min(PIECE);
        let piece = Piece {
            bytes: self.rest.split_to(end),
            _share: Arc::clone(&self.share),
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}
