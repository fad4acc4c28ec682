//! Those who wait for their client: connections that have not asked anything yet, and requests whose
//! body is not here yet.
//!
//! A client that means to ask does so within milliseconds. When places run out, who has waited for
//! longest gives up its own, so that any number of slow or silent clients can't keep the others out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Those who wait, the one that has waited for longest first.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    next: u64,
    held: BTreeMap<u64, Arc<Notify>>,
}

/// A place; it is given up by dropping it.
#[derive(Debug)]
pub(crate) struct Place {
    waiting: Arc<Waiting>,
    number: u64,
    evicted: Arc<Notify>,
}

impl Waiting {
    pub(crate) fn enter(self: &Arc<Self>) -> Place {
        let mut places = self.lock();
        let number = places.next;
        places.next += 1;
        let evicted = Arc::new(Notify::new());
        places.held.insert(number, Arc::clone(&evicted));
        Place {
            waiting: Arc::clone(self),
            number,
            evicted,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().held.len()
    }

    /// Tells the oldest to go. `false` if there is none.
    pub(crate) fn evict_oldest(&self) -> bool {
        let oldest = self.lock().held.pop_first();
        if let Some((_, evicted)) = &oldest {
            evicted.notify_one();
        }
        oldest.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Ends when the place is needed for another.
    pub(crate) fn evicted(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let evicted = Arc::clone(&self.evicted);
        async move { evicted.notified().await }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.lock().held.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_goes_first_and_who_has_left_is_not_asked() {
        let waiting = Arc::new(Waiting::default());
        let [first, second, third] = [(); 3].map(|()| waiting.enter());
        drop(first);
        assert_eq!(waiting.len(), 2);
        assert!(waiting.evict_oldest());
        second.evicted().await;
        assert!(waiting.evict_oldest());
        third.evicted().await;
        assert!(!waiting.evict_oldest());
    }
}
