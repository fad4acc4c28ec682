//! The streams of one HTTP/2 connection.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::Executor;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::session::{InFlight, Session};

/// Runs the streams of one HTTP/2 connection, each for a limited time: hyper would wait without end
/// for a client that opens no window for its response.
#[derive(Clone)]
pub(super) struct Streams {
    pub(super) session: Arc<Session>,
    pub(super) time: Duration,
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
    /// A stream that ends after a time. Dropped early, it is reset.
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
