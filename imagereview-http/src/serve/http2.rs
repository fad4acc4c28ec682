//! Connections of HTTP/2.

use std::{pin::pin, sync::Arc, time::Duration};

use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::sleep,
};

use super::{
    ending::{Ends, Leave},
    header_blocks::HeaderBlocks,
    own_task::own_task,
    session::Session,
    streams::Streams,
};
use crate::config::{Limits, Timeouts};

/// How long a connection may be silent before the server sends a PING, to see whether the client is
/// still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// How long the client has to answer that before the connection is closed.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How many streams a client may reset before the server has seen to them; beyond that the
/// connection is closed (CVE-2023-44487, "rapid reset").
const PENDING_RESETS: usize = 20;

/// How many streams the server itself may have to reset on one connection because of the client's
/// errors; beyond that the connection is closed (CVE-2025-8671, "made you reset").
const LOCAL_RESETS: usize = 256;

/// Serves connections of HTTP/2.
pub(super) struct Http2 {
    limits: Limits,
    timeouts: Timeouts,
}

impl Http2 {
    pub(super) fn new(limits: Limits, timeouts: Timeouts) -> Self {
        Self { limits, timeouts }
    }

    pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        session: &Arc<Session>,
        ends: Ends,
    ) -> hyper::Result<()> {
        let timeouts = self.timeouts;
        let refusals = &session.state.metrics.refusals;
        let stream = HeaderBlocks::new(stream, self.limits.header_bytes, refusals);
        let request_time = timeouts.body + timeouts.review + timeouts.answer;
        let streams = Streams {
            session: Arc::clone(session),
            time: request_time,
        };
        let mut connection = pin!(
            http2::Builder::new(streams)
                .timer(TokioTimer::new())
                .max_concurrent_streams(self.limits.streams)
                .max_header_list_size(self.limits.header_bytes)
                .max_pending_accept_reset_streams(PENDING_RESETS)
                .max_local_error_reset_streams(LOCAL_RESETS)
                .keep_alive_interval(PING_INTERVAL)
                .keep_alive_timeout(PING_TIMEOUT)
                .serve_connection(TokioIo::new(stream), Arc::clone(session).service())
        );
        let leave = own_task(leave(Arc::clone(session), ends, self.timeouts));
        let leave = tokio::select! {
            biased;
            outcome = connection.as_mut() => return outcome,
            () = session.cut() => return Ok(()),
            leave = leave => match leave {
                Leave::Silent if session.is_silent() => {
                    let (peer, limit) = (&*session.caller.peer, self.timeouts.header);
                    tracing::debug!(%peer, "no request within {limit:?}");
                    return Ok(());
                }
                Leave::Evicted if session.is_silent() => {
                    session.evicted();
                    return Ok(());
                }
                leave => leave,
            },
        };
        if matches!(leave, Leave::Evicted) {
            session.evicted();
        }
        // GOAWAY: what was read is answered, and the client knows what was not.
        connection.as_mut().graceful_shutdown();
        // Until the client says that it has read it, or has had its time to. One that goes on sending
        // requests is not waited for beyond the time that any request may take.
        let mut end = pin!(sleep(request_time));
        loop {
            tokio::select! {
                outcome = connection.as_mut() => return outcome,
                () = session.cut() => return Ok(()),
                () = session.evicted_if(&leave) => return Ok(()),
                () = &mut end => return Ok(()),
                () = sleep(self.timeouts.answer) => if !session.is_busy() { return Ok(()) },
            }
        }
    }
}

/// Waits until the server is to leave the connection.
async fn leave(session: Arc<Session>, ends: Ends, timeouts: Timeouts) -> Leave {
    tokio::select! {
        () = ends.evicted => Leave::Evicted,
        () = ends.renewed => Leave::Gracefully,
        () = ends.drained => Leave::Gracefully,
        leave = idle(&session, timeouts) => leave,
    }
}

/// Waits until the client has sent no request for as long as it may.
async fn idle(session: &Session, timeouts: Timeouts) -> Leave {
    sleep(timeouts.header).await;
    if session.is_silent() {
        return Leave::Silent;
    }
    let mut before = 0;
    loop {
        let requests = session.requests();
        if requests == before && !session.is_busy() {
            return Leave::Gracefully;
        }
        before = requests;
        sleep(timeouts.idle).await;
    }
}
