//! The audit log: one JSON object a line for each decision, written from a thread of its own.
//!
//! A bounded queue stands between answering and writing, so a slow disk holds up no answer unless
//! the operator wants it to.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use async_channel::{Receiver, Sender, TrySendError};

use crate::metrics::Metrics;

/// How many bytes are written at once at most.
const BATCH: usize = 64 * 1024;

/// Where decisions are recorded, and what becomes of those that come faster than they are written.
///
/// ```
/// use imagereview_http::{AuditLog, AuditTarget, WhenFull};
///
/// let mut audit = AuditLog::new(AuditTarget::Stdout);
/// audit.when_full = WhenFull::DropOld;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditLog {
    /// Where the lines go.
    pub target: AuditTarget,
    /// How many decisions may wait to be written. Default 10,000, about 5 MB.
    pub queue: usize,
    /// What happens to a decision for which the queue has no room. By default it is dropped.
    pub when_full: WhenFull,
}

impl AuditLog {
    /// An audit log with every default.
    #[must_use]
    pub fn new(target: AuditTarget) -> Self {
        Self {
            target,
            queue: 10_000,
            when_full: WhenFull::DropNew,
        }
    }
}

/// Where the lines of an [`AuditLog`] go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditTarget {
    /// Standard output.
    Stdout,
    /// A file, which is made if there is none and appended to if there is. It is opened anew at
    /// each requested reload, so that it may be renamed away before.
    File(PathBuf),
}

/// What happens to a decision for which the queue of an [`AuditLog`] has no room. What is dropped is
/// counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It is not recorded.
    DropNew,
    /// The decision that has waited longest is not recorded.
    DropOld,
    /// Its answer waits. No decision is missing, and a disk that stands still stops the answers.
    Block,
}

/// A running audit log.
#[derive(Debug)]
pub(crate) struct Audit {
    queue: Sender<Vec<u8>>,
    when_full: WhenFull,
    reopen: Arc<AtomicBool>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Audit {
    /// Opens the target and starts the thread.
    pub(crate) fn start(log: &AuditLog, metrics: &Arc<Metrics>) -> io::Result<Self> {
        let (queue, lines) = async_channel::bounded(log.queue.max(1));
        let reopen = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            output: open(&log.target)?,
            target: log.target.clone(),
            reopen: Arc::clone(&reopen),
            metrics: Arc::clone(metrics),
            failing: false,
        };
        let run = move || writer.run(&lines);
        Ok(Self {
            queue,
            when_full: log.when_full,
            reopen,
            writer: Mutex::new(Some(
                thread::Builder::new().name("audit".to_owned()).spawn(run)?,
            )),
        })
    }

    /// Hands a line over. It is ready at once unless answers are to wait for the log.
    pub(crate) async fn record(&self, line: Vec<u8>, metrics: &Metrics) {
        metrics.audit_records.inc();
        let dropped = match self.when_full {
            WhenFull::DropNew => matches!(self.queue.try_send(line), Err(TrySendError::Full(_))),
            WhenFull::DropOld => matches!(self.queue.force_send(line), Ok(Some(_))),
            WhenFull::Block => self.queue.send(line).await.is_err(),
        };
        if dropped {
            metrics.audit_records_dropped.inc();
        }
    }

    /// Opens the file anew before the next line.
    pub(crate) fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
        // Nothing to write, but a reason to wake up. If the queue is full the writer is awake.
        let _ = self.queue.try_send(Vec::new());
    }

    /// Writes what waits and ends.
    pub(crate) fn finish(&self) {
        self.queue.close();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            // A writer that panicked has lost what it had.
            let _ = writer.join();
        }
    }
}

type Output = Box<dyn Write + Send>;

struct Writer {
    output: Output,
    target: AuditTarget,
    reopen: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    /// Whether the last write failed: it may have left half a line.
    failing: bool,
}

impl Writer {
    fn run(mut self, lines: &Receiver<Vec<u8>>) {
        let mut batch = Vec::new();
        while let Ok(line) = lines.recv_blocking() {
            if self.reopen.swap(false, Ordering::Relaxed) {
                self.open_anew();
            }
            batch.extend(line);
            while batch.len() < BATCH
                && let Ok(line) = lines.try_recv()
            {
                batch.extend(line);
            }
            self.write(&batch);
            batch.clear();
        }
    }

    fn open_anew(&mut self) {
        match open(&self.target) {
            Ok(output) => self.output = output,
            Err(error) => {
                self.metrics.audit_write_errors.inc();
                tracing::error!("the audit log goes on in its old file: {error}");
            }
        }
    }

    /// A full disk must not stop the answers, so what can't be written is lost, and counted.
    fn write(&mut self, batch: &[u8]) {
        if batch.is_empty() {
            return;
        }
        let end_torn_line: &[u8] = if self.failing { b"\n" } else { b"" };
        let written = self
            .output
            .write_all(end_torn_line)
            .and_then(|()| self.output.write_all(batch))
            .and_then(|()| self.output.flush());
        if let Err(error) = &written {
            self.metrics.audit_write_errors.inc();
            if !self.failing {
                tracing::error!("the audit log can't be written: {error}");
            }
        } else if self.failing {
            tracing::info!("the audit log is written again");
        }
        self.failing = written.is_err();
    }
}

fn open(target: &AuditTarget) -> io::Result<Output> {
    Ok(match target {
        AuditTarget::Stdout => Box::new(io::stdout()),
        AuditTarget::File(path) => Box::new(open_file(path)?),
    })
}

/// Readable by its owner and group only: it names users and namespaces.
fn open_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}
