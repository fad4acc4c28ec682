//! What is counted. `docs/metrics.md` says what each metric is for; a test holds the two together.
//!
//! Whatever a request touches is found once, at the start, so that counting is an addition and no
//! search for labels.

mod exposition;

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::{Duration, SystemTime},
};

use imagereview_core::{Mode, Verdict};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Metric, Registry},
};

pub(crate) use self::exposition::Format;
use crate::{
    config::DroppedLogLines, endpoint::Endpoint, handshake::HandshakeFailure, status::Refusal,
};

/// How many rules have a label of their own. The rules of a policy are few; what comes after so
/// many, over all policies that were served, is counted as one.
const MAX_RULES: usize = 500;

/// The label of the rules beyond that.
const OTHER_RULES: &str = "other";

/// Upper bounds of the latency histogram's buckets, in seconds: from a review that finds everything
/// in the cache to the API server's own limit of 30 seconds.
const DURATIONS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
    2.5, 10.0, 30.0,
];

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    endpoints: [EndpointMetrics; Endpoint::ALL.len()],
    refusals: Family<CauseLabels, Counter>,
    violations: Family<ViolationLabels, Counter>,
    rules: Mutex<HashSet<Box<str>>>,
    pub(crate) requests_in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) connections_accepted: Counter,
    pub(crate) connections_evicted: Counter,
    handshake_failures: [Counter; HandshakeFailure::ALL.len()],
    parts: [PartMetrics; Part::ALL.len()],
    policy: Family<PolicyLabels, Gauge>,
    certificate_expiry: Family<NoLabels, Gauge<f64, AtomicU64>>,
    client_ca_expiry: Family<NoLabels, Gauge<f64, AtomicU64>>,
    pub(crate) panics: Counter,
    pub(crate) audit_records: Counter,
    pub(crate) audit_records_dropped: Counter,
    pub(crate) audit_write_errors: Counter,
}

/// What is read again while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Policy,
    Certificate,
    ClientCa,
}

impl Part {
    /// All of them; each stands at its own index.
    pub(crate) const ALL: [Self; 3] = [Self::Policy, Self::Certificate, Self::ClientCa];

    /// The name in logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Certificate => "certificate",
            Self::ClientCa => "client_ca",
        }
    }
}

#[derive(Debug)]
struct EndpointMetrics {
    allowed: Counter,
    denied: Counter,
    undecided: Counter,
    duration: Histogram,
}

#[derive(Debug)]
struct PartMetrics {
    reloaded: Counter,
    failed: Counter,
    /// 1 where the last try was a success, 0 where it was not.
    successful: Gauge,
}

