//! The log on standard error.

mod fields;

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    thread,
    time::Duration,
};

use imagereview_http::DroppedLogLines;
use tracing::Level;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

use self::fields::Fields;
use crate::args::LogFormat;

/// How many lines may wait to be written.
const QUEUE: usize = 16 * 1024;

/// How many bytes are written at once at most.
const BATCH: usize = 64 * 1024;

/// How long the thread that writes rests after it has written all that waited. A line that comes
/// meanwhile need not wake it, and lines that come close together are written at once.
const REST: Duration = Duration::from_millis(2);

/// A log that is written by a thread of its own, so that a slow reader of standard error holds up no
/// answer: when too many lines wait, new ones are dropped and counted.
pub(crate) struct Log {
    /// Writes what waits when it is dropped.
    _writer: WorkerGuard,
    dropped: tracing_appender::non_blocking::ErrorCounter,
}

impl Log {
    pub(crate) fn start(format: LogFormat, level: Level) -> Self {
        let (output, writer) = NonBlockingBuilder::default()
            .buffered_lines_limit(QUEUE)
            .lossy(true)
            .thread_name("log")
            .finish(Rested(BufWriter::with_capacity(BATCH, io::stderr())));
        let dropped = output.error_counter();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_target(false)
            .with_writer(output)
            .with_ansi(io::stderr().is_terminal());
        match format {
            LogFormat::Text => subscriber.fmt_fields(Fields).init(),
            LogFormat::Json => subscriber.json().flatten_event(true).init(),
        }
        // A panic is one line of the log, in the log's own form.
        std::panic::set_hook(Box::new(|panic| {
            tracing::error!("{}", panic.to_string().replace('\n', " "));
        }));
        Self {
            _writer: writer,
            dropped,
        }
    }

    pub(crate) fn dropped_lines(&self) -> DroppedLogLines {
        let dropped = self.dropped.clone();
        DroppedLogLines::new(move || dropped.dropped_lines() as u64)
    }
}

/// Rests after each flush. The queue's thread flushes when no line waits.
struct Rested<W>(W);

impl<W: Write> Write for Rested<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.0.flush();
        thread::sleep(REST);
        flushed
    }
}
