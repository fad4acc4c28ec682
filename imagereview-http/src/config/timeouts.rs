//! How long the server waits.

use std::time::Duration;

/// How long the server waits for a client before it gives up, so that a slow or silent one can't
/// keep a slot.
///
/// kube-apiserver gives a whole webhook call 30 seconds; the defaults stay inside that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the TCP connection to the end of the TLS handshake. Default 10 seconds.
    pub handshake: Duration,
    /// From the handshake to the first request's headers. Default 30 seconds.
    pub header: Duration,
    /// From a request's headers to the last byte of its body. Default 10 seconds.
    pub body: Duration,
    /// From the last byte of a body to the verdict: the wait for a permit, and deciding. Beyond that the
    /// review is undecided, which denies it. If it had no permit yet, it gets 429. Default 5 seconds,
    /// below the 10 that an API server gives an admission webhook by default.
    pub review: Duration,
    /// How long registries may take to tell the facts that a review needs; beyond that those are not known. If
    /// the request says how long its client waits (`?timeout=`), it is never more than that leaves for
    /// deciding. Default 4 seconds, which with the review's time stays below the 10 that an API server
    /// gives an admission webhook by default.
    pub facts: Duration,
    /// How long a response waits for a client that reads nothing of it, before the connection is cut
    /// (on Linux) or, on HTTP/2, the request's stream is reset; and how long a client on HTTP/2 has to
    /// confirm a GOAWAY. Default 20 seconds, which makes 30 with the body's, as kube-apiserver gives a
    /// whole call.
    pub answer: Duration,
    /// How long an idle connection is kept. Default 5 minutes, so that it is
    /// kube-apiserver, after 90 seconds, that closes first: a request that meets the end of its
    /// connection is not sent again.
    pub idle: Duration,
    /// From the signal to stop until no connection is accepted any more. Readiness is false meanwhile.
    /// Default 0.
    pub shutdown_delay: Duration,
    /// From then until connections that are still busy are cut. Default 20 seconds,
    /// below the 30 that Kubernetes gives a pod by default.
    pub shutdown: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(30),
            body: Duration::from_secs(10),
            review: Duration::from_secs(5),
            facts: Duration::from_secs(4),
            answer: Duration::from_secs(20),
            idle: Duration::from_secs(5 * 60),
            shutdown_delay: Duration::ZERO,
            shutdown: Duration::from_secs(20),
        }
    }
}
