//! Requests that were refused.

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::register::{CauseLabels, register};
use crate::request::Refusal;

#[derive(Debug)]
pub(crate) struct RefusalMetrics(Family<CauseLabels, Counter>);

impl RefusalMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let refusals: Family<CauseLabels, Counter> = register(
            registry,
            "refusals",
            "Requests that were not reviewed, by cause",
        );
        for cause in Refusal::CAUSES {
            drop(refusals.get_or_create(&CauseLabels { cause }));
        }
        Self(refusals)
    }

    pub(crate) fn count(&self, refusal: &Refusal) {
        let cause = refusal.cause();
        self.0.get_or_create(&CauseLabels { cause }).inc();
    }
}
