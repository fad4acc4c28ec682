//! Declaring a metric.

use prometheus_client::{
    encoding::EncodeLabelSet,
    registry::{Metric, Registry},
};

/// The label set of a metric that appears once it has a value.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct NoLabels {}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct CauseLabels {
    pub(super) cause: &'static str,
}

/// Declares a metric that begins at its type's default.
pub(super) fn register<M: Metric + Clone + Default>(
    registry: &mut Registry,
    name: &str,
    help: &str,
) -> M {
    register_as(registry, name, help, M::default())
}

/// Declares a metric.
pub(super) fn register_as<M: Metric + Clone>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    metric: M,
) -> M {
    registry.register(name, help, metric.clone());
    metric
}
