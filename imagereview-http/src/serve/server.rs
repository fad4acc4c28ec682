//! The listening sockets: accepting connections and, at the end, waiting for them.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    net::TcpListener,
    task,
    time::{Instant, sleep, timeout},
};

use super::{
    connection::Connections, health::Health, listen::listen, open_connections::OpenConnections,
};
use crate::{
    config::{AuditTarget, Config, FactsError, Limits, Timeouts},
    deciding::Deciding,
    facts::FactsForReviews,
    observe::{Audit, LineRate, Metrics},
    policy::{PolicyError, ServerPolicy},
    reload::{Before, Reload, Reloader},
    request::{Bodies, BodyLimits},
    review,
    state::State,
    tls::{ClientTrust, Tls, TlsError},
    untaken::Responses,
};

/// How long the audit log may take to its end where the connections took all of the time to stop.
const FINISH_AUDIT: Duration = Duration::from_secs(1);

/// More bytes than any response has: a patch in base64, and reasons of a few KiB.
const LARGEST_RESPONSE: usize = 1024 * 1024;

/// Why a server can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// A certificate, key or client CA can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The policy can't be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Facts can't be had from where they should come.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// The audit log can't be opened.
    #[error("cannot open the audit log {}: {source}; give a file that can be written", path.display())]
    Audit {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A thread can't be started.
    #[error("cannot start a thread: {0}; allow the process more of them, or more memory")]
    Threads(io::Error),
    /// An address can't be listened on.
    #[error("cannot listen on {address}: {source}{}", listen_advice(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
}

fn listen_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop the program that holds this address or choose another",
        io::ErrorKind::AddrNotAvailable => "; choose an address that this machine has",
        io::ErrorKind::PermissionDenied => "; choose a port from 1024 up or grant the right to",
        _ => "",
    }
}

/// A server that listens already, and responds once [`serve`](Self::serve) is called.
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    health: Option<Health>,
    connections: Connections,
    reloader: Reloader,
    state: Arc<State>,
    timeouts: Timeouts,
    limits: Limits,
}

