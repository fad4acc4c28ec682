//! A cache that is bounded by bytes, and in which everybody who waits for one thing waits for one
//! fetch of it.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use crate::observe::Lookup;

/// What an entry takes beside its value: its key twice, and its place in two maps.
const OVERHEAD: usize = 512;

/// For how long a value is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// It can't change.
    Forever,
    /// It may change.
    For(Duration),
}

/// What came of a fetch.
#[derive(Debug)]
pub(crate) struct Fetched<V> {
    pub(crate) value: V,
    /// About how many bytes the value takes.
    pub(crate) bytes: usize,
    pub(crate) lifetime: Lifetime,
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoValue {
    /// Too much is being fetched.
    Busy,
    /// The fetch panicked.
    Panicked,
}

/// A cache of values by key.
#[derive(Debug)]
pub(crate) struct Cache<K, V>(Arc<Shared<K, V>>);

#[derive(Debug)]
struct Shared<K, V> {
    max_bytes: usize,
    max_fetches: usize,
    /// Never held across an await.
    state: Mutex<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// The keys by when they were used last.
    order: BTreeMap<u64, K>,
    clock: u64,
    bytes: usize,
    fetches: HashMap<K, watch::Receiver<Option<V>>>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    /// `None` for what can't change.
    expires: Option<Instant>,
    used: u64,
}

impl<V> Entry<V> {
    fn is_believed(&self) -> bool {
        self.expires.is_none_or(|expires| expires > Instant::now())
    }
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Cache<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of at most this many bytes, for which at most this many fetches are under way.
    pub(crate) fn new(max_bytes: usize, max_fetches: usize) -> Self {
        Self(Arc::new(Shared {
            max_bytes,
            max_fetches,
            state: Mutex::new(State {
                entries: HashMap::new(),
                order: BTreeMap::new(),
                clock: 0,
                bytes: 0,
                fetches: HashMap::new(),
            }),
        }))
    }

    /// The value, if it is there and still believed.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.0.state().get(key)
    }

    /// Whether a value is there, or on its way.
    pub(crate) fn look_up(&self, key: &K) -> Lookup {
        let state = self.0.state();
        let is_there = |entry: &Entry<V>| entry.is_believed();
        if state.entries.get(key).is_some_and(is_there) {
            Lookup::Hit
        } else if state.fetches.contains_key(key) {
            Lookup::Joined
        } else {
            Lookup::Missed
        }
    }

    /// Keeps a value.
    pub(crate) fn insert(&self, key: K, fetched: Fetched<V>) {
        self.0.state().insert(key, fetched, self.0.max_bytes);
    }

    /// Forgets a value.
    pub(crate) fn remove(&self, key: &K) {
        self.0.state().remove(key);
    }

    /// The value, fetched if it isn't there. The fetch is a task of its own, which goes on if nobody
    /// waits for it any more; it is handed the value that is no longer believed, if there is one.
    pub(crate) async fn get_or_fetch<F, Fut>(&self, key: K, fetch: F) -> Result<V, NoValue>
    where
        F: FnOnce(Option<V>) -> Fut,
        Fut: Future<Output = Fetched<V>> + Send + 'static,
    {
        let mut receiver = {
            let mut state = self.0.state();
            if let Some(value) = state.get(&key) {
                return Ok(value);
            }
            if let Some(receiver) = state.fetches.get(&key) {
                receiver.clone()
            } else {
                if state.fetches.len() >= self.0.max_fetches {
                    return Err(NoValue::Busy);
                }
                let (sender, receiver) = watch::channel(None);
                state.fetches.insert(key.clone(), receiver.clone());
                let previous = state.entries.get(&key).map(|entry| entry.value.clone());
                drop(state);
                let fetch = fetch(previous);
                let under_way = UnderWay {
                    shared: Arc::clone(&self.0),
                    key,
                };
                tokio::spawn(async move {
                    let fetched = fetch.await;
                    let value = fetched.value.clone();
                    under_way.end(fetched);
                    sender.send_replace(Some(value));
                });
                receiver
            }
        };
        let value = receiver.wait_for(Option::is_some).await;
        value
            .ok()
            .and_then(|value| value.clone())
            .ok_or(NoValue::Panicked)
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.0.state().bytes
    }
}

impl<K, V> Shared<K, V> {
    fn state(&self) -> MutexGuard<'_, State<K, V>> {
        // Nothing that holds the lock panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash, V: Clone> State<K, V> {
    fn get(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.get_mut(key)?;
        if !entry.is_believed() {
            return None;
        }
        self.clock += 1;
        if let Some(key) = self.order.remove(&entry.used) {
            self.order.insert(self.clock, key);
        }
        entry.used = self.clock;
        Some(entry.value.clone())
    }

