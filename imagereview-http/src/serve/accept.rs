//! Taking connections from a listener, whatever goes wrong with one of them.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// How long the listener rests when the system is out of something that a connection needs. What
/// frees it is another connection's end, so asking again at once would only burn a core.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// The next connection. An error never ends the server: either it is over with the connection that
/// it concerns, or the system is out of file descriptors or memory and will have some again.
pub(super) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
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
