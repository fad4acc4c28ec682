//! One client's connection, from the TLS handshake to its end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::HandshakeKind;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::{net::TcpStream, sync::watch};

use super::{
    activity::Activities, ending::Ends, handshake::handshake, http1::Http1, http2::Http2,
    linger::linger, session::Session,
};
use crate::{
    config::{Config, Timeouts},
    observe::Counted,
    request::Caller,
    slots::Slot,
    state::State,
    tls::{ALPN_H2, Names, Tls},
};

/// Serves connections: holds what all of them share.
pub(super) struct Connections {
    tls: Arc<Tls>,
    http1: Http1,
    http2: Http2,
    timeouts: Timeouts,
    max_age: Option<Duration>,
    state: Arc<State>,
    pub(super) activities: Arc<Activities>,
}

impl Connections {
    pub(super) fn new(config: &Config, tls: Arc<Tls>, state: Arc<State>) -> Self {
        let (timeouts, limits) = (config.timeouts, config.limits);
        Self {
            tls,
            http1: Http1::new(limits, timeouts),
            http2: Http2::new(limits, timeouts),
            timeouts,
            max_age: config.max_connection_age,
            state,
            activities: Arc::new(Activities::new()),
        }
    }

    /// Serves one connection until it ends, or until the requests that were in flight when `draining`
    /// became true have their responses.
    pub(super) async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        slot: Slot,
        draining: watch::Receiver<bool>,
    ) {
        let metrics = &self.state.metrics;
        let _counted = Counted::new(&metrics.connections.open);
        self.prepare(&stream);
        let tls = self.tls.current();
        let trust_ended = tls.trust_ended();
        let limit = self.timeouts.handshake;
        let config = Arc::clone(&tls.config);
        let Some(stream) = handshake(stream, peer, &slot, config, limit, &self.state).await else {
            return;
        };
        let session = stream.get_ref().1;
        let certificates = session.peer_certificates().unwrap_or_default();
        // A session that is resumed has the certificates of before, at which nobody has looked now.
        if session.handshake_kind() == Some(HandshakeKind::Resumed)
            && let Err(failure) = tls.verify_resumed(certificates)
        {
            metrics.connections.handshake_failed(failure);
            let explanation = failure.explanation();
            tracing::warn!(
                %peer,
                cause = failure.as_str(),
                "a session was not resumed: {explanation}"
            );
            return;
        }
        drop(tls);
        let name = certificates
            .first()
            .and_then(|certificate| Names::of(certificate).common_name);
        let activity = self.activities.begin(slot.eviction());
        let ends = Ends::new(slot.evicted(), self.max_age, trust_ended, draining);
        let caller = Caller {
            peer: peer.to_string().into(),
            name,
        };
        let session = Session::new(&self.state, caller, Some(slot), activity);
        // The client has chosen the protocol already, so nothing has to be guessed from its first
        // bytes.
        let outcome = if stream.get_ref().1.alpn_protocol() == Some(ALPN_H2) {
            self.http2.serve(stream, &session, ends).await
        } else {
            let (outcome, stream) = self.http1.serve(stream, &session, ends).await;
            if let Some(stream) = stream {
                linger(stream.into_inner().0).await;
            }
            outcome
        };
        if let Err(error) = outcome {
            tracing::debug!(%peer, "connection failed: {error}");
        }
    }

    /// Failing to set an option of a socket only costs time.
    fn prepare(&self, stream: &TcpStream) {
        // A response is one small write that should leave at once.
        let _ = stream.set_nodelay(true);
        // A client that takes nothing is cut by the system, which sees it where nothing else does.
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(stream).set_tcp_user_timeout(Some(self.timeouts.answer));
    }

    /// Serves what comes after the handshake, on a connection that has none, until it ends: as
    /// HTTP/2 if that were agreed on.
    #[cfg(fuzzing)]
    pub(super) async fn serve_plain<S>(&self, stream: S, is_http2: bool)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let caller = Caller {
            peer: "127.0.0.1:1".into(),
            name: None,
        };
        let activity = self.activities.begin(Arc::default());
        let session = Session::new(&self.state, caller, None, activity);
        // How a connection fails is for the log alone.
        let _outcome = if is_http2 {
            self.http2.serve(stream, &session, Ends::never()).await
        } else {
            self.http1.serve(stream, &session, Ends::never()).await.0
        };
    }
}
