//! What holds for a whole run: how much was reviewed, what was not, and what rules and exemptions did.

use std::{cmp::Reverse, collections::BTreeMap};

use imagereview_core::Mode;

use super::{
    reviewed::{ReviewedFile, UsedExemption},
    summary::{Count, Summary},
    unreviewed::Unreviewed,
};
use crate::terminal::print_diagnostic;

/// What holds for a whole run.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) summary: Summary,
    pub(crate) unreviewed: Unreviewed,
    pub(crate) rules: BTreeMap<String, RuleCount>,
    /// How often each exemption was used, by its name, the rule and its reason.
    pub(crate) exemptions: BTreeMap<UsedExemption, usize>,
}

/// How often a rule failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RuleCount {
    pub(crate) denied: usize,
    pub(crate) warned: usize,
    pub(crate) audited: usize,
    /// How often an exemption covered it.
    pub(crate) exempted: usize,
}

impl RuleCount {
    fn all(self) -> usize {
        self.denied + self.warned + self.audited + self.exempted
    }
}

impl Run {
    /// Reports on standard error how often each rule failed, and each exemption was used.
    pub(crate) fn print_statistics(&self) {
        let mut rules: Vec<(&String, &RuleCount)> = self.rules.iter().collect();
        rules.sort_by_key(|(_, count)| Reverse(count.all()));
        for (rule, count) in rules {
            let RuleCount {
                denied,
                warned,
                audited,
                exempted,
            } = count;
            print_diagnostic(format_args!(
                "{rule}: {denied} denied, {warned} with a warning, {audited} audited, {exempted} exempted"
            ));
        }
        for (used, count) in &self.exemptions {
            let UsedExemption {
                exemption,
                rule,
                reason,
            } = used;
            let times = Count(*count, "time");
            print_diagnostic(format_args!(
                "exemption {exemption} ({rule}): used {times}; {reason}"
            ));
        }
    }

    /// Counts a file too.
    pub(crate) fn add(&mut self, file: &ReviewedFile) {
        self.summary.not_reviewed += self.unreviewed.add(file);
        self.summary.add(file);
        for image in file.documents.iter().flat_map(|document| &document.images) {
            for violation in &image.violations {
                let count = self.rules.entry(violation.rule().to_owned()).or_default();
                match violation.mode() {
                    Mode::Enforce => count.denied += 1,
                    Mode::Warn => count.warned += 1,
                    Mode::Audit => count.audited += 1,
                }
            }
            for used in &image.exempted {
                self.rules.entry(used.rule.clone()).or_default().exempted += 1;
                *self.exemptions.entry(used.clone()).or_default() += 1;
            }
        }
    }
}
