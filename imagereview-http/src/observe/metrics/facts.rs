//! Facts about images: what came of asking for them, and how long reviews waited.

use std::time::Duration;

use imagereview_core::facts::{Cause, Fact, Facts, Needs};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use super::register::{CauseLabels, register, register_as};

/// Upper bounds of the histogram's buckets, in seconds: from what is in the cache to the longest that an
/// API server waits.
const DURATIONS: [f64; 12] = [
    0.000_1, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

#[derive(Debug)]
pub(crate) struct FactMetrics {
    known: Counter,
    absent: Counter,
    unavailable: Family<CauseLabels, Counter>,
    waited: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl FactMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let facts: Family<OutcomeLabels, Counter> = register(
            registry,
            "facts",
            "Images that a review needed facts about, by what came of asking for them",
        );
        let counter = |outcome| facts.get_or_create_owned(&OutcomeLabels { outcome });
        let unavailable: Family<CauseLabels, Counter> = register(
            registry,
            "facts_unavailable",
            "Images that a review needed facts about which could not be had, by cause",
        );
        for cause in Cause::ALL {
            drop(unavailable.get_or_create(&CauseLabels {
                cause: cause.as_str(),
            }));
        }
        Self {
            known: counter("known"),
            absent: counter("absent"),
            unavailable,
            waited: register_as(
                registry,
                "facts_duration_seconds",
                "Time that a review waited for facts, if it needed any",
                Histogram::new(DURATIONS),
            ),
        }
    }

    /// Counts what came of asking for the facts of one review.
    pub(crate) fn waited(&self, duration: Duration, asked: &Needs, facts: &Facts) {
        self.waited.observe(duration.as_secs_f64());
        for (image, _) in asked.iter() {
            let cause = match facts.image(&image) {
                Some(Fact::Known(_)) => {
                    self.known.inc();
                    continue;
                }
                Some(Fact::Absent) => {
                    self.absent.inc();
                    continue;
                }
                Some(Fact::Unavailable(why)) => why.cause(),
                None => Cause::NotAsked,
            };
            let cause = cause.as_str();
            self.unavailable.get_or_create(&CauseLabels { cause }).inc();
        }
    }
}
