//! One client's connection, from the TLS handshake to its end.

use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    rt::Executor,
    server::conn::{http1, http2},
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use pin_project_lite::pin_project;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::{Sleep, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

#[cfg(feature = "opentelemetry")]
use crate::traces;
use crate::{
    certificate::{Names, Validity},
    config::{Config, Limits, Timeouts},
    handshake::HandshakeFailure,
    metrics::Counted,
    request::{Caller, Question},
    routes,
    state::State,
    status::Refusal,
    tls::{self, Tls},
    waiting::Place,
};

/// How long bytes that a client still sends are read and thrown away before its connection is
/// closed. Closing at once would make the kernel send a reset, which can take the last answer away
/// from the client (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// How long an idle HTTP/1.1 connection is kept after the wish to stop, for a request that may be
/// on its way already, and how long a handshake may still take. An idle HTTP/2 connection needs no
/// such time: GOAWAY says which requests were not read.
pub(crate) const LAST_REQUEST: Duration = Duration::from_secs(1);

/// How long an HTTP/2 connection may be silent before the server asks whether the client is still
/// there.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(30);

/// How long the client has to answer that before the connection is closed.
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How many streams a client may reset before the server has seen to them; beyond that the
/// connection is closed (CVE-2023-44487, "rapid reset").
const HTTP2_PENDING_RESETS: usize = 20;

/// How many streams the server itself may have to reset on one connection because of the client's
/// errors; beyond that the connection is closed (CVE-2025-8671, "made you reset").
const HTTP2_LOCAL_RESETS: usize = 256;

/// What an HTTP/1.1 connection buffers, where its headers need no more.
const HTTP1_BUFFER: usize = 64 * 1024;

/// Serves connections: holds what all of them share.
pub(crate) struct Protocols {
    tls: Arc<Tls>,
    http1: http1::Builder,
    limits: Limits,
    timeouts: Timeouts,
    max_age: Option<Duration>,
    state: Arc<State>,
}

impl Protocols {
    pub(crate) fn new(config: &Config, tls: Arc<Tls>, state: Arc<State>) -> Self {
        let (timeouts, limits) = (config.timeouts, config.limits);
        let mut http1 = http1::Builder::new();
        let header_buffer = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
        http1
            .timer(TokioTimer::new())
            // An answer is small, and copied into one buffer sooner than written from two.
            .writev(false)
            .max_header_size(header_buffer)
            .max_buf_size(HTTP1_BUFFER.max(header_buffer))
            // Of a request that is not the first: between requests the client may rest, and
            // kube-apiserver is to be the one who closes an idle connection.
            .header_read_timeout(timeouts.idle.max(timeouts.header));
        Self {
            tls,
            http1,
            limits,
            timeouts,
            max_age: config.max_connection_age,
            state,
        }
    }

    /// Serves one connection until it ends, or until it has answered what was in flight when
    /// `draining` became true.
    pub(crate) async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: Place,
        draining: watch::Receiver<bool>,
    ) {
        let _counted = Counted::new(&self.state.metrics.connections);
        // An answer is one small write that should leave at once; failing to say so only costs
        // time.
        let _ = stream.set_nodelay(true);
        // A client that takes nothing is cut by the system, which sees it where nothing else does.
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(self.timeouts.answer));
        let tls = self.tls.current();
        let trust_ended = tls.trust_ended();
        let Some(stream) = self
            .handshake(stream, peer, &place, Arc::clone(&tls.config))
            .await
        else {
            return;
        };
        drop(tls);
        let certificate = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(<[_]>::first);
        // A session that is resumed shows the certificate of before, whose end nobody has looked at.
        if certificate
            .is_some_and(|certificate| Validity::has_ended(certificate, SystemTime::now()))
        {
            let failure = HandshakeFailure::ClientCertificateExpired;
            self.state.metrics.handshake_failed(failure);
            tracing::warn!(%peer, cause = failure.as_str(), "the client's certificate ended after its session began");
            return;
        }
        let name = certificate.and_then(|certificate| Names::of(certificate).common_name);
        let evicted = place.evicted();
        let caller = Caller {
            peer: peer.to_string().into(),
            name,
        };
        let session = Session::new(&self.state, caller, Some(place));
        let max_age = self.max_age.map(jittered);
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
        let ends = Ends {
            evicted: Box::pin(evicted),
            renewed: Box::pin(renewed),
            drained: Box::pin(until_true(draining)),
        };
        // The client has chosen the protocol already, so nothing has to be guessed from its first
        // bytes.
        let outcome = if stream.get_ref().1.alpn_protocol() == Some(tls::ALPN_H2) {
            self.serve_http2(stream, &session, ends).await
        } else {
            let (outcome, stream) = self.serve_http1(stream, &session, ends).await;
            if let Some(stream) = stream {
                linger(stream.into_inner().0).await;
            }
            outcome
        };
        if let Err(error) = outcome {
            tracing::debug!(%peer, "connection failed: {error}");
        }
    }

    fn closed_to_make_room(&self, session: &Session) {
        self.state.metrics.connections_evicted.inc();
        let peer = &*session.caller.peer;
        tracing::debug!(%peer, "closed to make room: it had not asked anything");
    }

    /// Serves what comes after the handshake, on a connection that has none, until it ends: as
    /// HTTP/2 if that were agreed on.
    #[cfg(feature = "fuzzing")]
    pub(crate) async fn serve_plain<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        is_http2: bool,
    ) {
        let caller = Caller {
            peer: "127.0.0.1:1".into(),
            name: None,
        };
        let session = Session::new(&self.state, caller, None);
        let ends = Ends {
            evicted: Box::pin(std::future::pending()),
            renewed: Box::pin(std::future::pending()),
            drained: Box::pin(std::future::pending()),
        };
        // How a connection fails is told to nobody but the log.
        let _outcome = if is_http2 {
            self.serve_http2(stream, &session, ends).await
        } else {
            self.serve_http1(stream, &session, ends).await.0
        };
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: &Place,
        config: Arc<rustls::ServerConfig>,
    ) -> Option<TlsStream<TcpStream>> {
        let failed = |failure| self.state.metrics.handshake_failed(failure);
        let handshake = TlsAcceptor::from(config).accept(stream).into_fallible();
        let outcome = tokio::select! {
            outcome = timeout(self.timeouts.handshake, handshake) => outcome,
            () = place.evicted() => {
                failed(HandshakeFailure::Evicted);
                self.state.metrics.connections_evicted.inc();
                tracing::debug!(%peer, "TLS handshake was broken off to make room");
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
                    tracing::warn!(%peer, cause = failure.as_str(), "TLS handshake failed: {error}");
                    linger(stream).await;
                }
            }
            Err(_elapsed) => {
                failed(HandshakeFailure::Timeout);
                let limit = self.timeouts.handshake;
                tracing::warn!(%peer, "TLS handshake was not finished within {limit:?}");
            }
        }
        None
    }

    /// Gives the stream back, whose writing side is shut, unless it was closed to make room.
    async fn serve_http1<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        session: &Arc<Session>,
        ends: Ends,
    ) -> (hyper::Result<()>, Option<S>) {
        let mut connection = self
            .http1
            .serve_connection(TokioIo::new(stream), Arc::clone(session).service());
        let leave = apart({
            let (session, timeouts) = (Arc::clone(session), self.timeouts);
            async move {
                let mut drained = ends.drained;
                let last_request = async {
                    // The next answer says that it is the last, so that the client can't be
                    // surprised.
                    tokio::select! {
                        () = &mut drained => {}
                        () = ends.renewed => {
                            session.end();
                            drained.await;
                        }
                    }
                    session.end();
                    sleep(LAST_REQUEST).await;
                };
                let silent = async {
                    sleep(timeouts.header).await;
                    if session.has_asked() {
                        std::future::pending::<()>().await;
                    }
                };
                tokio::select! {
                    () = last_request => Leave::Gracefully,
                    () = ends.evicted => Leave::Evicted,
                    () = silent => Leave::Silent,
                }
            }
        });
        let mut is_slow = false;
        let outcome = tokio::select! {
            biased;
            outcome = &mut connection => outcome,
            leave = leave => match leave {
                Leave::Evicted if !session.has_asked() => {
                    self.closed_to_make_room(session);
                    return (Ok(()), None);
                }
                Leave::Silent if !session.has_asked() => {
                    is_slow = true;
                    Ok(())
                }
                // What was asked in the meantime is answered.
                _ => {
                    Pin::new(&mut connection).graceful_shutdown();
                    (&mut connection).await
                }
            },
        };
        let rest = connection.into_parts();
        let mut stream = rest.io.into_inner();
        is_slow |= outcome.as_ref().is_err_and(hyper::Error::is_timeout);
        // A connection that nothing has come on, or nothing more, is just closed: clients keep some in
        // reserve.
        let unanswered = is_slow && !rest.read_buf.is_empty();
        // What can't be written any more is nothing that the client would read.
        let _ = timeout(LINGER, async {
            if unanswered {
                let refusal = Refusal::SlowHeader {
                    limit: self.timeouts.header,
                };
                self.state.metrics.refused(&refusal);
                stream.write_all(&refusal.http1_response()).await?;
            }
            stream.shutdown().await
        })
        .await;
        (outcome, Some(stream))
    }

    async fn serve_http2<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        session: &Arc<Session>,
        ends: Ends,
    ) -> hyper::Result<()> {
        let streams = Streams {
            session: Arc::clone(session),
            // Until there is an answer it is the body that takes time.
            time: self.timeouts.body + self.timeouts.answer,
        };
        let mut connection = pin!(
            http2::Builder::new(streams)
                .timer(TokioTimer::new())
                .max_concurrent_streams(self.limits.streams)
                .max_header_list_size(self.limits.header_bytes)
                .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS)
                .max_local_error_reset_streams(HTTP2_LOCAL_RESETS)
                .keep_alive_interval(HTTP2_PING_INTERVAL)
                .keep_alive_timeout(HTTP2_PING_TIMEOUT)
                .serve_connection(TokioIo::new(stream), Arc::clone(session).service())
        );
        let leave = apart({
            let (session, timeouts) = (Arc::clone(session), self.timeouts);
            async move {
                tokio::select! {
                    () = ends.evicted => Leave::Evicted,
                    () = ends.renewed => Leave::Gracefully,
                    () = ends.drained => Leave::Gracefully,
                    leave = session.quiet(timeouts) => leave,
                }
            }
        });
        tokio::select! {
            biased;
            outcome = connection.as_mut() => return outcome,
            leave = leave => match leave {
                Leave::Silent if !session.has_asked() => {
                    let (peer, limit) = (&*session.caller.peer, self.timeouts.header);
                    tracing::debug!(%peer, "no request within {limit:?}");
                    return Ok(());
                }
                Leave::Evicted if !session.has_asked() => {
                    self.closed_to_make_room(session);
                    return Ok(());
                }
                _ => {}
            },
        }
        // GOAWAY: what was read is answered, and the client knows what was not.
        connection.as_mut().graceful_shutdown();
        // Until the client says that it has read it, or has had its time to. One that goes on asking
        // is not waited for beyond the time that any request may take.
        let mut end = pin!(sleep(self.timeouts.body + self.timeouts.answer));
        loop {
            tokio::select! {
                outcome = connection.as_mut() => return outcome,
                () = &mut end => return Ok(()),
                () = sleep(self.timeouts.answer) => if !session.is_busy() { return Ok(()) },
            }
        }
    }
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

