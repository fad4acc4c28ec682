//! The identity of a request in the logs.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The identity of a request in the logs: unique in this process and, most likely, among all replicas.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestId(u64);

impl RequestId {
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the standard library seeds its hash maps with is random enough to tell processes
        // apart.
        static PROCESS: LazyLock<String> = LazyLock::new(|| {
            let random = RandomState::new().hash_one(());
            format!("{:08x}-", random >> 32)
        });
        f.write_str(&PROCESS)?;
        fmt::LowerHex::fmt(&self.0, f)
    }
}
