//! The audit log: one JSON object a line for each decision, written from a thread of its own.
//!
//! A bounded queue stands between answering and writing, so a slow disk holds up no answer unless
//! the operator wants it to.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    mem,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use async_channel::{Receiver, Sender, TrySendError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::Metrics;

/// How many bytes are written at once at most.
const BATCH: usize = 64 * 1024;

/// How many bytes may wait to be written, however few the decisions are: one of ten thousand images
/// is some megabytes long.
const QUEUED_BYTES: u32 = 32 * 1024 * 1024;

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
    /// How many decisions may wait to be written. Default 10,000, about 5 MB. Whatever their number,
    /// they may take 32 MiB.
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

impl AuditTarget {
    /// Whether it is a file in which nothing stands yet.
    fn is_empty(&self) -> bool {
        match self {
            Self::Stdout => false,
            Self::File(path) => fs::metadata(path).is_ok_and(|file| file.len() == 0),
        }
    }
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

/// A line that waits to be written, and the room that it takes until then.
#[derive(Debug)]
struct Line {
    text: Vec<u8>,
    _room: Option<OwnedSemaphorePermit>,
}

/// A running audit log.
#[derive(Debug)]
pub(crate) struct Audit {
    queue: Sender<Line>,
    /// The other end of the queue, where what has waited longest is to be dropped.
    oldest: Option<Receiver<Line>>,
    /// A permit for each byte that may still wait.
    room: Arc<Semaphore>,
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
            is_torn: false,
        };
        let oldest = (log.when_full == WhenFull::DropOld).then(|| lines.clone());
        let run = move || writer.run(&lines);
        Ok(Self {
            queue,
            oldest,
            room: Arc::new(Semaphore::new(QUEUED_BYTES as usize)),
            when_full: log.when_full,
            reopen,
            writer: Mutex::new(Some(
                thread::Builder::new().name("audit".to_owned()).spawn(run)?,
            )),
        })
    }

    /// Where answers are to wait for the log, waits until nothing else does. What is decided meanwhile
    /// would wait with its line, which can be far longer than its body.
    pub(crate) async fn has_room(&self) {
        if self.when_full == WhenFull::Block {
            // Permits are given in the order in which they were asked for. The log closes none.
            let _ = self.room.acquire().await;
        }
    }

    /// Hands a line over. It is ready at once unless answers are to wait for the log.
    pub(crate) async fn record(&self, text: Vec<u8>, metrics: &Metrics) {
        metrics.audit_records.inc();
        // One that is longer than all the room gets all of it.
        let bytes = u32::try_from(text.len())
            .unwrap_or(u32::MAX)
            .min(QUEUED_BYTES);
        let room = Arc::clone(&self.room);
        let dropped = match self.when_full {
            WhenFull::DropNew => match room.try_acquire_many_owned(bytes) {
                Ok(room) => {
                    let line = Line::new(text, room);
                    matches!(self.queue.try_send(line), Err(TrySendError::Full(_)))
                }
                Err(_) => true,
            },
            WhenFull::DropOld => self.record_in_place_of_old(text, bytes, metrics),
            WhenFull::Block => {
                let given_up = GivenUp(metrics);
                let sent = match room.acquire_many_owned(bytes).await {
                    Ok(room) => self.queue.send(Line::new(text, room)).await.is_ok(),
                    Err(_closed) => false,
                };
                mem::forget(given_up);
                !sent
            }
        };
        if dropped {
            metrics.audit_records_dropped.inc();
        }
    }

    /// Drops what has waited longest until there is room; `true` where there is none without that.
    fn record_in_place_of_old(&self, text: Vec<u8>, bytes: u32, metrics: &Metrics) -> bool {
        loop {
            if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(bytes) {
                return matches!(self.queue.force_send(Line::new(text, room)), Ok(Some(_)));
            }
            if self
                .oldest
                .as_ref()
                .is_none_or(|lines| lines.try_recv().is_err())
            {
                return true;
            }
            metrics.audit_records_dropped.inc();
        }
    }

    /// Opens the file anew before the next line.
    pub(crate) fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
        // Nothing to write, but a reason to wake up. If the queue is full the writer is awake.
        let _ = self.queue.try_send(Line {
            text: Vec::new(),
            _room: None,
        });
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

impl Line {
    fn new(text: Vec<u8>, room: OwnedSemaphorePermit) -> Self {
        Self {
            text,
            _room: Some(room),
        }
    }
}

/// Counts a line as dropped whose client gave up while it waited for room.
struct GivenUp<'m>(&'m Metrics);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        self.0.audit_records_dropped.inc();
    }
}

type Output = Box<dyn Write + Send>;

struct Writer {
    output: Output,
    target: AuditTarget,
    reopen: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    /// Whether the last write failed.
    failing: bool,
    /// Whether it may have left half a line in the file that is written now.
    is_torn: bool,
}

impl Writer {
    fn run(mut self, lines: &Receiver<Line>) {
        let mut batch = Vec::new();
        while let Ok(line) = lines.recv_blocking() {
            if self.reopen.swap(false, Ordering::Relaxed) {
                self.open_anew();
            }
            batch.extend(line.text);
            while batch.len() < BATCH
                && let Ok(line) = lines.try_recv()
            {
                batch.extend(line.text);
            }
            self.write(&batch);
            batch.clear();
            // A long line's memory is given back.
            batch.shrink_to(2 * BATCH);
        }
    }

    fn open_anew(&mut self) {
        match open(&self.target) {
            Ok(output) => {
                self.output = output;
                self.is_torn &= !self.target.is_empty();
            }
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
        let end_torn_line: &[u8] = if self.is_torn { b"\n" } else { b"" };
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
        self.is_torn = self.failing;
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
