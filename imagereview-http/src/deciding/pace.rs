//! Reviews that are decided by a thread which serves connections: how many at a time, and how long they
//! take.

use std::{
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// How long a review may take where it holds up others. Most take some 10 µs, and on a busy machine one
/// may have to wait for a processor.
const SLOW: Duration = Duration::from_millis(100);

/// How many reviews are decided elsewhere after a slow one. More would fill the queue for turns each time
/// that a busy machine delays one.
const PENANCE: u32 = 100;

/// The bytes of all reviews that are decided in place at a time, on however many processors. Those that
/// take most memory take some 300 times as much.
const AT_A_TIME: usize = 64 * 1024;

/// Whether reviews may be decided in place, which they may until one was slow.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// How many are still to be decided elsewhere.
    elsewhere: AtomicU32,
    /// Of those that are being decided.
    bytes: AtomicUsize,
}

/// A review that is decided in place, until this is dropped.
#[derive(Debug)]
pub(crate) struct InPlace<'p> {
    pace: &'p Pace,
    bytes: usize,
    since: Instant,
}

impl Pace {
    /// Whether a review of this many bytes may be decided in place.
    pub(crate) fn admit(&self, bytes: usize) -> Option<InPlace<'_>> {
        if !self.is_quick() {
            return None;
        }
        // Dropped where there are too many, it is given back.
        let admitted = InPlace {
            pace: self,
            bytes,
            since: Instant::now(),
        };
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        (before + bytes <= AT_A_TIME).then_some(admitted)
    }

    fn is_quick(&self) -> bool {
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
    fn took(&self, time: Duration) {
        if time > SLOW {
            self.elsewhere.store(PENANCE, Ordering::Relaxed);
        }
    }
}

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        self.pace.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.pace.took(self.since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_slow_one_many_are_decided_elsewhere() {
        let pace = Pace::default();
        pace.took(SLOW);
        assert!(pace.admit(1).is_some());
        pace.took(SLOW + Duration::from_millis(1));
        for _ in 0..PENANCE {
            assert!(pace.admit(1).is_none());
        }
        assert!(pace.admit(1).is_some());
    }

    #[test]
    fn those_in_place_have_a_budget_of_bytes() {
        let pace = Pace::default();
        let most = pace.admit(AT_A_TIME - 1).unwrap();
        assert!(pace.admit(2).is_none());
        let last = pace.admit(1).unwrap();
        assert!(pace.admit(1).is_none());
        drop((most, last));
        assert!(pace.admit(AT_A_TIME).is_some());
    }
}
