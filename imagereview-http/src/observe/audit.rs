//! The audit log: one JSON object a line for each decision, written from a thread of its own.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    mem,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use tokio::sync::{AcquireError, Semaphore};

use super::{
    lines::{Capacity, LineOutput, LineQueue},
    metrics::AuditMetrics,
};
use crate::config::{AuditLog, AuditTarget, WhenFull};

/// How many bytes may wait to be written, however few the decisions are: one of ten thousand images
/// is some megabytes long.
const QUEUED_BYTES: u32 = 32 * 1024 * 1024;

/// A running audit log.
#[derive(Debug)]
pub(crate) struct Audit {
    queue: Arc<LineQueue>,
    when_full: WhenFull,
    permits: Arc<Permits>,
    reopen: Arc<AtomicBool>,
    metrics: AuditMetrics,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What responses wait for where they are to wait for the log. The first to come is the first to get
/// permits.
#[derive(Debug)]
struct Permits {
    /// One for each byte that may still wait.
    bytes: Semaphore,
    /// One for each line that may still wait.
    lines: Semaphore,
}

impl Audit {
    /// Opens the target and starts the thread.
    pub(crate) fn start(log: &AuditLog, metrics: AuditMetrics) -> io::Result<Self> {
        let lines = log.queue.clamp(1, Semaphore::MAX_PERMITS);
        let queue = Arc::new(LineQueue::new(match log.when_full {
            // The permits bound it.
            WhenFull::Block => Capacity {
                bytes: usize::MAX,
                lines: usize::MAX,
            },
            WhenFull::DropNew | WhenFull::DropOld => Capacity {
                bytes: QUEUED_BYTES as usize,
                lines,
            },
        }));
        let permits = Arc::new(Permits {
            bytes: Semaphore::new(QUEUED_BYTES as usize),
            lines: Semaphore::new(lines),
        });
        let reopen = Arc::new(AtomicBool::new(false));
        let mut writer = AuditWriter {
            output: open(&log.target)?,
            target: log.target.clone(),
            reopen: Arc::clone(&reopen),
            metrics: metrics.clone(),
            is_failing: false,
        };
        let run = {
            let (queue, permits) = (Arc::clone(&queue), Arc::clone(&permits));
            let gives_permits_back = log.when_full == WhenFull::Block;
            move || {
                queue.write_to(|batch, lines| {
                    if gives_permits_back {
                        permits.bytes.add_permits(permits_of(batch) as usize);
                        permits.lines.add_permits(lines);
                    }
                    writer.write(batch);
                });
            }
        };
        Ok(Self {
            queue,
            when_full: log.when_full,
            permits,
            reopen,
            metrics,
            writer: Mutex::new(Some(
                thread::Builder::new().name("audit".to_owned()).spawn(run)?,
            )),
        })
    }

    /// Where responses are to wait for the log, waits until nothing else does. What is decided meanwhile
    /// would wait with its line, which can be far longer than its body.
    pub(crate) async fn has_capacity(&self) {
        if self.when_full == WhenFull::Block {
            // Closed at the end only, when nothing waits any more.
            let _ = self.permits.bytes.acquire().await;
        }
    }

    /// Hands a line over. It is ready at once unless responses are to wait for the log.
    pub(crate) async fn record(&self, line: Vec<u8>) {
        self.metrics.records.inc();
        let dropped = match self.when_full {
            WhenFull::DropNew => u64::from(self.queue.push(&line).is_err()),
            WhenFull::DropOld => self.queue.push_over_oldest(&line) as u64,
            WhenFull::Block => {
                let given_up = GivenUp(&self.metrics);
                let recorded = self.record_with_permits(&line).await;
                mem::forget(given_up);
                u64::from(!recorded.unwrap_or(false))
            }
        };
        if dropped > 0 {
            self.metrics.dropped.inc_by(dropped);
        }
    }

    /// Waits for permits. Whether the line was taken.
    async fn record_with_permits(&self, line: &[u8]) -> Result<bool, AcquireError> {
        let Permits { bytes, lines } = &*self.permits;
        let bytes = bytes.acquire_many(permits_of(line)).await?;
        let line_permit = if let Ok(permit) = lines.try_acquire() {
            permit
        } else {
            // The writer may rest.
            self.queue.nudge();
            lines.acquire().await?
        };
        let is_taken = self.queue.push(line).is_ok();
        if is_taken {
            // The writer gives them back.
            bytes.forget();
            line_permit.forget();
        }
        Ok(is_taken)
    }

    /// Opens the file anew before the next line.
    pub(crate) fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
        self.queue.nudge();
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

/// How many permits a line or a batch takes. One that is longer than all of them takes all, and no
/// batch of several lines is.
fn permits_of(text: &[u8]) -> u32 {
    u32::try_from(text.len())
        .unwrap_or(u32::MAX)
        .min(QUEUED_BYTES)
}

/// Counts a line as dropped whose client gave up while it waited for permits.
struct GivenUp<'m>(&'m AuditMetrics);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        self.0.dropped.inc();
    }
}

type Output = LineOutput<Box<dyn Write + Send>>;

struct AuditWriter {
    output: Output,
    target: AuditTarget,
    reopen: Arc<AtomicBool>,
    metrics: AuditMetrics,
    /// Whether the last write failed.
    is_failing: bool,
}

impl AuditWriter {
    /// A full disk must not stop the responses, so what can't be written is lost, and counted.
    fn write(&mut self, batch: &[u8]) {
        if self.reopen.swap(false, Ordering::Relaxed) {
            self.open_anew();
        }
        if batch.is_empty() {
            return;
        }
        let written = self.output.write(batch);
        if let Err(error) = &written {
            self.metrics.write_errors.inc();
            if !self.is_failing {
                tracing::error!("the audit log can't be written: {error}");
            }
        } else if self.is_failing {
            tracing::info!("the audit log is written again");
        }
        self.is_failing = written.is_err();
    }

    fn open_anew(&mut self) {
        match open(&self.target) {
            Ok(mut output) => {
                output.is_torn = self.output.is_torn && !is_empty(&self.target);
                self.output = output;
            }
            Err(error) => {
                self.metrics.write_errors.inc();
                tracing::error!("the audit log goes on in its old file: {error}");
            }
        }
    }
}

/// Whether it is a file that is empty.
fn is_empty(target: &AuditTarget) -> bool {
    match target {
        AuditTarget::Stdout => false,
        AuditTarget::File(path) => fs::metadata(path).is_ok_and(|file| file.len() == 0),
    }
}

fn open(target: &AuditTarget) -> io::Result<Output> {
    Ok(LineOutput::new(match target {
        AuditTarget::Stdout => Box::new(io::stdout()),
        AuditTarget::File(path) => Box::new(open_file(path)?),
    }))
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
