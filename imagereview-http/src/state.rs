//! What every handler is given.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use imagereview_core::Language;
use tokio::sync::Semaphore;

use crate::{
    audit::Audit, body::BodyLimits, held::HeldBytes, metrics::Metrics, policy::ServedPolicy,
    tls::Generation, waiting::Waiting,
};

/// The part of the server that all connections share and that a request is answered from.
pub(crate) struct State {
    pub(crate) policy: ArcSwap<ServedPolicy>,
    pub(crate) language: Language,
    /// The answer to an `ImageReview` of which there is nothing to tell.
    pub(crate) approval: Bytes,
    pub(crate) body: BodyLimits,
    pub(crate) max_requests: usize,
    /// Requests whose bodies are waited for.
    pub(crate) slow_bodies: Arc<Waiting>,
    /// Bodies that are not small and not yet decided.
    pub(crate) large_bodies: Arc<Waiting>,
    pub(crate) held_bodies: Arc<HeldBytes>,
    /// Turns of reviews that are not small.
    pub(crate) turns: Arc<Semaphore>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) audit: Option<Audit>,
    /// Whether new connections are welcome.
    pub(crate) ready: AtomicBool,
}

impl State {
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Decides by this policy from now on.
    pub(crate) fn serve_policy(&self, policy: ServedPolicy) {
        self.metrics
            .serves_policy(policy.identity.as_deref().unwrap_or("built-in"));
        self.policy.store(Arc::new(policy));
    }

    /// Shows in the metrics how long the certificates are valid.
    pub(crate) fn tell_validity(&self, tls: &Generation) {
        if let Some(validity) = tls.certificate {
            self.metrics.certificate_expires(validity.not_after);
        }
        if let Some(validity) = tls.client_ca {
            self.metrics.client_ca_expires(validity.not_after);
        }
    }

    /// Waits until the audit log is written.
    pub(crate) fn finish_audit(&self) {
        if let Some(audit) = &self.audit {
            audit.finish();
        }
    }

    pub(crate) fn reopen_audit(&self) {
        if let Some(audit) = &self.audit {
            audit.reopen();
        }
    }
}
