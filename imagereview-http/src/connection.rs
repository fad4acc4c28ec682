//! One client's connection, from the TLS handshake to its end.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{config::Timeouts, routes, state::State, status::Refusal, tls};

/// How long bytes that a client still sends are read and thrown away before its connection is
/// closed. Closing at once would make the kernel send a reset, which can take the last answer away
/// from the client (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// How long an HTTP/2 connection may be silent before the server asks whether the client is still
/// there.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(30);

/// How long the client has to answer that before the connection is closed.
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves connections: holds what all of them share.
pub(crate) struct Protocols {
    acceptor: TlsAcceptor,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    timeouts: Timeouts,
    state: Arc<State>,
}

impl Protocols {
    pub(crate) fn new(acceptor: TlsAcceptor, timeouts: Timeouts, state: Arc<State>) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.header);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(HTTP2_PING_INTERVAL)
            .keep_alive_timeout(HTTP2_PING_TIMEOUT);
        Self {
            acceptor,
            http1,
            http2,
            timeouts,
            state,
        }
    }

    /// Serves one connection until it ends, or until it has answered what was in flight when
    /// `draining` became true.
    pub(crate) async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        draining: watch::Receiver<bool>,
    ) {
        // An answer is one small write that should leave at once; failing to say so only costs
        // time.
        let _ = stream.set_nodelay(true);
        let handshake = self.acceptor.accept(stream).into_fallible();
        let stream = match timeout(self.timeouts.handshake, handshake).await {
            Ok(Ok(stream)) => stream,
            // A connection that is opened and closed again is a probe of the port, and too common
            // to be news.
            Ok(Err((error, _))) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return tracing::debug!(%peer, "TLS handshake was broken off");
            }
            Ok(Err((error, stream))) => {
                tracing::warn!(%peer, "TLS handshake failed: {error}");
                return linger(stream).await;
            }
            Err(_elapsed) => {
                let limit = self.timeouts.handshake;
                return tracing::warn!(%peer, "TLS handshake was not finished within {limit:?}");
            }
        };
        let session = Arc::new(Session {
            state: Arc::clone(&self.state),
            peer,
            asked: AtomicBool::new(false),
        });
        // The client has chosen the protocol already, so nothing has to be guessed from its first
        // bytes.
        let outcome = if stream.get_ref().1.alpn_protocol() == Some(tls::ALPN_H2) {
            self.serve_http2(stream, session, draining).await
        } else {
            self.serve_http1(stream, session, draining).await
        };
        if let Err(error) = outcome {
            tracing::debug!(%peer, "connection failed: {error}");
        }
    }

    async fn serve_http1(
        &self,
        stream: TlsStream<TcpStream>,
        session: Arc<Session>,
        draining: watch::Receiver<bool>,
    ) -> hyper::Result<()> {
        let mut connection = self
            .http1
            .serve_connection(TokioIo::new(stream), Arc::clone(&session).service());
        let outcome = tokio::select! {
            outcome = &mut connection => outcome,
            () = until_true(draining) => {
                std::pin::Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        let rest = connection.into_parts();
        let mut stream = rest.io.into_inner();
        let timed_out = outcome.as_ref().is_err_and(hyper::Error::is_timeout);
        // An idle connection that has been answered before is just closed.
        let unanswered = timed_out && (!session.has_asked() || !rest.read_buf.is_empty());
        // What can't be written any more is nothing that the client would read.
        let _ = timeout(LINGER, async {
            if unanswered {
                let refusal = Refusal::SlowHeader {
                    limit: self.timeouts.header,
                };
                stream.write_all(&refusal.http1_response()).await?;
            }
            stream.shutdown().await
        })
        .await;
        linger(stream.into_inner().0).await;
        outcome
    }

    async fn serve_http2(
        &self,
        stream: TlsStream<TcpStream>,
        session: Arc<Session>,
        draining: watch::Receiver<bool>,
    ) -> hyper::Result<()> {
        let mut connection = pin!(
            self.http2
                .serve_connection(TokioIo::new(stream), Arc::clone(&session).service())
        );
        let mut drained = pin!(until_true(draining));
        let mut first_request = pin!(sleep(self.timeouts.header));
        loop {
            tokio::select! {
                outcome = connection.as_mut() => return outcome,
                () = &mut drained => {
                    connection.as_mut().graceful_shutdown();
                    return connection.await;
                }
                () = &mut first_request, if !first_request.is_elapsed() => {
                    if !session.has_asked() {
                        let (peer, limit) = (session.peer, self.timeouts.header);
                        tracing::debug!(%peer, "no request within {limit:?}");
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Ends a connection so that the client gets to read what was written last: an answer, or the alert
/// that says why the handshake failed. It would take a reset for a fault of the network, and
/// kube-apiserver asks again after one.
async fn linger(mut stream: TcpStream) {
    let _ = timeout(LINGER, async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    })
    .await;
}

/// Waits until the value is true or can't become it any more.
async fn until_true(mut value: watch::Receiver<bool>) {
    let _ = value.wait_for(|&value| value).await;
}

/// What the requests of one connection have in common.
struct Session {
    state: Arc<State>,
    peer: SocketAddr,
    /// Whether a request has been read on this connection.
    asked: AtomicBool,
}

impl Session {
    fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// What hyper calls for each request.
    fn service(
        self: Arc<Self>,
    ) -> impl HttpService<
        Incoming,
        ResBody = Full<Bytes>,
        Error = Infallible,
        Future: Send + 'static,
    > + Unpin {
        service_fn(move |request| {
            let session = Arc::clone(&self);
            session.asked.store(true, Ordering::Relaxed);
            async move { Ok(routes::answer(&session.state, session.peer, request).await) }
        })
    }
}