/// The label set of a metric that shows up once it has a value.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NoLabels {}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReviewLabels {
    endpoint: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CauseLabels {
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ViolationLabels {
    rule: String,
    mode: &'static str,
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

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PolicyLabels {
    identity: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

impl Metrics {
    /// With a counter of the log's dropped lines, which someone else keeps.
    // One list, in the order of the fields.
    pub(crate) fn new(dropped_log_lines: Option<DroppedLogLines>) -> Self {
        let mut registry = Registry::with_prefix("imagereview");
        let mut named = Named(&mut registry);

        let reviews: Family<ReviewLabels, Counter> = named.metric(
            "reviews",
            "Reviews that were answered with a verdict, by endpoint and outcome",
            Family::default(),
        );
        let durations: Family<EndpointLabels, Histogram, fn() -> Histogram> = named.metric(
            "review_duration_seconds",
            "Time from a request's headers to its verdict",
            Family::new_with_constructor(|| Histogram::new(DURATIONS)),
        );
        let refusals: Family<CauseLabels, Counter> = named.metric(
            "refusals",
            "Requests that were not reviewed, by cause",
            Family::default(),
        );
        let handshake_failures: Family<CauseLabels, Counter> = named.metric(
            "tls_handshake_failures",
            "Connections that did not get past the TLS handshake, by cause",
            Family::default(),
        );
        let reloads: Family<ReloadLabels, Counter> = named.metric(
            "reloads",
            "Times that a part of the configuration was read again, by result",
            Family::default(),
        );
        let successful: Family<PartLabels, Gauge> = named.metric(
            "last_reload_successful",
            "Whether what the files hold is what is served: 1, or 0 after an error",
            Family::default(),
        );
        let build: Family<BuildLabels, Gauge> = named.metric(
            "build_info",
            "The version of the program; always 1",
            Family::default(),
        );
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&BuildLabels { version }).set(1);

        let review =
            |endpoint, outcome| reviews.get_or_create_owned(&ReviewLabels { endpoint, outcome });
        for cause in Refusal::CAUSES {
            drop(refusals.get_or_create(&CauseLabels { cause }));
        }
        let reload = |part, result| reloads.get_or_create_owned(&ReloadLabels { part, result });
        if let Some(lines) = dropped_log_lines {
            named.0.register_collector(Box::new(LogCollector(lines)));
        }
        Self {
            endpoints: Endpoint::ALL.map(Endpoint::as_str).map(|endpoint| EndpointMetrics {
                allowed: review(endpoint, "allowed"),
                denied: review(endpoint, "denied"),
                undecided: review(endpoint, "undecided"),
                duration: durations.get_or_create_owned(&EndpointLabels { endpoint }),
            }),
            refusals,
            handshake_failures: HandshakeFailure::ALL
                .map(HandshakeFailure::as_str)
                .map(|cause| handshake_failures.get_or_create_owned(&CauseLabels { cause })),
            parts: Part::ALL.map(Part::as_str).map(|part| PartMetrics {
                reloaded: reload(part, "success"),
                failed: reload(part, "failure"),
                successful: successful.get_or_create_owned(&PartLabels { part }),
            }),
            violations: named.metric(
                "violations",
                "Images that broke a rule, by rule and by what that counted for",
                Family::default(),
            ),
            rules: Mutex::default(),
            requests_in_flight: named.metric(
                "requests_in_flight",
                "Requests whose headers were read and that are not answered yet",
                Gauge::default(),
            ),
            connections: named.metric(
                "connections",
                "Connections that are open, those in their handshake included",
                Gauge::default(),
            ),
            connections_accepted: named.metric(
                "connections_accepted",
                "Connections that were accepted",
                Counter::default(),
            ),
            connections_evicted: named.metric(
                "connections_evicted",
                "Connections that had not asked anything yet and were closed to make room for others",
                Counter::default(),
            ),
            policy: named.metric(
                "policy_info",
                "The policy that is served, by name and hash; always 1",
                Family::default(),
            ),
            certificate_expiry: named.metric(
                "certificate_expiry_timestamp_seconds",
                "When the first certificate of the chain that is served ends, in seconds since 1970",
                Family::default(),
            ),
            client_ca_expiry: named.metric(
                "client_ca_expiry_timestamp_seconds",
                "When the first of the client CAs ends, in seconds since 1970",
                Family::default(),
            ),
            panics: named.metric(
                "panics",
                "Reviews in which the policy or the answer panicked; each was denied",
                Counter::default(),
            ),
            audit_records: named.metric(
                "audit_records",
                "Decisions that were handed to the audit log",
                Counter::default(),
            ),
            audit_records_dropped: named.metric(
                "audit_records_dropped",
                "Decisions that are missing in the audit log because its queue was full",
                Counter::default(),
            ),
            audit_write_errors: named.metric(
                "audit_write_errors",
                "Times that the audit log could not be opened or written; what was to be written is lost",
                Counter::default(),
            ),
            registry,
        }
    }

    /// Counts a review that was answered.
    pub(crate) fn decided(
        &self,
        endpoint: Endpoint,
        verdict: Option<&Verdict>,
        duration: Duration,
    ) {
        let metrics = &self.endpoints[endpoint as usize];
        metrics.duration.observe(duration.as_secs_f64());
        match verdict {
            None => &metrics.undecided,
            Some(verdict) if verdict.is_allowed() => &metrics.allowed,
            Some(_) => &metrics.denied,
        }
        .inc();
        let Some(verdict) = verdict else { return };
        for violation in verdict.violations() {
            self.violated(violation.rule(), mode_label(violation.mode()));
        }
        for exempted in verdict.exempted() {
            self.violated(exempted.violation().rule(), "exempt");
        }
    }

    fn violated(&self, rule: &str, mode: &'static str) {
        let rule = self.rule_label(rule).to_owned();
        self.violations
            .get_or_create(&ViolationLabels { rule, mode })
            .inc();
    }

    fn rule_label<'r>(&self, rule: &'r str) -> &'r str {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if rules.contains(rule) {
            return rule;
        }
        if rules.len() == MAX_RULES {
            return OTHER_RULES;
        }
        rules.insert(rule.into());
        rule
    }

    pub(crate) fn refused(&self, refusal: &Refusal) {
        let cause = refusal.cause();
        self.refusals.get_or_create(&CauseLabels { cause }).inc();
    }

    pub(crate) fn handshake_failed(&self, failure: HandshakeFailure) {
        self.handshake_failures[failure as usize].inc();
    }

    /// Sets what was read at the start.
    pub(crate) fn loaded(&self, part: Part) {
        self.parts[part as usize].successful.set(1);
    }

    /// Counts that a part was read again.
    pub(crate) fn reloaded(&self, part: Part, success: bool) {
        let metrics = &self.parts[part as usize];
        if success {
            &metrics.reloaded
        } else {
            &metrics.failed
        }
        .inc();
        metrics.successful.set(success.into());
    }

    /// Names the policy that is served.
    pub(crate) fn serves_policy(&self, identity: &str) {
        self.policy.clear();
        let identity = identity.to_owned();
        self.policy.get_or_create(&PolicyLabels { identity }).set(1);
    }

    pub(crate) fn certificate_expires(&self, at: SystemTime) {
        self.certificate_expiry
            .get_or_create(&NoLabels {})
            .set(seconds(at));
    }

    pub(crate) fn client_ca_expires(&self, at: SystemTime) {
        self.client_ca_expiry
            .get_or_create(&NoLabels {})
            .set(seconds(at));
    }

    /// Everything as text.
    pub(crate) fn to_text(&self, format: Format) -> String {
        exposition::encode(&self.registry, format)
    }
}

fn mode_label(mode: Mode) -> &'static str {
    match mode {
        Mode::Audit => "audit",
        Mode::Warn => "warn",
        Mode::Enforce => "enforce",
    }
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Registers metrics.
struct Named<'r>(&'r mut Registry);

impl Named<'_> {
    fn metric<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }
}

/// Asks the log for its own counter when the metrics are read.
#[derive(Debug)]
struct LogCollector(DroppedLogLines);

impl Collector for LogCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counter = ConstCounter::new((self.0.0)());
        let help =
            "Lines of the log that were dropped, because writing them did not keep up or failed.";
        let metric =
            encoder.encode_descriptor("log_lines_dropped", help, None, counter.metric_type())?;
        counter.encode(metric)
    }
}

/// Decrements a gauge when it goes.
pub(crate) struct Counted<'g> {
    gauge: &'g Gauge,
    /// What the gauge showed before.
    pub(crate) before: usize,
}

impl<'g> Counted<'g> {
    pub(crate) fn new(gauge: &'g Gauge) -> Self {
        let before = usize::try_from(gauge.inc()).unwrap_or_default();
        Self { gauge, before }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