    fn insert(&mut self, key: K, fetched: Fetched<V>, max_bytes: usize) {
        self.remove(&key);
        let bytes = fetched.bytes.saturating_add(OVERHEAD);
        if bytes > max_bytes {
            return;
        }
        while self.bytes + bytes > max_bytes {
            let Some((_, oldest)) = self.order.pop_first() else {
                break;
            };
            if let Some(entry) = self.entries.remove(&oldest) {
                self.bytes -= entry.bytes;
            }
        }
        self.clock += 1;
        self.bytes += bytes;
        self.order.insert(self.clock, key.clone());
        let expires = match fetched.lifetime {
            Lifetime::Forever => None,
            Lifetime::For(time) => Some(Instant::now() + time),
        };
        let entry = Entry {
            value: fetched.value,
            bytes,
            expires,
            used: self.clock,
        };
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }
}

/// A fetch that is under way. However it ends, the next who asks starts another.
struct UnderWay<K: Eq + Hash, V> {
    shared: Arc<Shared<K, V>>,
    key: K,
}

impl<K: Clone + Eq + Hash, V: Clone> UnderWay<K, V> {
    /// Keeps the value. It is there before the fetch counts as ended, so that nobody starts another.
    fn end(self, fetched: Fetched<V>) {
        let mut state = self.shared.state();
        state.insert(self.key.clone(), fetched, self.shared.max_bytes);
        state.fetches.remove(&self.key);
    }
}

impl<K: Eq + Hash, V> Drop for UnderWay<K, V> {
    fn drop(&mut self) {
        self.shared.state().fetches.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    fn fetched(value: u32, bytes: usize, lifetime: Lifetime) -> Fetched<u32> {
        Fetched {
            value,
            bytes,
            lifetime,
        }
    }

    #[tokio::test]
    async fn those_who_wait_share_one_fetch_that_outlives_them() {
        let cache = Cache::<u8, u32>::new(1 << 20, 10);
        let fetches = Arc::new(AtomicUsize::new(0));
        let go = Arc::new(Notify::new());
        let ask = || {
            let (cache, fetches, go) = (cache.clone(), Arc::clone(&fetches), Arc::clone(&go));
            tokio::spawn(async move {
                let fetch = |_| async move {
                    fetches.fetch_add(1, Ordering::SeqCst);
                    go.notified().await;
                    fetched(7, 1, Lifetime::Forever)
                };
                cache.get_or_fetch(1, fetch).await
            })
        };
        let first = ask();
        let others: Vec<_> = (0..1000).map(|_| ask()).collect();
        while fetches.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        // Whoever began it goes away.
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        go.notify_one();
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(7));
        }
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        assert_eq!(cache.get(&1), Some(7));
    }

    #[tokio::test]
    async fn bytes_are_bounded_and_what_was_not_used_goes_first() {
        let cache = Cache::<u32, u32>::new(10 * (100 + OVERHEAD), 10);
        for key in 0..10 {
            cache.insert(key, fetched(key, 100, Lifetime::Forever));
        }
        assert_eq!(cache.get(&0), Some(0));
        for key in 10..19 {
            cache.insert(key, fetched(key, 100, Lifetime::Forever));
        }
        assert_eq!(cache.bytes(), 10 * (100 + OVERHEAD));
        assert_eq!(cache.get(&0), Some(0), "it was used last");
        for key in 1..10 {
            assert_eq!(cache.get(&key), None, "{key}");
        }
        cache.insert(99, fetched(99, usize::MAX, Lifetime::Forever));
        assert_eq!(cache.get(&99), None, "it does not fit at all");
        cache.remove(&0);
        assert_eq!(cache.bytes(), 9 * (100 + OVERHEAD));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_longer_believed_is_handed_to_the_next_fetch() {
        let cache = Cache::<u8, u32>::new(1 << 20, 10);
        let minute = Lifetime::For(Duration::from_secs(60));
        cache.insert(1, fetched(5, 1, minute));
        assert_eq!(cache.get(&1), Some(5));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(cache.get(&1), None);
        let fetch = |previous: Option<u32>| async move {
            fetched(previous.unwrap_or_default() + 1, 1, minute)
        };
        assert_eq!(cache.get_or_fetch(1, fetch).await, Ok(6));
    }

    #[tokio::test]
    async fn too_many_fetches_are_busy_and_a_panic_is_not_kept() {
        let cache = Cache::<u8, u32>::new(1 << 20, 1);
        let waiting = {
            let cache = cache.clone();
            tokio::spawn(async move { cache.get_or_fetch(1, |_| std::future::pending()).await })
        };
        while cache.0.state().fetches.is_empty() {
            tokio::task::yield_now().await;
        }
        let other = cache.get_or_fetch(2, |_| async { fetched(1, 1, Lifetime::Forever) });
        assert_eq!(other.await, Err(NoValue::Busy));
        waiting.abort();

        let cache = Cache::<u8, u32>::new(1 << 20, 1);
        let panics = cache.get_or_fetch(1, |_| async { panic!("a mistake") });
        assert_eq!(panics.await, Err(NoValue::Panicked));
        let again = cache.get_or_fetch(1, |_| async { fetched(3, 1, Lifetime::Forever) });
        assert_eq!(again.await, Ok(3));
    }
}
