//! Fair turns: who may have a review decided, where more want to than may.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// So many units, of which a client may have half. Those who wait get theirs in the order in which they
/// came, except that nobody waits for a client that has all it may.
#[derive(Debug)]
pub(super) struct Turns {
    book: Mutex<Book>,
    /// The most that one client may have.
    most: usize,
}

#[derive(Debug)]
struct Book {
    free: usize,
    /// What each client has.
    taken: HashMap<Box<str>, usize>,
    waiting: VecDeque<Waiting>,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    client: Box<str>,
    units: usize,
    admitted: oneshot::Sender<()>,
}

/// A turn, or the wait for one. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    number: u64,
    client: Box<str>,
    units: usize,
}

impl Turns {
    pub(super) fn new(units: usize) -> Self {
        Self {
            book: Mutex::new(Book {
                free: units,
                taken: HashMap::new(),
                waiting: VecDeque::new(),
                next: 0,
            }),
            most: units / 2,
        }
    }

    /// The most that one client may have.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    pub(super) async fn take(turns: &Arc<Self>, client: &str, units: usize) -> Turn {
        let (admitted, admission) = oneshot::channel();
        let turn = {
            let mut book = turns.lock();
            let number = book.next;
            book.next += 1;
            book.waiting.push_back(Waiting {
                number,
                client: client.into(),
                units,
                admitted,
            });
            book.admit(turns.most);
            Turn {
                turns: Arc::clone(turns),
                number,
                client: client.into(),
                units,
            }
        };
        // Its sender is kept until it is used.
        let _ = admission.await;
        turn
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Admits all that may be.
    fn admit(&mut self, most: usize) {
        let mut blocked = HashSet::new();
        let mut index = 0;
        while let Some(next) = self.waiting.get(index) {
            let taken = self.taken.get(&next.client).copied().unwrap_or_default();
            if blocked.contains(&next.client) || taken + next.units > most {
                blocked.insert(next.client.clone());
                index += 1;
                continue;
            }
            // What is free now is kept for it, or lighter ones would go before it for ever.
            if next.units > self.free {
                return;
            }
            if let Some(next) = self.waiting.remove(index) {
                self.free -= next.units;
                *self.taken.entry(next.client).or_default() += next.units;
                // One that gave up gives it back.
                let _ = next.admitted.send(());
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut book = self.turns.lock();
        let waits = |waiting: &Waiting| waiting.number == self.number;
        if let Some(index) = book.waiting.iter().position(waits) {
            book.waiting.remove(index);
        } else {
            book.free += self.units;
            if let Some(taken) = book.taken.get_mut(&self.client) {
                *taken -= self.units;
                if *taken == 0 {
                    book.taken.remove(&self.client);
                }
            }
        }
        book.admit(self.turns.most);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin, task::Poll};

    use super::*;

    /// A future's output if it is ready.
    async fn now<F: Future>(future: &mut std::pin::Pin<&mut F>) -> Option<F::Output> {
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn a_client_that_has_its_half_waits_and_nobody_waits_for_it() {
        let turns = Arc::new(Turns::new(8));
        let first = Turns::take(&turns, "a", 4).await;
        let mut second = pin!(Turns::take(&turns, "a", 1));
        assert!(now(&mut second).await.is_none());
        let other = Turns::take(&turns, "b", 3).await;
        // A heavy one is not passed by lighter ones for ever.
        let mut heavy = pin!(Turns::take(&turns, "c", 4));
        assert!(now(&mut heavy).await.is_none());
        let mut light = pin!(Turns::take(&turns, "d", 1));
        assert!(now(&mut light).await.is_none());
        drop(first);
        let second = second.await;
        let heavy = now(&mut heavy).await.expect("it is its turn");
        assert!(now(&mut light).await.is_none());
        drop(other);
        drop((second, heavy, light.await));
    }

    #[tokio::test]
    async fn whoever_gives_up_gives_back() {
        let turns = Arc::new(Turns::new(2));
        let turn = Turns::take(&turns, "a", 1).await;
        {
            let mut given_up = pin!(Turns::take(&turns, "a", 1));
            assert!(now(&mut given_up).await.is_none());
        }
        drop(turn);
        let book = turns.lock();
        assert_eq!((book.free, book.waiting.len(), book.taken.len()), (2, 0, 0));
    }
}
