//! A request's body, read whole within a size, a memory budget and a time.

use std::{
    error::Error,
    future::poll_fn,
    io, iter,
    ops::Deref,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

use super::{
    buffered::{BufferedBytes, BufferedShare},
    refusal::Refusal,
};
use crate::slots::{Slot, Slots};

/// How many times the limit of a body is read on where it is refused.
const DISCARDED_LIMITS: usize = 4;

/// How long the rest of a body is awaited that is refused in the middle.
const DISCARD: Duration = Duration::from_secs(2);

/// The size in bytes up to which a body is small, and may be decided at once. Most reviews are smaller.
pub(crate) const SMALL_BODY: usize = 16 * 1024;

/// The size in bytes up to which a body is read whatever the others take. As many as may be in flight are
/// still little.
const ALWAYS_READ: usize = 8 * 1024;

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// What the bodies of all requests share: their slots and their memory.
#[derive(Debug)]
pub(crate) struct Bodies {
    /// Requests whose bodies have not arrived.
    slow: Arc<Slots>,
    /// Large bodies that have not arrived.
    large: Arc<Slots>,
    buffered: Arc<BufferedBytes>,
}

/// A request's body. Its bytes count as buffered until it is dropped.
pub(crate) struct ReadBody {
    bytes: Bytes,
    _share: BufferedShare,
    /// Where it is large and is not being decided yet.
    slot: Option<Slot>,
}

impl ReadBody {
    /// A future's output, unless the body is evicted before that: others need its memory, and it is not
    /// being decided. From then on it is not evicted.
    pub(crate) async fn unless_evicted<F: Future>(
        &mut self,
        future: F,
    ) -> Result<F::Output, Refusal> {
        let slot = self.slot.take();
        unless_evicted(slot.as_ref(), future).await
    }

    /// Whether it is small, as most are.
    pub(crate) fn is_small(&self) -> bool {
        self.bytes.len() <= SMALL_BODY
    }
}

impl Deref for ReadBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    /// Bodies that take at most this many bytes together.
    pub(crate) fn new(memory: usize) -> Self {
        Self {
            slow: Arc::default(),
            large: Arc::default(),
            buffered: Arc::new(BufferedBytes::new(memory)),
        }
    }

    /// Evicts the request whose body has been awaited for longest. `false` if there is none.
    pub(crate) fn evict_slowest(&self) -> bool {
        self.slow.evict_oldest()
    }

    /// Reads a request's body whole.
    ///
    /// A body that announces more than the limit is refused before a byte of it is buffered. One that
    /// arrives in a single frame is not copied. Slow bodies and large bodies register for eviction, so
    /// that a slot or memory can be freed.
    pub(crate) async fn read(
        &self,
        mut body: Incoming,
        is_http2: bool,
        limits: BodyLimits,
    ) -> Result<ReadBody, Refusal> {
        if body.size_hint().lower() > limits.bytes as u64 {
            // On HTTP/1.1 the connection lingers after the response.
            if is_http2 {
                Box::pin(self.discard_rest(body, limits)).await;
            }
            return Err(Refusal::TooLarge {
                limit: limits.bytes,
            });
        }
        let read = self.read_in_time(&mut body, limits).await;
        // The client may still be sending what it has announced to nobody. One that has stopped is not waited
        // for as long as a body that will be reviewed.
        if is_http2 && let Err(Refusal::TooLarge { .. } | Refusal::Overloaded) = read {
            let time = limits.time.min(DISCARD);
            Box::pin(self.discard_rest(body, BodyLimits { time, ..limits })).await;
        }
        read
    }

    async fn read_in_time(
        &self,
        body: &mut Incoming,
        limits: BodyLimits,
    ) -> Result<ReadBody, Refusal> {
        let mut read = pin!(self.collect(body, limits.bytes));
        // Most bodies come along with their headers, and need neither a timer nor a slot.
        if let Some(read) = at_once(read.as_mut()).await {
            return read;
        }
        Box::pin(async {
            let slot = self.slow.take();
            tokio::select! {
                read = &mut read => read,
                () = tokio::time::sleep(limits.time) => Err(Refusal::SlowBody { limit: limits.time }),
                () = slot.evicted() => Err(Refusal::Evicted),
            }
        })
        .await
    }

    /// All of a body. Pieces are copied together, since each takes more than its bytes: a client could
    /// send single ones.
    async fn collect(&self, body: &mut Incoming, limit: usize) -> Result<ReadBody, Refusal> {
        let refusal = |error: Box<dyn Error + Send + Sync>| {
            if error.is::<LengthLimitError>() {
                Refusal::TooLarge { limit }
            } else {
                Refusal::BrokenBody(why_broken(&*error))
            }
        };
        let mut body = Limited::new(body, limit);
        let mut share = BufferedShare::new(&self.buffered);
        // Where it is large. To evict a small one would free little.
        let mut slot = None;
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = unless_evicted(slot.as_ref(), body.frame()).await? {
            let Ok(piece) = frame.map_err(refusal)?.into_data() else {
                continue;
            };
            let fits = share.add(piece.len());
            if share.bytes() > ALWAYS_READ {
                // The one that has been sending for longest is evicted first.
                if !fits && !self.large.evict_oldest() {
                    return Err(Refusal::Overloaded);
                }
                slot.get_or_insert_with(|| self.large.take());
            }
            if first.is_empty() && all.is_empty() {
                first = piece;
            } else {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&piece);
            }
            // A body that announces its end is not polled for it.
            if body.is_end_stream() {
                break;
            }
        }
        let bytes = if all.is_empty() { first } else { all.freeze() };
        Ok(ReadBody {
            bytes,
            _share: share,
            slot,
        })
    }

    /// Reads on in a body that is refused, and buffers nothing. An HTTP/2 client that
    /// gets its response while it still sends gets its stream reset, and some (curl before 8.9 among
    /// them) then report the reset and not the response.
    pub(crate) async fn discard_rest(&self, mut body: Incoming, limits: BodyLimits) {
        if body.is_end_stream() {
            return;
        }
        let mut left = limits.bytes.saturating_mul(DISCARDED_LIMITS);
        let slot = self.slow.take();
        let rest = async {
            while let Some(Ok(frame)) = body.frame().await {
                let len = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(len) {
                    Some(less) => left = less,
                    None => break,
                }
            }
        };
        tokio::select! {
            () = rest => {}
            () = tokio::time::sleep(limits.time) => {}
            () = slot.evicted() => {}
        }
    }
}

