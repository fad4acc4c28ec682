//! A request's body: what is accepted as one, and reading it whole within a size and a time.

use std::{
    error::Error,
    future::poll_fn,
    ops::Deref,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    held::Held,
    state::State,
    status::Refusal,
    waiting::{Place, Waiting},
};

/// How many times the limit of a body is read on where it is refused for its length.
const DISCARDED_LIMITS: usize = 4;

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// The size in bytes up to which a body is read whatever the others hold, and decided at once. Most
/// reviews are smaller, and as many as may be in flight are still little.
const SMALL: usize = 16 * 1024;

/// A request's body. Its bytes count as held until it is dropped.
pub(crate) struct ReadBody {
    bytes: Bytes,
    _held: Held,
    /// Where it is not small.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Deref for ReadBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a request's body whole.
///
/// One that announces more than the limit is refused before a byte of it is kept; one that arrives
/// in a single frame is not copied. One that is waited for is among the state's slow ones, and one that
/// is not small among its large ones: they give way where their place or their memory is needed.
pub(crate) async fn read(
    body: Incoming,
    is_http2: bool,
    limits: BodyLimits,
    state: &State,
) -> Result<ReadBody, Refusal> {
    let slow = &state.slow_bodies;
    if body.size_hint().lower() > limits.bytes as u64 {
        // On HTTP/1.1 the connection lingers after the answer.
        if is_http2 {
            Box::pin(discard_rest(body, limits, slow)).await;
        }
        return Err(Refusal::TooLarge {
            limit: limits.bytes,
        });
    }
    let mut body = pin!(collect(body, limits.bytes, state));
    // Most bodies come along with their headers, and need neither a timer nor a place.
    if let Some(read) = at_once(body.as_mut()).await {
        return read;
    }
    Box::pin(async {
        let place = slow.enter();
        tokio::select! {
            read = &mut body => read,
            () = tokio::time::sleep(limits.time) => Err(Refusal::SlowBody { limit: limits.time }),
            () = place.evicted() => Err(Refusal::GaveWay),
        }
    })
    .await
}

/// All of a body. Where it comes in pieces they are copied together, since each piece takes more than
/// its bytes: a client could send single ones.
async fn collect(body: Incoming, limit: usize, state: &State) -> Result<ReadBody, Refusal> {
    let refusal = |error: Box<dyn Error + Send + Sync>| {
        if error.is::<LengthLimitError>() {
            Refusal::TooLarge { limit }
        } else {
            Refusal::BrokenBody(error.to_string())
        }
    };
    let mut body = Limited::new(body, limit);
    let mut held = Held::new(&state.held_bodies);
    // Where it is not small. To send a small one away would make little room.
    let mut place = None;
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = unless_evicted(place.as_ref(), body.frame()).await? {
        let Ok(piece) = frame.map_err(refusal)?.into_data() else {
            continue;
        };
        let has_room = held.add(piece.len());
        if held.bytes() > SMALL {
            // Whoever has been sending for longest goes first.
            if !has_room && !state.large_bodies.evict_oldest() {
                return Err(Refusal::Overloaded);
            }
            place.get_or_insert_with(|| state.large_bodies.enter());
        }
        if first.is_empty() && all.is_empty() {
            first = piece;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&piece);
        }
        // One that tells of its end is not asked for it.
        if body.is_end_stream() {
            break;
        }
    }
    let bytes = if all.is_empty() { first } else { all.freeze() };
    let turn = if bytes.len() > SMALL {
        let turn = Box::pin(Arc::clone(&state.turns).acquire_owned());
        unless_evicted(place.as_ref(), turn).await?.ok()
    } else {
        None
    };
    Ok(ReadBody {
        bytes,
        _held: held,
        _turn: turn,
    })
}

/// What a future gives, unless the place is needed for another before that.
async fn unless_evicted<F: Future>(place: Option<&Place>, future: F) -> Result<F::Output, Refusal> {
    match place {
        None => Ok(future.await),
        // Large bodies are few, and what is kept of one is moved about with every body.
        Some(place) => {
            Box::pin(async {
                tokio::select! {
                    output = future => Ok(output),
                    () = place.evicted() => Err(Refusal::GaveWay),
                }
            })
            .await
        }
    }
}

/// Reads on in a body that is refused for its length, and keeps nothing. An HTTP/2 client that is
/// answered while it still sends gets its stream reset, and some (curl before 8.9 among them) then
/// tell of the reset and not of the answer.
async fn discard_rest(mut body: Incoming, limits: BodyLimits, slow: &Arc<Waiting>) {
    let mut left = limits.bytes.saturating_mul(DISCARDED_LIMITS);
    let place = slow.enter();
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
        () = place.evicted() => {}
    }
}

/// Throws a body away if it has come already, so that an HTTP/1.1 connection can go on. `false` if
/// more of it is to come, or more than this.
pub(crate) async fn discard(body: Incoming, bytes: usize) -> bool {
    matches!(
        at_once(pin!(Limited::new(body, bytes).collect())).await,
        Some(Ok(_))
    )
}

/// What a future gives without waiting.
async fn at_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}
