//! The second listener: probes and metrics over plain HTTP.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

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
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

use super::accept::accept;
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
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl Health {
    pub(super) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let local_addr = listener.local_addr()?;
        Ok(Self {
            listener,
            local_addr,
        })
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers until it is dropped.
    pub(super) async fn serve(self, state: Arc<State>) {
        let open = Arc::new(Slots::default());
        let mut connections = JoinSet::new();
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(16 * 1024);
        loop {
            let (stream, _) = accept(&self.listener).await;
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
