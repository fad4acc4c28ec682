//! Violations, by rule.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use imagereview_core::Verdict;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::register::register;

/// How many rules have a label of their own. The rules of a policy are few; those beyond this number,
/// over all policies that were served, are counted as one.
const MAX_RULES: usize = 500;

/// The label of the rules beyond that.
const OTHER_RULES: &str = "other";

#[derive(Debug)]
pub(super) struct ViolationMetrics {
    violations: Family<ViolationLabels, Counter>,
    rules: Mutex<HashSet<Box<str>>>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ViolationLabels {
    rule: String,
    mode: &'static str,
}

impl ViolationMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            violations: register(
                registry,
                "violations",
                "Images that failed a rule, by rule and by mode",
            ),
            rules: Mutex::default(),
        }
    }

    pub(super) fn count(&self, verdict: &Verdict) {
        for violation in verdict.violations() {
            self.add(violation.rule(), violation.mode().as_str(), 1);
        }
        for (rule, mode, count) in verdict.omitted() {
            self.add(rule, mode.as_str(), count);
        }
        for exempted in verdict.exempted() {
            self.add(exempted.violation().rule(), "exempt", 1);
        }
        for (rule, count) in verdict.omitted_exempted() {
            self.add(rule, "exempt", count);
        }
    }

    fn add(&self, rule: &str, mode: &'static str, count: usize) {
        let rule = self.rule_label(rule).to_owned();
        self.violations
            .get_or_create(&ViolationLabels { rule, mode })
            .inc_by(count as u64);
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
}
