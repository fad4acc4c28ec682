//! Where reviews are decided: how many at a time, on which threads, and for how long.
//!
//! A review that takes long must not stop the others, so it is decided by a thread of its own and not
//! by one that serves connections. Small reviews by a policy whose cost is bounded are the exception,
//! since handing one over costs a good part of what deciding it does.

mod pace;
mod threads;
mod turns;

use std::{io, num::NonZero, sync::Arc, time::Duration};

pub(crate) use self::turns::Turn;
use self::{pace::Pace, threads::Threads, turns::Turns};

/// The size in bytes from which a review weighs as much as any: about that of one with as many images
/// as are read, which takes most memory.
const HEAVIEST: usize = 128 * 1024;

/// The fewest threads.
const MIN_THREADS: usize = 4;

/// What all reviews share.
pub(crate) struct Deciding {
    turns: Arc<Turns>,
    threads: Threads,
    /// How those go that are decided in place.
    pub(crate) pace: Pace,
    /// The longest that a review may wait and be decided.
    pub(crate) time: Duration,
}

impl Deciding {
    /// Starts the threads.
    pub(crate) fn start(time: Duration) -> io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        // A turn takes a unit at least, so none waits for a thread.
        let units = MIN_THREADS.max(2 * processors);
        Ok(Self {
            turns: Arc::new(Turns::new(units)),
            threads: Threads::start(units)?,
            pace: Pace::default(),
            time,
        })
    }

    /// Waits until a client may have a review of this many bytes decided.
    pub(crate) async fn turn(&self, client: &str, bytes: usize) -> Turn {
        let most = self.turns.most();
        let units = (bytes.min(HEAVIEST) * most).div_ceil(HEAVIEST).max(1);
        Turns::take(&self.turns, client, units).await
    }

    /// Has a thread do this. Whoever calls it has a [`Turn`], which the work takes along.
    pub(crate) fn run(&self, work: impl FnOnce() + Send + 'static) {
        self.threads.run(Box::new(work));
    }
}
