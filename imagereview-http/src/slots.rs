//! Slots for those who wait on their client: connections without a request yet, and requests whose
//! body has not arrived.
//!
//! A client that means to send does so within milliseconds. When slots run out, the oldest is
//! evicted, so that any number of slow or silent clients can't keep the others out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
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
    evictions: BTreeMap<u64, (Instant, Arc<Notify>)>,
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
        self.take_for(Arc::default())
    }

    /// Takes a slot whose eviction is told to whoever waits for this, which several may share.
    pub(crate) fn take_for(self: &Arc<Self>, evicted: Arc<Notify>) -> Slot {
        let since = Instant::now();
        let mut taken = self.lock();
        let number = taken.next;
        taken.next += 1;
        taken
            .evictions
            .insert(number, (since, Arc::clone(&evicted)));
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
        self.evict_oldest_after(Duration::ZERO)
    }

    /// Frees the oldest slot if it has been taken for so long. `false` if none has.
    pub(crate) fn evict_oldest_after(&self, age: Duration) -> bool {
        let mut taken = self.lock();
        let Some(oldest) = taken.evictions.first_entry() else {
            return false;
        };
        if oldest.get().0.elapsed() < age {
            return false;
        }
        let (_, evicted) = oldest.remove();
        drop(taken);
        evicted.notify_one();
        true
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// What tells that the slot is evicted.
    pub(crate) fn eviction(&self) -> Arc<Notify> {
        Arc::clone(&self.evicted)
    }

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
