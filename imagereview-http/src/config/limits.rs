//! How much there may be at a time.

/// How much there may be at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Open connections. Beyond that, a new one evicts the one that has been open for longest without
    /// a request, or else the one that has been idle for longest, if that is a second. If all are at work,
    /// new ones wait in the system's queue. Default 640: three API servers with 200 calls at a time each,
    /// which is their default for requests that change objects.
    pub connections: usize,
    /// Connections without a request yet, those in their handshake included. Beyond that, the oldest
    /// is evicted. Default 512.
    pub silent: usize,
    /// Requests in flight: their headers are read, and their response is not sent. Beyond that, the one
    /// whose body has been awaited for longest is evicted (408). If there is none, the new one gets 429
    /// at once. Default 1,024.
    pub requests: usize,
    /// Bytes of buffered request bodies. Beyond that, the body over 8 KiB that has been awaited for
    /// longest is evicted (408). If there is none, the new one gets 429. Never less than what one
    /// `AdmissionReview` may have. Default 24 MiB.
    pub body_memory: usize,
    /// Bytes of responses that clients have not taken, and 10 KiB for each. Beyond that the connection of the one that has
    /// waited for longest is cut, if that is a tenth of a second, and else the new one is answered 429. Never less
    /// than the largest response. Default 24 MiB.
    pub response_memory: usize,
    /// Requests in flight on one HTTP/2 connection. Default 250, which is what Go's own server
    /// allows.
    pub streams: u32,
    /// The size of a request's headers in bytes; longer ones are refused with 431. Default 8 KiB.
    pub header_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 640,
            silent: 512,
            requests: 1024,
            body_memory: 24 * 1024 * 1024,
            response_memory: 24 * 1024 * 1024,
            streams: 250,
            header_bytes: 8 * 1024,
        }
    }
}