/// What a connection waits for besides its client.
struct Ends {
    /// Its place is needed for another, and it has not asked anything.
    evicted: Event,
    /// Its client is to connect anew.
    renewed: Event,
    /// The server stops.
    drained: Event,
}

type Event = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How the server leaves a connection.
enum Leave {
    /// What was asked is answered.
    Gracefully,
    /// Nothing was asked in time.
    Silent,
    /// Nothing was asked, and others need the place.
    Evicted,
}

/// Runs a future as a task of its own, for as long as this is polled. So it is polled when it has
/// reason to go on, and not at each byte of the connection that it stands beside.
async fn apart<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let mut task = Aborted(tokio::spawn(future));
    match (&mut task.0).await {
        Ok(output) => output,
        // The program ends.
        Err(_) => std::future::pending().await,
    }
}

/// A task that ends when this is dropped.
struct Aborted<T>(JoinHandle<T>);

impl<T> Drop for Aborted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the requests of one connection have in common.
struct Session {
    state: Arc<State>,
    caller: Caller,
    /// Held until the first request.
    place: Mutex<Option<Place>>,
    /// How many requests have been read on this connection.
    asked: AtomicUsize,
    /// Streams of HTTP/2 that have not ended.
    in_flight: AtomicUsize,
    /// Whether the next answer is the last.
    ending: AtomicBool,
}

