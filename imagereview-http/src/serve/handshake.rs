//! The TLS handshake of a connection.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::linger::linger;
use crate::{slots::Slot, state::State, tls::HandshakeFailure};

/// How much a TLS session buffers for a client that takes nothing. Most responses are shorter.
const BUFFER: usize = 4 * 1024;

/// Gives the stream of a connection whose handshake succeeds; counts and logs one that fails.
pub(super) async fn handshake(
    stream: TcpStream,
    peer: SocketAddr,
    slot: &Slot,
    config: Arc<ServerConfig>,
    limit: Duration,
    state: &State,
) -> Option<TlsStream<TcpStream>> {
    let metrics = &state.metrics;
    let failed = |failure| metrics.connections.handshake_failed(failure);
    let handshake = TlsAcceptor::from(config)
        .accept_with(stream, |session| session.set_buffer_limit(Some(BUFFER)))
        .into_fallible();
    let outcome = tokio::select! {
        outcome = timeout(limit, handshake) => outcome,
        () = slot.evicted() => {
            failed(HandshakeFailure::Evicted);
            metrics.connections.evicted.inc();
            tracing::debug!(%peer, "evicted in its TLS handshake: others need the slot");
            return None;
        }
    };
    match outcome {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err((error, stream))) => {
            let failure = HandshakeFailure::from(&error);
            failed(failure);
            // A connection that is opened and closed again is a probe of the port, and too
            // common to be news.
            if failure == HandshakeFailure::BrokenOff {
                tracing::debug!(%peer, "TLS handshake was broken off");
            } else {
                if let Some(left_out) = state.handshake_lines.line() {
                    let left_out = (left_out > 0).then_some(left_out);
                    let explanation = failure.explanation();
                    tracing::warn!(
                        %peer,
                        cause = failure.as_str(),
                        detail = %error,
                        left_out,
                        "TLS handshake failed: {explanation}"
                    );
                }
                linger(stream).await;
            }
        }
        Err(_elapsed) => {
            failed(HandshakeFailure::Timeout);
            if let Some(left_out) = state.handshake_lines.line() {
                let left_out = (left_out > 0).then_some(left_out);
                tracing::warn!(%peer, left_out, "TLS handshake was not finished within {limit:?}");
            }
        }
    }
    None
}
