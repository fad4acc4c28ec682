//! What the requests of one connection share.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use hyper::{
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    service::{HttpService, service_fn},
};

use super::{
    activity::Activity,
    ending::{EVICTION, Leave},
};
#[cfg(feature = "opentelemetry")]
use crate::observe::traces;
use crate::{
    request::{Caller, ReviewRequest},
    review::respond,
    slots::Slot,
    state::State,
    untaken::ResponseBody,
};
use tokio::{sync::Notify, time::sleep};

/// What the requests of one connection share.
pub(super) struct Session {
    pub(super) state: Arc<State>,
    pub(super) caller: Arc<Caller>,
    /// Taken until the first request.
    slot: Mutex<Option<Slot>>,
    /// On HTTP/2 a request is in flight until its stream ends, on HTTP/1.1 until it has its response.
    activity: Activity,
    /// Whether the next response is the last.
    is_ending: AtomicBool,
    /// A response has waited for long, and others need its memory.
    cut: Arc<Notify>,
}

impl Session {
    pub(super) fn new(
        state: &Arc<State>,
        caller: Caller,
        slot: Option<Slot>,
        activity: Activity,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Arc::clone(state),
            caller: Arc::new(caller),
            slot: Mutex::new(slot),
            activity,
            is_ending: AtomicBool::new(false),
            cut: Arc::default(),
        })
    }

    /// How many requests have been read.
    pub(super) fn requests(&self) -> usize {
        self.activity.requests()
    }

    /// Whether no request has been read.
    pub(super) fn is_silent(&self) -> bool {
        self.requests() == 0
    }

    /// Whether a request is not answered yet or, on HTTP/2, the client has not taken the response.
    pub(super) fn is_busy(&self) -> bool {
        self.activity.is_busy()
    }

    /// Makes the next response on HTTP/1.1 the last.
    pub(super) fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    /// Counts and logs that the connection is closed for others.
    pub(super) fn evicted(&self) {
        self.state.metrics.connections.evicted.inc();
        let peer = &*self.caller.peer;
        tracing::debug!(%peer, "evicted: it was idle, and others need its place");
    }

    /// Is ready once a connection that is left because of its eviction has had its time to end well, and has
    /// no request in flight.
    pub(super) async fn evicted_if(&self, leave: &Leave) {
        if !matches!(leave, Leave::Evicted) {
            std::future::pending::<()>().await;
        }
        sleep(EVICTION).await;
        while self.is_busy() {
            sleep(EVICTION).await;
        }
    }

    /// Is ready once the connection is to be cut, since a response of it has waited for long.
    pub(super) async fn cut(&self) {
        self.cut.notified().await;
        self.state.metrics.connections.cut.inc();
        let peer = &*self.caller.peer;
        tracing::warn!(%peer, "cut: a response was not taken, and others need its memory");
    }

    /// The service that hyper calls for each request.
    pub(super) fn service(
        self: Arc<Self>,
    ) -> impl HttpService<
        Incoming,
        ResBody = ResponseBody,
        Error = Infallible,
        Future: Send + 'static,
    > + Unpin {
        service_fn(move |request| {
            let session = Arc::clone(&self);
            if session.activity.request() {
                session.free_slot();
            }
            #[cfg(feature = "opentelemetry")]
            let context = traces::begin(&request);
            let request = ReviewRequest::new(request);
            // hyper moves it several times.
            Box::pin(async move {
                let is_http2 = request.is_http2;
                let _in_flight = (!is_http2).then(|| InFlight::new(Arc::clone(&session)));
                let response = respond(&session.state, &session.caller, &session.cut, request);
                #[cfg(feature = "opentelemetry")]
                let response = traces::traced(context, response);
                let mut response = response.await;
                if !is_http2 && session.is_ending.load(Ordering::Relaxed) {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                Ok(response)
            })
        })
    }

    fn free_slot(&self) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        drop(slot.take());
    }
}

/// A request that is in flight until this is dropped, be it because the client gave it up.
pub(super) struct InFlight(Arc<Session>);

impl InFlight {
    pub(super) fn new(session: Arc<Session>) -> Self {
        session.activity.begin_request();
        Self(session)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.activity.end_request();
    }
}
