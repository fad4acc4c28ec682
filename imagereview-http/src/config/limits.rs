//! How much there may be at a time.

/// How much there may be at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Open connections. Beyond that, a new one evicts the one that has been open for longest without
    /// a request. If all have sent one, new ones wait in the system's queue. Default 4,096.
    pub connections: usize,
    /// Connections without a request yet, those in their handshake included. Beyond that, the oldest
    /// is evicted. Default 1,024.
    pub silent: usize,
    /// Requests in flight: their headers are read, and their response is not sent. Beyond that, the one
    /// whose body has been awaited for longest is evicted (408). If there is none, the new one gets 429
    /// at once. Default 1,024.
    pub requests: usize,
    /// Bytes of buffered request bodies. Beyond that, the body over 16 KiB that has been awaited for
    /// longest is evicted (408). If there is none, the new one gets 429. Never less than what one
    /// `AdmissionReview` may have. Default 64 MiB.
    pub body_memory: usize,
    /// Requests in flight on one HTTP/2 connection. Default 250, which is what Go's own server
    /// allows.
    pub streams: u32,
    /// The size of a request's headers in bytes; longer ones are refused with 431. Default 16 KiB.
    pub header_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            silent: 1024,
            requests: 1024,
            body_memory: 64 * 1024 * 1024,
            streams: 250,
            header_bytes: 16 * 1024,
        }
    }
}
