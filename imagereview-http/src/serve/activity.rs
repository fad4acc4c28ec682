//! Which connections have nothing to do, so that one of them can make room for another.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

/// How long a connection has been idle at least before it is closed for another: an API server that
/// sends one request after another has no such pause.
const IDLE: Duration = Duration::from_secs(1);

/// All connections that are open.
///
/// They are searched only where there is no room for another, so that a request costs two additions and
/// no lock.
#[derive(Debug)]
pub(super) struct Activities {
    start: Instant,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Arc<Shared>>,
}

/// What one connection does, until this is dropped.
#[derive(Debug)]
pub(super) struct Activity {
    all: Arc<Activities>,
    number: u64,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// How many requests have been read.
    requests: AtomicUsize,
    in_flight: AtomicUsize,
    /// When the last request ended, in milliseconds from the start.
    idle_since: AtomicU64,
    is_evicted: AtomicBool,
    evicted: Arc<Notify>,
}

impl Activities {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            open: Mutex::default(),
        }
    }

    /// A connection whose eviction is told to whoever waits for this.
    pub(super) fn begin(self: &Arc<Self>, evicted: Arc<Notify>) -> Activity {
        let shared = Arc::new(Shared {
            requests: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            idle_since: AtomicU64::new(0),
            is_evicted: AtomicBool::new(false),
            evicted,
        });
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        open.connections.insert(number, Arc::clone(&shared));
        drop(open);
        Activity {
            all: Arc::clone(self),
            number,
            shared,
        }
    }

    /// Evicts the connection that has been idle for longest since a request, unless another is being evicted.
    /// `false` if none has been for long.
    pub(super) fn evict_idle(&self) -> bool {
        let now = self.now();
        let open = self.lock();
        let is_idle = |shared: &&Arc<Shared>| {
            shared.requests.load(Ordering::Relaxed) > 0
                && shared.in_flight.load(Ordering::Relaxed) == 0
        };
        let is_evicted = |shared: &Arc<Shared>| shared.is_evicted.load(Ordering::Relaxed);
        let mut idle = open.connections.values().filter(is_idle);
        if idle.clone().any(is_evicted) {
            return true;
        }
        let since = |shared: &&Arc<Shared>| shared.idle_since.load(Ordering::Relaxed);
        let Some(longest) = idle.by_ref().min_by_key(since) else {
            return false;
        };
        if Duration::from_millis(now.saturating_sub(since(&longest))) < IDLE {
            return false;
        }
        longest.is_evicted.store(true, Ordering::Relaxed);
        longest.evicted.notify_one();
        true
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activity {
    /// Counts a request that was read. `true` if it is the first.
    pub(super) fn request(&self) -> bool {
        self.shared.requests.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// How many requests have been read.
    pub(super) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Whether a request is in flight.
    pub(super) fn is_busy(&self) -> bool {
        self.shared.in_flight.load(Ordering::Relaxed) > 0
    }

    pub(super) fn begin_request(&self) {
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end_request(&self) {
        let now = self.all.now();
        self.shared.idle_since.store(now, Ordering::Relaxed);
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.all.lock().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_connection_that_is_idle_for_longest_is_evicted_first_and_once() {
        let mut activities = Activities::new();
        // Long ago.
        activities.start = Instant::now().checked_sub(10 * IDLE).unwrap();
        let all = Arc::new(activities);
        let evicted: [Arc<Notify>; 4] = Default::default();
        let [silent, busy, first, second] =
            [0, 1, 2, 3].map(|at: usize| all.begin(Arc::clone(&evicted[at])));
        for asked in [&busy, &first, &second] {
            asked.request();
        }
        busy.begin_request();
        first.shared.idle_since.store(1, Ordering::Relaxed);
        second.shared.idle_since.store(2, Ordering::Relaxed);
        assert!(all.evict_idle());
        evicted[2].notified().await;
        assert!(all.evict_idle());
        assert!(!second.shared.is_evicted.load(Ordering::Relaxed));
        drop(first);
        assert!(all.evict_idle());
        evicted[3].notified().await;
        drop(second);
        assert!(!all.evict_idle());
        // It has been idle since just now.
        busy.end_request();
        assert!(!all.evict_idle());
        drop((silent, busy));
        assert!(all.lock().connections.is_empty());
    }
}
