//! How long reviews take that are decided by a thread which serves connections.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// How long a review may take where it holds up others. Most take some 10 µs.
const SLOW: Duration = Duration::from_millis(20);

/// How many reviews are decided elsewhere after a slow one.
const PENANCE: u32 = 10_000;

/// Whether reviews may be decided in place, which they may until one was slow.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// How many are still to be decided elsewhere.
    elsewhere: AtomicU32,
}

impl Pace {
    /// Whether the next one may be decided in place.
    pub(crate) fn is_quick(&self) -> bool {
        if self.elsewhere.load(Ordering::Relaxed) == 0 {
            return true;
        }
        let _ = self
            .elsewhere
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        false
    }

    /// Tells how long one took.
    pub(crate) fn took(&self, time: Duration) {
        if time > SLOW {
            self.elsewhere.store(PENANCE, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_slow_one_many_are_decided_elsewhere() {
        let pace = Pace::default();
        pace.took(SLOW);
        assert!(pace.is_quick());
        pace.took(SLOW + Duration::from_millis(1));
        for _ in 0..PENANCE {
            assert!(!pace.is_quick());
        }
        assert!(pace.is_quick());
    }
}
