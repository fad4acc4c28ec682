//! What registries are asked for, and how often they need not be.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use imagereview_registry::{Asked, Lookup, Observer};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use super::register::{register, register_as};

/// How many registries that the registries file does not list have a label of their own. Whoever names
/// images chooses them.
const MAX_UNLISTED: usize = 50;

/// The label of the registries beyond that.
const OTHER_REGISTRIES: &str = "other";

/// Upper bounds of the histogram's buckets, in seconds: from a registry beside the webhook to the end of a
/// fetch that nobody waits for any more.
const DURATIONS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0,
];

#[derive(Debug)]
pub(crate) struct RegistryMetrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<RegistryLabels, Histogram>,
    lookups: Family<LookupLabels, Counter>,
    unlisted: Mutex<HashSet<Box<str>>>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    registry: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RegistryLabels {
    registry: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LookupLabels {
    result: &'static str,
}

impl RegistryMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let lookups: Family<LookupLabels, Counter> = register(
            registry,
            "facts_lookups",
            "Images that were looked for in the cache of facts, by what came of it",
        );
        for lookup in Lookup::ALL {
            drop(lookups.get_or_create(&LookupLabels {
                result: lookup.as_str(),
            }));
        }
        let histogram: fn() -> Histogram = || Histogram::new(DURATIONS);
        Self {
            requests: register(
                registry,
                "registry_requests",
                "Tags, manifests and configurations that registries were asked for, by what came of it",
            ),
            durations: register_as(
                registry,
                "registry_request_duration_seconds",
                "Time from asking a registry for one of them to its answer",
                Family::new_with_constructor(histogram),
            ),
            lookups,
            unlisted: Mutex::default(),
        }
    }

    fn label(&self, asked: &Asked<'_>) -> String {
        let name = asked.registry;
        if asked.is_listed {
            return name.to_owned();
        }
        let mut unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        if !unlisted.contains(name) {
            if unlisted.len() == MAX_UNLISTED {
                return OTHER_REGISTRIES.to_owned();
            }
            unlisted.insert(name.into());
        }
        name.to_owned()
    }
}

impl Observer for RegistryMetrics {
    fn asked(&self, asked: &Asked<'_>) {
        let registry = self.label(asked);
        self.durations
            .get_or_create(&RegistryLabels {
                registry: registry.clone(),
            })
            .observe(asked.took.as_secs_f64());
        let outcome = asked.outcome.as_str();
        self.requests
            .get_or_create(&RequestLabels { registry, outcome })
            .inc();
    }

    fn looked_up(&self, lookup: Lookup) {
        let result = lookup.as_str();
        self.lookups.get_or_create(&LookupLabels { result }).inc();
    }
}