impl Session {
    fn new(state: &Arc<State>, caller: Caller, place: Option<Place>) -> Arc<Self> {
        Arc::new(Self {
            state: Arc::clone(state),
            caller,
            place: Mutex::new(place),
            asked: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
        })
    }

    fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > 0
    }

    /// Whether a request on HTTP/2 is not answered yet, or the client has not taken the answer.
    fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Ends when an HTTP/2 client has not asked anything for as long as it may.
    async fn quiet(&self, timeouts: Timeouts) -> Leave {
        sleep(timeouts.header).await;
        if !self.has_asked() {
            return Leave::Silent;
        }
        let mut asked = 0;
        loop {
            let so_far = self.asked.load(Ordering::Relaxed);
            if so_far == asked && !self.is_busy() {
                return Leave::Gracefully;
            }
            asked = so_far;
            sleep(timeouts.idle).await;
        }
    }

    fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
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
            if session.asked.fetch_add(1, Ordering::Relaxed) == 0 {
                drop(
                    session
                        .place
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .take(),
                );
            }
            #[cfg(feature = "opentelemetry")]
            let context = traces::begin(&request);
            let question = Question::new(request);
            // hyper moves it about several times.
            Box::pin(async move {
                let is_http2 = question.is_http2;
                let answer = routes::answer(&session.state, &session.caller, question);
                #[cfg(feature = "opentelemetry")]
                let answer = traces::traced(context, answer);
                let mut answer = answer.await;
                if !is_http2 && session.ending.load(Ordering::Relaxed) {
                    let close = HeaderValue::from_static("close");
                    answer.headers_mut().insert(CONNECTION, close);
                }
                Ok(answer)
            })
        })
    }
}

/// Runs the streams of one HTTP/2 connection, each for a limited time: hyper would wait without end
/// for a client that opens no window for its answer.
#[derive(Clone)]
struct Streams {
    session: Arc<Session>,
    time: Duration,
}

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::spawn(Timed {
            stream,
            time: self.time,
            timer: None,
            _in_flight: InFlight::new(Arc::clone(&self.session)),
        });
    }
}

pin_project! {
    /// A stream that is given up after a time. Its end, dropped early, is a reset.
    struct Timed<F> {
        #[pin]
        stream: F,
        time: Duration,
        // Made when the stream first has to wait. Most never do.
        timer: Option<Pin<Box<Sleep>>>,
        _in_flight: InFlight,
    }
}

impl<F: Future> Future for Timed<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.stream.poll(context).is_ready() {
            return Poll::Ready(());
        }
        this.timer
            .get_or_insert_with(|| Box::pin(sleep(*this.time)))
            .as_mut()
            .poll(context)
    }
}

/// A stream that is in flight until this is dropped, be it because the client gave it up.
struct InFlight(Arc<Session>);

impl InFlight {
    fn new(session: Arc<Session>) -> Self {
        session.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(session)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
