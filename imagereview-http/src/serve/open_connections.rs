//! The connections that are open: accepting them, and draining them at the end.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    accept::accept,
    connection::Connections,
    ending::{EVICTION, LAST_REQUEST},
};
use crate::{config::Limits, observe::Metrics, slots::Slots};

type Accepted = (TcpStream, SocketAddr);

/// The connections that are open, each a task of its own.
pub(super) struct OpenConnections<'m> {
    tasks: JoinSet<()>,
    connections: Arc<Connections>,
    /// Of connections without a request yet.
    silent: Arc<Slots>,
    draining: watch::Sender<bool>,
    limits: Limits,
    metrics: &'m Metrics,
}

impl<'m> OpenConnections<'m> {
    pub(super) fn new(connections: Connections, limits: Limits, metrics: &'m Metrics) -> Self {
        Self {
            tasks: JoinSet::new(),
            connections: Arc::new(connections),
            silent: Arc::default(),
            draining: watch::Sender::new(false),
            limits,
            metrics,
        }
    }

    /// Accepts connections until `stopping` is ready, and those that the system has accepted by then.
    pub(super) async fn accept_until(
        &mut self,
        stopping: impl Future<Output = ()>,
        listener: TcpListener,
    ) {
        let mut stopping = pin!(stopping);
        // One that is accepted and has no slot yet.
        let mut next = None;
        loop {
            // One that hasn't sent a request is evicted, or the one that has been idle for longest. Where all
            // are at work, this one waits here and the others in the system's queue.
            if !self.is_full()
                && let Some(accepted) = next.take()
            {
                self.spawn(accepted);
            }
            tokio::select! {
                () = &mut stopping => break,
                accepted = accept(&listener), if next.is_none() => {
                    let is_full = self.is_full();
                    let is_crowded = is_full || self.silent.len() >= self.limits.silent;
                    let is_evicted = is_crowded && self.silent.evict_oldest();
                    if is_full && !is_evicted {
                        self.connections.activities.evict_idle();
                    }
                    next = Some(accepted);
                }
                // One may have become idle meanwhile.
                () = sleep(EVICTION), if next.is_some() => {
                    self.connections.activities.evict_idle();
                }
                // Finished connections are taken out, or the set would only ever grow.
                Some(_) = self.tasks.join_next() => {}
            }
        }
        if let Some(accepted) = next {
            self.spawn(accepted);
        }
        // Those that the system has accepted already would be reset with the listener.
        while let Ok(Ok(accepted)) = timeout(Duration::ZERO, listener.accept()).await {
            self.spawn(accepted);
        }
    }

    /// Lets requests in flight finish for so long, and cuts the connections that are open then.
    pub(super) async fn drain(mut self, limit: Duration) {
        self.draining.send_replace(true);
        tracing::info!(connections = self.tasks.len(), "stopping");
        let finished = async {
            let mut grace = pin!(sleep(LAST_REQUEST));
            loop {
                tokio::select! {
                    () = &mut grace, if !grace.is_elapsed() => while self.silent.evict_oldest() {},
                    next = self.tasks.join_next() => if next.is_none() { break },
                }
            }
        };
        if timeout(limit, finished).await.is_err() {
            tracing::warn!(
                connections = self.tasks.len(),
                "connections that were still busy after {limit:?} are cut"
            );
        }
        // Not waited for: a policy that doesn't return can't be stopped.
        self.tasks.abort_all();
    }

    fn is_full(&self) -> bool {
        self.tasks.len() >= self.limits.connections
    }

    fn spawn(&mut self, (stream, peer): Accepted) {
        self.metrics.connections.accepted.inc();
        let (connections, draining) = (Arc::clone(&self.connections), self.draining.subscribe());
        let slot = self.silent.take();
        self.tasks
            .spawn(async move { connections.serve(stream, peer, slot, draining).await });
    }
}
