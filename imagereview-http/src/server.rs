//! The listening socket: accepting connections and, at the end, waiting for them.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use imagereview_core::Policy;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    body::BodyLimits,
    config::{Config, Timeouts},
    connection::Protocols,
    state::State,
    tls::{self, TlsError},
};

/// How long the listener rests when the system is out of something that a connection needs. What
/// frees it is another connection's end, so asking again at once would only burn a core.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Why a server can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// A certificate, key or client CA can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address can't be listened on.
    #[error("cannot listen on {address}: {source}{}", listen_advice(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system answered.
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

/// A server that listens already and answers once [`serve`](Self::serve) is called.
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    protocols: Protocols,
    timeouts: Timeouts,
}

impl Server {
    /// Reads the certificates and binds the address. Connections that arrive from now on wait for
    /// [`serve`](Self::serve).
    ///
    /// # Errors
    ///
    /// A certificate, key or client CA can't be used, or the address can't be listened on.
    pub async fn bind(
        config: Config,
        policy: Arc<dyn Policy + Send + Sync>,
    ) -> Result<Self, ServerError> {
        let tls = tls::server_config(config.identity, config.client_ca.as_deref())?;
        let listen = |source| ServerError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        let state = State {
            policy,
            language: config.language,
            body: BodyLimits {
                bytes: config.max_body_bytes,
                time: config.timeouts.body,
            },
        };
        let protocols = Protocols::new(
            TlsAcceptor::from(Arc::new(tls)),
            config.timeouts,
            Arc::new(state),
        );
        Ok(Self {
            listener,
            local_addr,
            protocols,
            timeouts: config.timeouts,
        })
    }

    /// The address that is listened on, with the port that the system chose where port 0 was asked
    /// for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers until `shutdown` is ready, then stops accepting, tells every client to go elsewhere
    /// (HTTP/2 GOAWAY, `Connection: close`), finishes what is in flight within
    /// [`Timeouts::shutdown`] and returns.
    ///
    /// Dropping the future instead cuts every connection.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let protocols = Arc::new(self.protocols);
        let (drain, draining) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                (stream, peer) = accept(&self.listener) => {
                    let protocols = Arc::clone(&protocols);
                    let draining = draining.clone();
                    connections.spawn(async move { protocols.serve(stream, peer, draining).await });
                }
                // Finished connections are taken out, or the set would only ever grow.
                Some(_) = connections.join_next() => {}
            }
        }
        drop(self.listener);
        drain.send_replace(true);
        tracing::info!(connections = connections.len(), "stopping");
        let finished = async { while connections.join_next().await.is_some() {} };
        if timeout(self.timeouts.shutdown, finished).await.is_err() {
            tracing::warn!(
                connections = connections.len(),
                "connections that were still busy after {:?} are cut",
                self.timeouts.shutdown
            );
        }
    }
}

/// The next connection. An error never ends the server: either it is over with the connection that
/// it concerns, or the system is out of file descriptors or memory and will have some again.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::Interrupted
                ) =>
            {
                tracing::debug!("a connection was gone before it was accepted: {error}");
            }
            Err(error) => {
                tracing::error!(
                    "cannot accept connections: {error}; trying again in {EXHAUSTED_PAUSE:?}"
                );
                sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}
