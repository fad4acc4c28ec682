//! Connections of HTTP/1.1.

use std::{sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::{sleep, timeout},
};

use super::{
    ending::{Ends, LAST_REQUEST, Leave},
    linger::LINGER,
    own_task::own_task,
    session::Session,
};
use crate::{
    config::{Limits, Timeouts},
    request::Refusal,
};

/// What an HTTP/1.1 connection buffers, where its headers need no more: a TLS record.
const BUFFER: usize = 16 * 1024;

/// Serves connections of HTTP/1.1.
pub(super) struct Http1 {
    builder: http1::Builder,
    header_timeout: Duration,
}

impl Http1 {
    pub(super) fn new(limits: Limits, timeouts: Timeouts) -> Self {
        let mut builder = http1::Builder::new();
        let header_buffer = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
        builder
            .timer(TokioTimer::new())
            // A response counts until it is written, and in a buffer of hyper's it would not.
            .writev(true)
            .max_header_size(header_buffer)
            .max_buf_size(BUFFER.max(header_buffer))
            // Of a request that is not the first. Between requests the client may be idle, and
            // kube-apiserver should be the one that closes an idle connection.
            .header_read_timeout(timeouts.idle.max(timeouts.header));
        Self {
            builder,
            header_timeout: timeouts.header,
        }
    }

    /// Gives the stream back, whose writing side is shut, unless it was evicted.
    pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        session: &Arc<Session>,
        ends: Ends,
    ) -> (hyper::Result<()>, Option<S>) {
        let mut connection = self
            .builder
            .serve_connection(TokioIo::new(stream), Arc::clone(session).service());
        let leave = own_task(leave(Arc::clone(session), ends, self.header_timeout));
        let mut is_slow = false;
        let outcome = tokio::select! {
            biased;
            outcome = &mut connection => outcome,
            () = session.cut() => return (Ok(()), None),
            leave = leave => match leave {
                Leave::Evicted if session.is_silent() => {
                    session.evicted();
                    return (Ok(()), None);
                }
                Leave::Silent if session.is_silent() => {
                    is_slow = true;
                    Ok(())
                }
                // A request that came in the meantime is answered.
                leave => {
                    if matches!(leave, Leave::Evicted) {
                        session.evicted();
                    }
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                    tokio::select! {
                        biased;
                        outcome = &mut connection => outcome,
                        () = session.cut() => return (Ok(()), None),
                        () = session.evicted_if(&leave) => return (Ok(()), None),
                    }
                }
            },
        };
        // hyper has answered these by itself.
        if let Err(error) = &outcome
            && error.is_parse()
        {
            let refusal = if error.is_parse_too_large() {
                Refusal::LongHeaders
            } else {
                Refusal::Malformed
            };
            session.state.metrics.refusals.count(&refusal);
        }
        let rest = connection.into_parts();
        let mut stream = rest.io.into_inner();
        is_slow |= outcome.as_ref().is_err_and(hyper::Error::is_timeout);
        // A connection on which nothing has come, or nothing more, is just closed: clients keep some in
        // reserve.
        let is_unanswered = is_slow && !rest.read_buf.is_empty();
        // What can't be written any more is nothing that the client would read.
        let _ = timeout(LINGER, async {
            if is_unanswered {
                let refusal = Refusal::SlowHeader {
                    limit: self.header_timeout,
                };
                session.state.metrics.refusals.count(&refusal);
                stream.write_all(&refusal.http1_response()).await?;
            }
            stream.shutdown().await
        })
        .await;
        (outcome, Some(stream))
    }
}

/// Waits until the server is to leave the connection.
async fn leave(session: Arc<Session>, ends: Ends, header_timeout: Duration) -> Leave {
    let mut drained = ends.drained;
    let last_request = async {
        // The next response says that it is the last, so that the client can't be surprised.
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
        sleep(header_timeout).await;
        if !session.is_silent() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = last_request => Leave::Gracefully,
        () = ends.evicted => Leave::Evicted,
        () = silent => Leave::Silent,
    }
}
