//! What is served: the program, its policy and its certificates.

use std::{sync::atomic::AtomicU64, time::SystemTime};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use super::register::{NoLabels, register};
use crate::tls::Validity;

/// A time in seconds since 1970, which appears once it is known.
type Timestamp = Family<NoLabels, Gauge<f64, AtomicU64>>;

#[derive(Debug)]
pub(crate) struct ServedMetrics {
    policy: Family<PolicyLabels, Gauge>,
    certificate_expiry: Timestamp,
    certificate_begin: Timestamp,
    client_ca_expiry: Timestamp,
    client_ca_begin: Timestamp,
    client_crl_update: Timestamp,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PolicyLabels {
    identity: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

impl ServedMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let build: Family<BuildLabels, Gauge> = register(
            registry,
            "build_info",
            "The version of the program; always 1",
        );
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&BuildLabels { version }).set(1);
        Self {
            policy: register(
                registry,
                "policy_info",
                "The policy that is served, by name and hash; always 1",
            ),
            certificate_expiry: register(
                registry,
                "certificate_expiry_timestamp_seconds",
                "When the first certificate of the chain that is served expires, in seconds since 1970",
            ),
            certificate_begin: register(
                registry,
                "certificate_not_before_timestamp_seconds",
                "When the last certificate of the chain that is served became valid, in seconds since 1970",
            ),
            client_ca_begin: register(
                registry,
                "client_ca_not_before_timestamp_seconds",
                "When the last of the client CAs became valid, in seconds since 1970",
            ),
            client_ca_expiry: register(
                registry,
                "client_ca_expiry_timestamp_seconds",
                "When the first of the client CAs expires, in seconds since 1970",
            ),
            client_crl_update: register(
                registry,
                "client_crl_next_update_timestamp_seconds",
                "When the first of the revocation lists should be replaced, in seconds since 1970",
            ),
        }
    }

    /// Names the policy that is served.
    pub(crate) fn set_policy(&self, identity: &str) {
        self.policy.clear();
        let identity = identity.to_owned();
        self.policy.get_or_create(&PolicyLabels { identity }).set(1);
    }

    pub(crate) fn set_certificate(&self, validity: Validity) {
        let Validity {
            not_before,
            not_after,
        } = validity;
        set(&self.certificate_begin, not_before);
        set(&self.certificate_expiry, not_after);
    }

    pub(crate) fn set_client_crl_update(&self, at: SystemTime) {
        set(&self.client_crl_update, at);
    }

    pub(crate) fn set_client_ca(&self, validity: Validity) {
        let Validity {
            not_before,
            not_after,
        } = validity;
        set(&self.client_ca_begin, not_before);
        set(&self.client_ca_expiry, not_after);
    }
}

fn set(time: &Timestamp, at: SystemTime) {
    time.get_or_create(&NoLabels {}).set(seconds(at));
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
