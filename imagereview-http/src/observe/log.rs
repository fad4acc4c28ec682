//! The log on standard error.

mod fields;

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, SystemTime},
};

use tracing::Level;
use tracing_subscriber::fmt::{format::Writer, time::FormatTime};

use self::fields::Fields;
use super::lines::{Capacity, LineOutput, LineQueue};
use crate::{config::DroppedLogLines, text::one_line};

/// How many bytes of lines may wait to be written: some 25,000 decisions.
const QUEUED_BYTES: usize = 8 * 1024 * 1024;

/// How long the last lines may take to be written when the program ends.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The form of the log's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people: time, level, message, then `name=value` for each field.
    Text,
    /// One JSON object a line.
    Json,
}

/// The log of a program on standard error, written by a thread of its own. A slow reader of standard
/// error delays no response: when too many lines wait, new ones are dropped and counted.
///
/// The last lines are written when this is dropped, which takes at most a second.
#[derive(Debug)]
pub struct Log {
    lines: Arc<LogLines>,
    /// Disconnected once the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl Log {
    /// Sets the global subscriber of [`tracing`], and a panic hook that makes each panic a line of the
    /// log.
    ///
    /// # Errors
    ///
    /// The thread can't be started.
    ///
    /// # Panics
    ///
    /// If a global subscriber is set already.
    pub fn start(format: LogFormat, level: Level) -> io::Result<Self> {
        let lines = Arc::new(LogLines::new(QUEUED_BYTES));
        let (running, ended) = mpsc::channel();
        let written = Arc::clone(&lines);
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
            .with_writer(Arc::clone(&lines))
            .with_ansi(io::stderr().is_terminal());
        match format {
            LogFormat::Text => subscriber.fmt_fields(Fields).init(),
            LogFormat::Json => subscriber.json().flatten_event(true).init(),
        }
        std::panic::set_hook(Box::new(|panic| {
            tracing::error!("{}", one_line(&panic.to_string()));
        }));
        Ok(Self { lines, ended })
    }

    /// How many lines have been dropped, for [`Config::dropped_log_lines`](crate::Config).
    #[must_use]
    pub fn dropped_lines(&self) -> DroppedLogLines {
        let lines = Arc::clone(&self.lines);
        DroppedLogLines::new(move || lines.dropped.load(Ordering::Relaxed))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.queue.close();
        // Its reader may be stalled.
        let _ = self.ended.recv_timeout(LAST_LINES);
    }
}

/// Lines that wait to be written to standard error, and how many were dropped.
#[derive(Debug)]
struct LogLines {
    queue: LineQueue,
    dropped: AtomicU64,
}

impl LogLines {
    fn new(bytes: usize) -> Self {
        Self {
            queue: LineQueue::new(Capacity {
                bytes,
                lines: usize::MAX,
            }),
            dropped: AtomicU64::new(0),
        }
    }

    /// Writes what comes until the queue is closed.
    fn write_to(&self, output: impl Write) {
        let mut output = LineOutput::new(output);
        self.queue.write_to(|batch, lines| {
            if output.write(batch).is_err() {
                self.dropped.fetch_add(lines as u64, Ordering::Relaxed);
            }
        });
    }
}

/// Takes a whole line at each write.
impl Write for &LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.push(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The time as `tracing_subscriber` itself writes it, in a fifth of the instructions.
struct Rfc3339;

impl FormatTime for Rfc3339 {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        // The form has no time before 1970.
        let now = SystemTime::now().max(SystemTime::UNIX_EPOCH);
        write!(writer, "{}", humantime::format_rfc3339_micros(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output without any room.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_do_not_fit_or_cannot_be_written_are_counted() {
        let lines = LogLines::new(10);
        let dropped = || lines.dropped.load(Ordering::Relaxed);
        for line in ["one\n", "two\n", "three\n"] {
            (&lines).write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(dropped(), 1);
        lines.queue.close();
        lines.write_to(Full);
        assert_eq!(dropped(), 3);
    }
}
