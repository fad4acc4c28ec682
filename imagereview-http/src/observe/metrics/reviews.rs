//! Reviews: what came of them, and how long they took.

use std::time::Duration;

use imagereview_core::Verdict;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{
    register::{register, register_as},
    violations::ViolationMetrics,
};
use crate::request::Endpoint;

/// Upper bounds of the latency histogram's buckets, in seconds: from a review that finds everything
/// in the cache to the API server's own limit of 30 seconds.
const DURATIONS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
    2.5, 10.0, 30.0,
];

#[derive(Debug)]
pub(crate) struct ReviewMetrics {
    endpoints: [EndpointMetrics; Endpoint::ALL.len()],
    violations: ViolationMetrics,
    pub(crate) in_flight: Gauge,
    pub(crate) panics: Counter,
    pub(crate) timeouts: Counter,
    /// Reviews that are still being decided, although they were answered.
    pub(crate) overdue: Gauge,
}

#[derive(Debug)]
struct EndpointMetrics {
    allowed: Counter,
    denied: Counter,
    undecided: Counter,
    duration: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReviewLabels {
    endpoint: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: &'static str,
}

impl ReviewMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let reviews: Family<ReviewLabels, Counter> = register(
            registry,
            "reviews",
            "Reviews that were answered with a verdict, by endpoint and outcome",
        );
        let durations: Family<EndpointLabels, Histogram, fn() -> Histogram> = register_as(
            registry,
            "review_duration_seconds",
            "Time from a request's headers to its verdict",
            Family::new_with_constructor(|| Histogram::new(DURATIONS)),
        );
        let counter =
            |endpoint, outcome| reviews.get_or_create_owned(&ReviewLabels { endpoint, outcome });
        let endpoints = Endpoint::ALL
            .map(Endpoint::as_str)
            .map(|endpoint| EndpointMetrics {
                allowed: counter(endpoint, "allowed"),
                denied: counter(endpoint, "denied"),
                undecided: counter(endpoint, "undecided"),
                duration: durations.get_or_create_owned(&EndpointLabels { endpoint }),
            });
        Self {
            endpoints,
            violations: ViolationMetrics::new(registry),
            in_flight: register(
                registry,
                "requests_in_flight",
                "Requests whose headers were read and that are not answered yet",
            ),
            panics: register(
                registry,
                "panics",
                "Reviews in which the policy or the response panicked; each was denied",
            ),
            timeouts: register(
                registry,
                "review_timeouts",
                "Reviews that were not decided within --review-timeout; each was denied",
            ),
            overdue: register(
                registry,
                "reviews_overdue",
                "Reviews that were answered as not decided in time, and whose threads have not come back",
            ),
        }
    }

    /// Counts a review. `verdict` is `None` where none was reached.
    pub(crate) fn decided(
        &self,
        endpoint: Endpoint,
        verdict: Option<&Verdict>,
        duration: Duration,
    ) {
        let metrics = &self.endpoints[endpoint as usize];
        metrics.duration.observe(duration.as_secs_f64());
        let Some(verdict) = verdict else {
            metrics.undecided.inc();
            return;
        };
        if verdict.is_allowed() {
            &metrics.allowed
        } else {
            &metrics.denied
        }
        .inc();
        self.violations.count(verdict);
    }
}