/// Why a body ended early. hyper wraps what its decoder says in an error of its own.
fn why_broken(error: &(dyn Error + 'static)) -> &'static str {
    let mut causes = iter::successors(Some(error), |error| (*error).source());
    let kind = causes.find_map(|error| Some(error.downcast_ref::<io::Error>()?.kind()));
    match kind {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            "its chunked encoding is malformed"
        }
        _ => "the client ended it early",
    }
}

/// A future's output, unless the slot is evicted before that.
async fn unless_evicted<F: Future>(slot: Option<&Slot>, future: F) -> Result<F::Output, Refusal> {
    match slot {
        None => Ok(future.await),
        // Large bodies are few, and what this keeps is moved with every body.
        Some(slot) => {
            Box::pin(async {
                tokio::select! {
                    output = future => Ok(output),
                    () = slot.evicted() => Err(Refusal::Evicted),
                }
            })
            .await
        }
    }
}

/// Throws a body away if it has arrived already, so that an HTTP/1.1 connection can go on. `false` if
/// more of it is to come, or if it is longer than this.
pub(crate) async fn discard(body: Incoming, bytes: usize) -> bool {
    matches!(
        at_once(pin!(Limited::new(body, bytes).collect())).await,
        Some(Ok(_))
    )
}

/// A future's output if it is ready without waiting.
async fn at_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_body_is_explained() {
        let rows = [
            (
                io::ErrorKind::InvalidInput,
                "its chunked encoding is malformed",
            ),
            (
                io::ErrorKind::InvalidData,
                "its chunked encoding is malformed",
            ),
            (io::ErrorKind::UnexpectedEof, "the client ended it early"),
        ];
        for (kind, said) in rows {
            let error = io::Error::from(kind);
            assert_eq!(why_broken(&error), said, "{kind:?}");
            let wrapped: Box<dyn Error + Send + Sync> = io::Error::from(kind).into();
            assert_eq!(why_broken(&*wrapped), said, "{kind:?}");
        }
    }
}
