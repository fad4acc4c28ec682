//! What is remembered of each server: how many requests are in flight, and whether it asked for a
//! pause.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{self, Instant},
};

use crate::{error::AskError, limits::Limits};

/// All servers that are remembered.
#[derive(Debug)]
pub(crate) struct Hosts {
    capacity: usize,
    max_requests: usize,
    longest_pause: Duration,
    all: Arc<Semaphore>,
    by_authority: Mutex<HashMap<Box<str>, Arc<Host>>>,
}

#[derive(Debug)]
struct Host {
    permits: Arc<Semaphore>,
    paused_until: Mutex<Option<Instant>>,
}

/// The right to have one request in flight.
#[derive(Debug)]
pub(crate) struct Permit {
    _host: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Hosts {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            capacity: limits.registries,
            max_requests: limits.requests_per_registry,
            longest_pause: limits.longest_pause,
            all: Arc::new(Semaphore::new(limits.requests)),
            by_authority: Mutex::default(),
        }
    }

    /// Waits until a request may be sent. One that the file gives a limit of its own to is passed
    /// with it.
    pub(crate) async fn permit(
        &self,
        authority: &str,
        max_requests: Option<usize>,
        deadline: Instant,
    ) -> Result<Permit, AskError> {
        let host = self.host(authority, max_requests)?;
        host.check_pause(authority)?;
        let permits = async {
            let of_host = Arc::clone(&host.permits).acquire_owned().await;
            let of_all = Arc::clone(&self.all).acquire_owned().await;
            of_host.and_then(|of_host| Ok((of_host, of_all?)))
        };
        let late = || AskError::Deadline {
            host: authority.into(),
        };
        let permits = time::timeout_at(deadline, permits).await;
        let (of_host, of_all) = permits.map_err(|_| late())?.map_err(|_| late())?;
        // It may have asked for a pause meanwhile.
        host.check_pause(authority)?;
        Ok(Permit {
            _host: of_host,
            _all: of_all,
        })
    }

    /// Leaves a server alone for as long as it asks, within reason.
    pub(crate) fn pause(&self, authority: &str, pause: Duration) -> AskError {
        let pause = pause.min(self.longest_pause);
        if let Ok(host) = self.host(authority, None) {
            host.pause(pause);
        }
        AskError::Paused {
            host: authority.into(),
            pause,
        }
    }

    fn host(&self, authority: &str, max_requests: Option<usize>) -> Result<Arc<Host>, AskError> {
        let mut hosts = self
            .by_authority
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(authority) {
            return Ok(Arc::clone(host));
        }
        if hosts.len() >= self.capacity {
            // Those with something to remember stay.
            hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.pause_left().is_some());
        }
        if hosts.len() >= self.capacity {
            return Err(AskError::Busy {
                what: format!("more than {} registries", self.capacity).into(),
            });
        }
        let host = Arc::new(Host {
            permits: Arc::new(Semaphore::new(max_requests.unwrap_or(self.max_requests))),
            paused_until: Mutex::default(),
        });
        hosts.insert(authority.into(), Arc::clone(&host));
        Ok(host)
    }
}

impl Host {
    fn pause(&self, pause: Duration) {
        let mut until = self
            .paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *until = Some(Instant::now() + pause);
    }

    fn pause_left(&self) -> Option<Duration> {
        let until = *self
            .paused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let left = until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn check_pause(&self, authority: &str) -> Result<(), AskError> {
        match self.pause_left() {
            None => Ok(()),
            Some(left) => Err(AskError::Paused {
                host: authority.into(),
                // Whole seconds, rounded up, read better.
                pause: Duration::from_secs(left.as_secs() + 1),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[tokio::test(start_paused = true)]
    async fn requests_to_one_server_are_bounded() {
        let hosts = Hosts::new(&Limits::default());
        let one = hosts.permit("r.example", Some(1), soon()).await.unwrap();
        let late = hosts.permit("r.example", Some(1), soon()).await;
        assert!(matches!(late, Err(AskError::Deadline { .. })));
        assert!(hosts.permit("other.example", None, soon()).await.is_ok());
        drop(one);
        assert!(hosts.permit("r.example", Some(1), soon()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_kept_and_is_no_longer_than_reason() {
        let hosts = Hosts::new(&Limits::default());
        hosts.pause("r.example", Duration::MAX);
        let error = hosts.permit("r.example", None, soon()).await.unwrap_err();
        assert!(matches!(error, AskError::Paused { .. }), "{error}");
        time::advance(Duration::from_secs(301)).await;
        assert!(hosts.permit("r.example", None, soon()).await.is_ok());
    }

    #[tokio::test]
    async fn servers_that_are_remembered_are_bounded() {
        let limits = Limits {
            registries: 10,
            ..Limits::default()
        };
        let hosts = Hosts::new(&limits);
        for index in 0..100 {
            let name = format!("r{index}.example");
            hosts.permit(&name, None, soon()).await.unwrap();
        }
        assert!(hosts.by_authority.lock().unwrap().len() <= 10);
        for index in 0..10 {
            hosts.pause(&format!("p{index}.example"), Duration::from_secs(60));
        }
        let error = hosts.permit("new.example", None, soon()).await.unwrap_err();
        assert!(matches!(error, AskError::Busy { .. }), "{error}");
    }
}