impl Server {
    /// Reads the policy and the certificates and binds the addresses. Connections that arrive from
    /// now on wait for [`serve`](Self::serve). Files are read again when they change.
    ///
    /// # Errors
    ///
    /// The policy, a certificate, key, client CA or a file about registries can't be used, the audit log
    /// can't be opened, or an address can't be listened on.
    #[expect(
        clippy::unused_async,
        reason = "it needs the runtime in which it serves, and may have to wait again"
    )]
    pub async fn bind(
        mut config: Config,
        policy: impl Into<ServerPolicy>,
    ) -> Result<Self, ServerError> {
        let policy = policy.into().open()?;
        // Before anything is read, so that a change in the meantime is one.
        let before = Before::reading(&config, &policy);
        let served = policy.load()?;
        let tls = Tls::load(config.identity.clone(), ClientTrust::from(&config))?;
        let metrics = Metrics::new(config.dropped_log_lines.take());
        let facts = config
            .facts
            .open(Some(Arc::clone(&metrics.registries) as _))?;
        let audit = match &config.audit {
            None => None,
            Some(log) => Some(Audit::start(log, metrics.audit.clone()).map_err(|source| {
                let path = match &log.target {
                    AuditTarget::Stdout => "/dev/stdout".into(),
                    AuditTarget::File(path) => path.clone(),
                };
                ServerError::Audit { path, source }
            })?),
        };

        let failed = |address| move |source| ServerError::Listen { address, source };
        let listener = listen(config.listen)
            .and_then(TcpListener::from_std)
            .map_err(failed(config.listen))?;
        let local_addr = listener.local_addr().map_err(failed(config.listen))?;
        let health = match config.health_listen {
            Some(address) => Some(Health::bind(address).map_err(failed(address))?),
            None => None,
        };

        let state = Arc::new(State {
            policy: ArcSwap::from_pointee(served.clone()),
            language: config.language,
            approval: review::approval(config.language),
            body: BodyLimits {
                bytes: config.max_body_bytes,
                time: config.timeouts.body,
            },
            bodies: Bodies::new(
                // An AdmissionReview holds its object twice.
                config.limits.body_memory.max(2 * config.max_body_bytes),
            ),
            deciding: Deciding::start(config.timeouts.review).map_err(ServerError::Threads)?,
            facts: FactsForReviews::new(facts, config.timeouts.facts),
            responses: Arc::new(Responses::new(
                config.limits.response_memory.max(LARGEST_RESPONSE),
            )),
            max_requests: config.limits.requests,
            metrics,
            audit,
            refusal_lines: LineRate::default(),
            handshake_lines: LineRate::default(),
            ready: AtomicBool::new(false),
        });
        state.serve_policy(served);
        state.show_validity(&tls.current());
        let tls = Arc::new(tls);
        Ok(Self {
            listener,
            local_addr,
            health,
            connections: Connections::new(&config, Arc::clone(&tls), Arc::clone(&state)),
            reloader: Reloader::start(Arc::clone(&state), tls, policy, config.facts, &before),
            state,
            timeouts: config.timeouts,
            limits: config.limits,
        })
    }

    /// Serves one connection without TLS, whose client sends what the fuzzer makes up. For the
    /// fuzzer alone: a server in use has no way in but through the handshake.
    #[cfg(fuzzing)]
    #[doc(hidden)]
    pub async fn serve_plain<S>(&self, stream: S, is_http2: bool)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        self.connections.serve_plain(stream, is_http2).await;
    }

    /// The address that is listened on, with the port that the system chose for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The address of probes and metrics, where there is one.
    #[must_use]
    pub fn health_addr(&self) -> Option<SocketAddr> {
        self.health.as_ref().map(Health::local_addr)
    }

    /// The identity of the policy that is served: its documents' names and the hash of their text. `None`
    /// for a policy that the program holds.
    #[must_use]
    pub fn policy_identity(&self) -> Option<String> {
        self.state
            .policy
            .load()
            .identity
            .as_deref()
            .map(str::to_owned)
    }

    /// A way to have the files read again while the server runs.
    #[must_use]
    pub fn reload(&self) -> Reload {
        self.reloader.handle()
    }

    /// Serves until `shutdown` is ready, and returns once the server has stopped:
    ///
    /// 1. readiness goes false, and for [`Timeouts::shutdown_delay`] everything else goes on, so
    ///    that load balancers can take notice;
    /// 2. no connection is accepted any more, and every client is sent elsewhere (HTTP/2 GOAWAY,
    ///    `Connection: close`);
    /// 3. what is in flight gets [`Timeouts::shutdown`] to finish.
    ///
    /// Dropping the future instead cuts every connection.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Self {
            listener,
            connections,
            state,
            timeouts,
            limits,
            ..
        } = self;
        state.ready.store(true, Ordering::Relaxed);
        // Until this is dropped.
        let _health = self.health.map(|health| health.serve(Arc::clone(&state)));
        let stopping = async {
            shutdown.await;
            state.ready.store(false, Ordering::Relaxed);
            if !timeouts.shutdown_delay.is_zero() {
                tracing::info!(
                    "no longer ready; accepting for {:?} more",
                    timeouts.shutdown_delay
                );
                sleep(timeouts.shutdown_delay).await;
            }
        };
        let mut open = OpenConnections::new(connections, limits, &state.metrics);
        open.accept_until(stopping, listener).await;
        let end = Instant::now() + timeouts.shutdown;
        open.drain(timeouts.shutdown).await;
        drop(self.reloader);
        // Writing the lines that wait for the audit log is a thread's work, so this one is free for
        // others that may run beside the server.
        let finish = {
            let state = Arc::clone(&state);
            task::spawn_blocking(move || state.finish_audit())
        };
        // What is left of the time, so that all of it fits into that which the system gives.
        let left = end.saturating_duration_since(Instant::now());
        if timeout(left.max(FINISH_AUDIT), finish).await.is_err() {
            tracing::warn!("the audit log was not written to its end");
        }
    }
}
