//! Connections, from the handshake to the end.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::register::{CauseLabels, register};
use crate::tls::HandshakeFailure;

#[derive(Debug)]
pub(crate) struct ConnectionMetrics {
    pub(crate) open: Gauge,
    pub(crate) accepted: Counter,
    pub(crate) evicted: Counter,
    pub(crate) cut: Counter,
    handshake_failures: [Counter; HandshakeFailure::ALL.len()],
}

impl ConnectionMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let failures: Family<CauseLabels, Counter> = register(
            registry,
            "tls_handshake_failures",
            "Connections that did not get past the TLS handshake, by cause",
        );
        Self {
            open: register(
                registry,
                "connections",
                "Connections that are open, those in their handshake included",
            ),
            accepted: register(
                registry,
                "connections_accepted",
                "Connections that were accepted",
            ),
            evicted: register(
                registry,
                "connections_evicted",
                "Connections without a request, or idle, that were closed for others",
            ),
            cut: register(
                registry,
                "connections_cut",
                "Connections that were cut because a response was not taken and others needed its memory",
            ),
            handshake_failures: HandshakeFailure::ALL
                .map(HandshakeFailure::as_str)
                .map(|cause| failures.get_or_create_owned(&CauseLabels { cause })),
        }
    }

    pub(crate) fn handshake_failed(&self, failure: HandshakeFailure) {
        self.handshake_failures[failure as usize].inc();
    }
}
