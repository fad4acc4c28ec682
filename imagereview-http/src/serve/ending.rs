//! Why the server ends a connection, and when.

use std::{
    hash::{BuildHasher, RandomState},
    pin::Pin,
    time::Duration,
};

use tokio::{sync::watch, time::sleep};

/// How long an idle HTTP/1.1 connection is kept once the server stops, for a request that may be on
/// its way already, and how long a handshake may still take. An idle HTTP/2 connection needs no such
/// time: GOAWAY says which requests were not read.
pub(super) const LAST_REQUEST: Duration = Duration::from_secs(1);

/// How long a connection whose place is needed for another has to end well.
pub(super) const EVICTION: Duration = Duration::from_millis(100);

/// What a connection waits for besides its client.
pub(super) struct Ends {
    /// Its place is needed for another, and it has not sent a request, or none for long.
    pub(super) evicted: Event,
    /// Its client should connect anew.
    pub(super) renewed: Event,
    /// The server stops.
    pub(super) drained: Event,
}

type Event = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Ends {
    pub(super) fn new(
        evicted: impl Future<Output = ()> + Send + 'static,
        max_age: Option<Duration>,
        trust_ended: impl Future<Output = ()> + Send + 'static,
        mut draining: watch::Receiver<bool>,
    ) -> Self {
        let max_age = max_age.map(jittered);
        let renewed = async move {
            let aged = async {
                match max_age {
                    Some(age) => sleep(age).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = aged => {}
                () = trust_ended => {}
            }
        };
        Self {
            evicted: Box::pin(evicted),
            renewed: Box::pin(renewed),
            drained: Box::pin(async move {
                // It can't become true any more once its sender is gone, which is the end too.
                let _ = draining.wait_for(|&draining| draining).await;
            }),
        }
    }

    /// A connection that the server doesn't end.
    #[cfg(fuzzing)]
    pub(super) fn never() -> Self {
        Self {
            evicted: Box::pin(std::future::pending()),
            renewed: Box::pin(std::future::pending()),
            drained: Box::pin(std::future::pending()),
        }
    }
}

/// How the server leaves a connection.
pub(super) enum Leave {
    /// Requests in flight are answered.
    Gracefully,
    /// No request came in time.
    Silent,
    /// No request came, or none for long, and others need its place.
    Evicted,
}

/// A time within a tenth of the given one, so that connections which began together, after a
/// restart for example, don't end together.
fn jittered(time: Duration) -> Duration {
    // What the standard library seeds its hash maps with is random enough to spread.
    let random = RandomState::new().hash_one(()) % 2000;
    // At most 2000, so nothing is lost.
    #[allow(clippy::cast_precision_loss)]
    time.mul_f64(0.9 + random as f64 / 10_000.0)
}
