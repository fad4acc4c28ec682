//! What every request is reviewed with.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use imagereview_core::Language;

use crate::{
    deciding::Deciding,
    facts::FactsForReviews,
    observe::{Audit, LineRate, Metrics},
    policy::ServedPolicy,
    request::{Bodies, BodyLimits},
    tls::Generation,
    untaken::Responses,
};

/// The part of the server that all connections share.
pub(crate) struct State {
    pub(crate) policy: ArcSwap<ServedPolicy>,
    pub(crate) language: Language,
    /// The response to an `ImageReview` that is allowed without a word.
    pub(crate) approval: Bytes,
    pub(crate) body: BodyLimits,
    pub(crate) bodies: Bodies,
    pub(crate) deciding: Deciding,
    pub(crate) facts: FactsForReviews,
    pub(crate) responses: Arc<Responses>,
    pub(crate) max_requests: usize,
    pub(crate) metrics: Metrics,
    pub(crate) audit: Option<Audit>,
    /// Of requests that are refused.
    pub(crate) refusal_lines: LineRate,
    /// Of handshakes that fail.
    pub(crate) handshake_lines: LineRate,
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
            .served
            .set_policy(policy.identity.as_deref().unwrap_or("built-in"));
        // A policy that the program holds may need none.
        if policy.may_need_facts && policy.identity.is_some() && !self.facts.has_source() {
            tracing::warn!(
                "the policy needs facts from registries, and they are not asked without --facts auto: nothing is known \
                 to its rules"
            );
        }
        self.policy.store(Arc::new(policy));
    }

    /// Shows in the metrics how long the certificates are valid.
    pub(crate) fn show_validity(&self, tls: &Generation) {
        if let Some(validity) = tls.certificate {
            self.metrics.served.set_certificate(validity);
        }
        if let Some(validity) = tls.client_ca {
            self.metrics.served.set_client_ca(validity);
        }
        if let Some(end) = tls.client_crl_update {
            self.metrics.served.set_client_crl_update(end);
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
