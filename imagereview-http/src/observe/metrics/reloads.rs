//! Reading files again while the server runs.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::register::register;

/// What is read again while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Policy,
    Certificate,
    ClientCa,
    Facts,
}

impl Part {
    /// All of them, each at its own index.
    pub(crate) const ALL: [Self; 4] =
        [Self::Policy, Self::Certificate, Self::ClientCa, Self::Facts];

    /// The name in logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Certificate => "certificate",
            Self::ClientCa => "client_ca",
            Self::Facts => "facts",
        }
    }
}

#[derive(Debug)]
pub(crate) struct ReloadMetrics([PartMetrics; Part::ALL.len()]);

#[derive(Debug)]
struct PartMetrics {
    reloaded: Counter,
    failed: Counter,
    /// 1 if the last try was a success, 0 if not.
    successful: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReloadLabels {
    part: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PartLabels {
    part: &'static str,
}

impl ReloadMetrics {
    /// As they are after the server's start, when every part was read.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let reloads: Family<ReloadLabels, Counter> = register(
            registry,
            "reloads",
            "Times that a part of the configuration was read again, by result",
        );
        let successful: Family<PartLabels, Gauge> = register(
            registry,
            "last_reload_successful",
            "Whether what the files hold is what is served: 1, or 0 after an error",
        );
        let reload = |part, result| reloads.get_or_create_owned(&ReloadLabels { part, result });
        Self(Part::ALL.map(Part::as_str).map(|part| {
            let successful = successful.get_or_create_owned(&PartLabels { part });
            successful.set(1);
            PartMetrics {
                reloaded: reload(part, "success"),
                failed: reload(part, "failure"),
                successful,
            }
        }))
    }

    /// Counts that a part was read again.
    pub(crate) fn count(&self, part: Part, success: bool) {
        let metrics = &self.0[part as usize];
        if success {
            &metrics.reloaded
        } else {
            &metrics.failed
        }
        .inc();
        metrics.successful.set(success.into());
    }
}
