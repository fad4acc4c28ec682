//! The second listener: probes and metrics over plain HTTP, on a thread and a runtime of their own, so
//! that nothing keeps a probe waiting which does not keep the whole process.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, thread, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, runtime, sync::oneshot, task::JoinSet, time::timeout};

use super::{accept::accept, listen::listen};
use crate::{observe::Format, slots::Slots, state::State};

/// How many connections are open at a time: enough for probes and a few Prometheus servers.
const MAX_CONNECTIONS: usize = 64;

/// How long a connection may be idle, and how long one lasts at most.
const IDLE: Duration = Duration::from_secs(30);
const LAST: Duration = Duration::from_secs(300);

/// The paths that exist, as a 404 lists them.
const SERVED: &str = "/livez, /readyz, /healthz, /metrics";

/// The listener of probes and metrics.
pub(super) struct Health {
    listener: std::net::TcpListener,
    local_addr: SocketAddr,
}

/// The thread that answers, which ends when this is dropped.
pub(super) struct Answering {
    _ended: oneshot::Sender<()>,
}

impl Health {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = listen(address)?;
        let local_addr = listener.local_addr()?;
        Ok(Self {
            listener,
            local_addr,
        })
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers on a thread of its own.
    pub(super) fn serve(self, state: Arc<State>) -> Answering {
        let (running, ended) = oneshot::channel::<()>();
        let answering = move || {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let listener = TcpListener::from_std(self.listener)?;
                tokio::select! {
                    () = answer(listener, state) => {}
                    _ = ended => {}
                }
                Ok(())
            })
        };
        let failed = |error: io::Error| {
            tracing::error!("cannot answer probes: {error}");
        };
        let thread = thread::Builder::new().name("probes".into());
        if let Err(error) = thread.spawn(move || answering().unwrap_or_else(failed)) {
            failed(error);
        }
        Answering { _ended: running }
    }
}

async fn answer(listener: TcpListener, state: Arc<State>) {
    let open = Arc::new(Slots::default());
    let mut connections = JoinSet::new();
    let mut http1 = http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(16 * 1024);
    loop {
        let (stream, _) = accept(&listener).await;
        // A probe must get through, so the oldest goes, whatever it does.
        if open.len() >= MAX_CONNECTIONS {
            open.evict_oldest();
        }
        let slot = open.take();
        let state = Arc::clone(&state);
        let service = service_fn(move |request| {
            let response = respond(&state, &request);
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = http1.serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            // What goes wrong here is the client's to notice.
            tokio::select! {
                _ = timeout(LAST, connection) => {}
                () = slot.evicted() => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

fn respond(state: &State, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "send a GET\n".to_owned());
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        // The process responds, so it lives.
        "/livez" | "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
        "/readyz" if state.is_ready() => text(StatusCode::OK, "ok\n".to_owned()),
        "/readyz" => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting down\n".to_owned(),
        ),
        "/metrics" => {
            let format = Format::negotiated(request.headers());
            let mut response = text(StatusCode::OK, state.metrics.to_text(format));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, format.content_type());
            response
        }
        path => text(
            StatusCode::NOT_FOUND,
            format!("nothing is served at {path:?}; the paths are: {SERVED}\n"),
        ),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
