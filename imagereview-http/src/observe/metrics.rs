//! What is counted. `docs/metrics.md` says what each metric is for; a test holds the two together.
//!
//! Each file declares the metrics of one subject: name, help, type and use. Whatever a request touches
//! is found once, at the start, so that counting is an addition and no search for labels.

mod audit;
mod connections;
mod counted;
mod exposition;
mod facts;
mod log;
mod refusals;
mod register;
mod registries;
mod reloads;
mod reviews;
mod served;
mod violations;

use std::sync::Arc;

use prometheus_client::registry::Registry;

pub(crate) use self::{
    audit::AuditMetrics, counted::Counted, exposition::Format, refusals::RefusalMetrics,
    reloads::Part,
};
use self::{
    connections::ConnectionMetrics, facts::FactMetrics, registries::RegistryMetrics,
    reloads::ReloadMetrics, reviews::ReviewMetrics, served::ServedMetrics,
};
use crate::config::DroppedLogLines;

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) reviews: ReviewMetrics,
    pub(crate) refusals: RefusalMetrics,
    pub(crate) connections: ConnectionMetrics,
    pub(crate) reloads: ReloadMetrics,
    pub(crate) served: ServedMetrics,
    pub(crate) facts: FactMetrics,
    pub(crate) registries: Arc<RegistryMetrics>,
    pub(crate) audit: AuditMetrics,
}

impl Metrics {
    /// With a counter of the log's dropped lines, which the program keeps.
    pub(crate) fn new(dropped_log_lines: Option<DroppedLogLines>) -> Self {
        let mut registry = Registry::with_prefix("imagereview");
        log::register(&mut registry, dropped_log_lines);
        Self {
            reviews: ReviewMetrics::new(&mut registry),
            refusals: RefusalMetrics::new(&mut registry),
            connections: ConnectionMetrics::new(&mut registry),
            reloads: ReloadMetrics::new(&mut registry),
            served: ServedMetrics::new(&mut registry),
            facts: FactMetrics::new(&mut registry),
            registries: Arc::new(RegistryMetrics::new(&mut registry)),
            audit: AuditMetrics::new(&mut registry),
            registry,
        }
    }

    /// Everything as text.
    pub(crate) fn to_text(&self, format: Format) -> String {
        exposition::encode(&self.registry, format)
    }
}
