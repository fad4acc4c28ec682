//! The memory that request bodies take together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The bytes of all bodies that are held.
#[derive(Debug)]
pub(crate) struct HeldBytes {
    sum: AtomicUsize,
    limit: usize,
}

impl HeldBytes {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            sum: AtomicUsize::new(0),
            limit,
        }
    }
}

/// One body's share, which it gives back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    all: Arc<HeldBytes>,
    bytes: usize,
}

impl Held {
    pub(crate) fn new(all: &Arc<HeldBytes>) -> Self {
        Self {
            all: Arc::clone(all),
            bytes: 0,
        }
    }

    /// How many bytes were counted.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts more bytes. `false` if all together are now more than the limit.
    #[must_use]
    pub(crate) fn add(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.all.sum.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.all.limit
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.sum.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_leaves_room() {
        let all = Arc::new(HeldBytes::new(10));
        let mut first = Held::new(&all);
        assert!(first.add(4));
        assert!(first.add(6));
        let mut second = Held::new(&all);
        assert!(!second.add(1));
        drop(first);
        assert!(second.add(9));
        drop(second);
        assert_eq!(all.sum.load(Ordering::Relaxed), 0);
    }
}
