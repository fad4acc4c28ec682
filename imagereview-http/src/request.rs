//! Who asks, and which of the requests this is.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The client at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) peer: SocketAddr,
    /// The common name of the certificate that it showed.
    pub(crate) name: Option<Box<str>>,
}

/// What tells a request from the others in the logs of this process and, most likely, of all
/// replicas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId(u64);

impl RequestId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the standard library seeds its hash maps with is random enough to tell processes
        // apart.
        static PROCESS: LazyLock<u32> =
            LazyLock::new(|| (RandomState::new().hash_one(()) >> 32) as u32);
        write!(f, "{:08x}-{:x}", *PROCESS, self.0)
    }
}
