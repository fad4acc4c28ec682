//! Where decisions are recorded.

use std::path::PathBuf;

/// Where decisions are recorded, and what happens when they come faster than they are written.
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
    /// they take at most 32 MiB.
    pub queue: usize,
    /// What happens to a decision when the queue is full. By default it is dropped.
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
    /// A file, which is created or appended to. Each requested reload reopens it, so that it may be
    /// renamed before.
    File(PathBuf),
}

/// What happens to a decision when the queue of an [`AuditLog`] is full. Dropped decisions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It is not recorded.
    DropNew,
    /// The decision that has waited longest is not recorded.
    DropOld,
    /// Its response waits. No decision is missing, and a stalled disk stops the responses.
    Block,
}
