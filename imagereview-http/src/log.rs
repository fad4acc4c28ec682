//! The log on standard error.

mod fields;
mod queue;

use std::{
    fmt,
    io::{self, IsTerminal},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, SystemTime},
};

use imagereview_http::DroppedLogLines;
use tracing::Level;
use tracing_subscriber::fmt::{format::Writer, time::FormatTime};

use self::{fields::Fields, queue::Queue};
use crate::args::LogFormat;

/// How many bytes of lines may wait to be written: some 25,000 decisions.
const QUEUED_BYTES: usize = 8 * 1024 * 1024;

/// How long the last lines may take to be written when the program ends.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A log that is written by a thread of its own, so that a slow reader of standard error holds up no
/// answer: when too much waits, new lines are dropped and counted.
pub(crate) struct Log {
    queue: Arc<Queue>,
    /// Disconnected once the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl Log {
    pub(crate) fn start(format: LogFormat, level: Level) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(QUEUED_BYTES));
        let (running, ended) = mpsc::channel();
        let written = Arc::clone(&queue);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                written.write_to(io::stderr());
                drop(running);
            })?;
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_target(false)
            .with_timer(Rfc3339)
            .with_writer(Arc::clone(&queue))
            .with_ansi(io::stderr().is_terminal());
        match format {
            LogFormat::Text => subscriber.fmt_fields(Fields).init(),
            LogFormat::Json => subscriber.json().flatten_event(true).init(),
        }
        // A panic is one line of the log, in the log's own form.
        std::panic::set_hook(Box::new(|panic| {
            tracing::error!("{}", panic.to_string().replace('\n', " "));
        }));
        Ok(Self { queue, ended })
    }

    pub(crate) fn dropped_lines(&self) -> DroppedLogLines {
        let queue = Arc::clone(&self.queue);
        DroppedLogLines::new(move || queue.dropped())
    }
}

/// Writes what waits.
impl Drop for Log {
    fn drop(&mut self) {
        self.queue.close();
        // Whoever reads it may stand still.
        let _ = self.ended.recv_timeout(LAST_LINES);
    }
}

/// The time as `tracing_subscriber` itself writes it, in a fifth of the instructions.
struct Rfc3339;

impl FormatTime for Rfc3339 {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        // Before 1970 there is no such form.
        let now = SystemTime::now().max(SystemTime::UNIX_EPOCH);
        write!(writer, "{}", humantime::format_rfc3339_micros(now))
    }
}
