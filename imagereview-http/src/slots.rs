//! Slots for those who wait on their client: connections without a request yet, and requests whose
//! body has not arrived.
//!
//! A client that means to send does so within milliseconds. When slots run out, the oldest is
//! evicted, so that any number of slow or silent clients can't keep the others out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// The slots that are taken, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    evictions: BTreeMap<u64, Arc<Notify>>,
}

/// A taken slot. Dropping it frees it.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    number: u64,
    evicted: Arc<Notify>,
}

impl Slots {
    pub(crate) fn take(self: &Arc<Self>) -> Slot {
        let mut taken = self.lock();
        let number = taken.next;
        taken.next += 1;
        let evicted = Arc::new(Notify::new());
        taken.evictions.insert(number, Arc::clone(&evicted));
        Slot {
            slots: Arc::clone(self),
            number,
            evicted,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().evictions.len()
    }

    /// Frees the oldest slot. `false` if none is taken.
    pub(crate) fn evict_oldest(&self) -> bool {
        let oldest = self.lock().evictions.pop_first();
        if let Some((_, evicted)) = &oldest {
            evicted.notify_one();
        }
        oldest.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Is ready once the slot is evicted.
    pub(crate) fn evicted(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let evicted = Arc::clone(&self.evicted);
        async move { evicted.notified().await }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().evictions.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_is_evicted_first_and_a_freed_slot_never() {
        let slots = Arc::new(Slots::default());
        let [first, second, third] = [(); 3].map(|()| slots.take());
        drop(first);
        assert_eq!(slots.len(), 2);
        assert!(slots.evict_oldest());
        second.evicted().await;
        assert!(slots.evict_oldest());
        third.evicted().await;
        assert!(!slots.evict_oldest());
    }
}
