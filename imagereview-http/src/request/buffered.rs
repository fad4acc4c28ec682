//! The memory that request bodies take together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The bytes of all bodies that are buffered.
#[derive(Debug)]
pub(super) struct BufferedBytes {
    sum: AtomicUsize,
    limit: usize,
}

impl BufferedBytes {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            sum: AtomicUsize::new(0),
            limit,
        }
    }
}

/// One body's share. It is given back when this is dropped.
#[derive(Debug)]
pub(super) struct BufferedShare {
    all: Arc<BufferedBytes>,
    bytes: usize,
}

impl BufferedShare {
    pub(super) fn new(all: &Arc<BufferedBytes>) -> Self {
        Self {
            all: Arc::clone(all),
            bytes: 0,
        }
    }

    /// How many bytes were counted.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts more bytes. `false` if all bodies together now exceed the limit.
    #[must_use]
    pub(super) fn add(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.all.sum.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.all.limit
    }
}

impl Drop for BufferedShare {
    fn drop(&mut self) {
        self.all.sum.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_body_frees_its_memory() {
        let all = Arc::new(BufferedBytes::new(10));
        let mut first = BufferedShare::new(&all);
        assert!(first.add(4));
        assert!(first.add(6));
        let mut second = BufferedShare::new(&all);
        assert!(!second.add(1));
        drop(first);
        assert!(second.add(9));
        drop(second);
        assert_eq!(all.sum.load(Ordering::Relaxed), 0);
    }
}
