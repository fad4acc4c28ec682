//! Where reviews are decided: how many at a time, on which threads, and for how long.
//!
//! A review that takes long must not stop the others, so it is decided by a thread of its own and not
//! by one that serves connections. Small reviews by a policy whose cost is bounded are the exception,
//! since handing one over costs a good part of what deciding it does.

mod pace;
mod threads;
mod turns;

use std::{io, sync::Arc, time::Duration};

pub(crate) use self::turns::Turn;
use self::{pace::Pace, threads::Threads, turns::Turns};
use crate::request::SMALL_BODY;

/// How many turns there are for small reviews, and the bytes of each. They are apart from those for large
/// ones: an API server asks for all who create pods, so the large ones of one of them must not hold up the
/// others' small ones.
const SMALL_TURNS: usize = 8;
const SMALL_TURN: usize = 4 * 1024;

/// The same for large reviews.
const LARGE_TURNS: usize = 4;
const LARGE_TURN: usize = 64 * 1024;

/// What all reviews share.
pub(crate) struct Deciding {
    small: Arc<Turns>,
    large: Arc<Turns>,
    threads: Threads,
    /// How those go that are decided in place.
    pub(crate) pace: Pace,
    /// The longest that a review may wait and be decided.
    pub(crate) time: Duration,
}

impl Deciding {
    /// Starts the threads.
    pub(crate) fn start(time: Duration) -> io::Result<Self> {
        Ok(Self {
            small: Arc::new(Turns::new(SMALL_TURNS)),
            large: Arc::new(Turns::new(LARGE_TURNS)),
            // None that has a turn waits for a thread.
            threads: Threads::start(SMALL_TURNS + LARGE_TURNS)?,
            pace: Pace::default(),
            time,
        })
    }

    /// Waits until a client may have a review of this many bytes decided. One that takes as much as a client
    /// may have weighs no more than that: most memory is taken by as many images as are read, which are some
    /// 128 KiB at least.
    pub(crate) async fn turn(&self, client: &str, bytes: usize) -> Turn {
        let (turns, each) = if bytes <= SMALL_BODY {
            (&self.small, SMALL_TURN)
        } else {
            (&self.large, LARGE_TURN)
        };
        let units = bytes.div_ceil(each).clamp(1, turns.most());
        Turns::take(turns, client, units).await
    }

    /// Has a thread do this. Whoever calls it has a [`Turn`], which the work takes along.
    pub(crate) fn run(&self, work: impl FnOnce() + Send + 'static) {
        self.threads.run(Box::new(work));
    }
}
