//! Violations of which the first are kept, and the others counted.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap, sync::Arc};

use super::{mode::Mode, violation::Violation};
use crate::limits::VIOLATIONS_LIMIT;

/// What is kept or counted.
pub(crate) trait Ranked {
    fn rank(&self) -> Rank;

    fn label(&self) -> Label;
}

/// A violation, or one with the exemption that covers it.
pub(crate) trait Finding: Ranked {
    fn violation(&self) -> &Violation;

    fn violation_mut(&mut self) -> &mut Violation;
}

impl Finding for Violation {
    fn violation(&self) -> &Violation {
        self
    }

    fn violation_mut(&mut self) -> &mut Violation {
        self
    }
}

impl Ranked for Violation {
    fn rank(&self) -> Rank {
        Rank::new(self.mode(), self.is_unchanged(), self.subject().position())
    }

    fn label(&self) -> Label {
        Label {
            rule: self.shared_rule(),
            exemption: None,
        }
    }
}

/// What the findings that are not kept are counted by. There are as many as the policy has rules and
/// exemptions, whatever the review.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label {
    pub(crate) rule: Cow<'static, str>,
    /// The name and the reason of the exemption.
    pub(crate) exemption: Option<(Arc<str>, Arc<str>)>,
}

/// Which findings are kept first: those that deny, of them those that no later cap makes weaker, and
/// of them those of the first images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    mode: Reverse<Mode>,
    is_unchanged: bool,
    position: Option<usize>,
}

impl Rank {
    pub(crate) fn new(mode: Mode, is_unchanged: bool, position: Option<usize>) -> Self {
        Self {
            mode: Reverse(mode),
            is_unchanged,
            position,
        }
    }
}

/// Findings. As many as the limit are kept, those of the [first rank](Rank).
#[derive(Clone, Debug)]
pub(crate) struct Capped<T> {
    limit: usize,
    kept: Vec<T>,
    /// Most reviews have none of this, and a verdict is moved several times.
    beyond: Option<Box<Beyond>>,
}

/// What is beyond the limit.
#[derive(Clone, Debug, Default)]
struct Beyond {
    /// The rank from which on no more are kept.
    full_from: Option<Rank>,
    omitted: BTreeMap<Label, Counts>,
}

/// How many, by mode. A cap of unchanged images changes the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    unchanged: [usize; Mode::ALL.len()],
    others: [usize; Mode::ALL.len()],
}

impl Counts {
    fn cap(counts: &mut [usize; Mode::ALL.len()], mode: Mode) {
        let stronger = mode as usize + 1;
        let sum: usize = counts[stronger..].iter().sum();
        counts[stronger..].fill(0);
        counts[mode as usize] += sum;
    }
}

impl<T> Default for Capped<T> {
    fn default() -> Self {
        Self {
            limit: VIOLATIONS_LIMIT,
            kept: Vec::new(),
            beyond: None,
        }
    }
}

/// How it came to what it holds is no part of it.
impl<T: PartialEq> PartialEq for Capped<T> {
    fn eq(&self, other: &Self) -> bool {
        self.kept == other.kept && self.counts().eq(other.counts())
    }
}

impl<T: Eq> Eq for Capped<T> {}

impl<T> Capped<T> {
    /// None yet, of which as many as this are kept.
    #[cfg(feature = "document")]
    pub(crate) fn keeping(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// The same with others in the place of those that are kept, of the same rank.
    #[cfg(feature = "document")]
    pub(crate) fn map<U>(self, map: impl FnMut(T) -> U) -> Capped<U> {
        Capped {
            limit: self.limit,
            kept: self.kept.into_iter().map(map).collect(),
            beyond: self.beyond,
        }
    }

    /// Keeps at least as many as this.
    pub(super) fn keep(&mut self, limit: usize) {
        self.limit = self.limit.max(limit);
    }

    /// Whether a finding of this rank would be kept. One that would not need not be made: it is
    /// [counted](Self::omit).
    pub(super) fn keeps(&self, rank: Rank) -> bool {
        let full_from = self.beyond.as_ref().and_then(|beyond| beyond.full_from);
        full_from.is_none_or(|full| rank < full)
    }

    /// Counts one that is not kept.
    pub(super) fn omit(&mut self, label: Label, rank: Rank) {
        let Rank {
            mode: Reverse(mode),
            is_unchanged,
            ..
        } = rank;
        let omitted = &mut self.beyond.get_or_insert_default().omitted;
        let counts = omitted.entry(label).or_default();
        let counts = if is_unchanged {
            &mut counts.unchanged
        } else {
            &mut counts.others
        };
        counts[mode as usize] += 1;
    }

    pub(super) fn kept(&self) -> &[T] {
        &self.kept
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many are not kept, by label and mode.
    pub(super) fn omitted(&self) -> impl Iterator<Item = (&Label, Mode, usize)> {
        self.counts().flat_map(|(label, counts)| {
            let count = |mode: Mode| counts.unchanged[mode as usize] + counts.others[mode as usize];
            let counts = Mode::ALL.map(|mode| (label, mode, count(mode)));
            counts.into_iter().filter(|(.., count)| *count > 0)
        })
    }

    fn counts(&self) -> impl Iterator<Item = (&Label, &Counts)> {
        let beyond = self.beyond.iter();
        beyond.flat_map(|beyond| &beyond.omitted)
    }

    fn has_omitted_unchanged(&self) -> bool {
        self.counts()
            .any(|(_, counts)| counts.unchanged.iter().any(|count| *count > 0))
    }
}

impl<T: Ranked> Capped<T> {
    pub(crate) fn push(&mut self, finding: T) {
        let rank = finding.rank();
        if !self.keeps(rank) {
            self.omit(finding.label(), rank);
            return;
        }
        self.kept.push(finding);
        // Seldom, so that finding out which to keep costs little for each.
        if self.kept.len() >= self.limit.saturating_mul(2) {
            self.settle();
        }
    }

    /// Counts what is beyond the limit and no longer keeps it. What stays is in the order in which it
    /// came.
    pub(crate) fn settle(&mut self) {
        if self.kept.len() <= self.limit {
            return;
        }
        let findings = self.kept.iter().enumerate();
        let mut ranks: Vec<(Rank, usize)> = findings
            .map(|(index, finding)| (finding.rank(), index))
            .collect();
        let (_, last, _) = ranks.select_nth_unstable(self.limit - 1);
        let last = *last;
        let kept = Vec::with_capacity(2 * self.limit);
        let all = std::mem::replace(&mut self.kept, kept);
        for (index, finding) in all.into_iter().enumerate() {
            let rank = finding.rank();
            if (rank, index) <= last {
                self.kept.push(finding);
            } else {
                self.omit(finding.label(), rank);
            }
        }
        self.beyond.get_or_insert_default().full_from = Some(last.0);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.keep(other.limit);
        for finding in other.kept {
            self.push(finding);
        }
        for (label, counts) in other.beyond.into_iter().flat_map(|beyond| beyond.omitted) {
            let omitted = &mut self.beyond.get_or_insert_default().omitted;
            let mine = omitted.entry(label).or_default();
            for (mine, count) in mine.unchanged.iter_mut().zip(counts.unchanged) {
                *mine += count;
            }
            for (mine, count) in mine.others.iter_mut().zip(counts.others) {
                *mine += count;
            }
        }
        self.settle();
    }
}

impl<T: Finding> Capped<T> {
    /// Puts what is kept in the order of the images; those of one image stay as they came.
    pub(super) fn sort(&mut self) {
        self.settle();
        self.kept
            .sort_by_key(|finding| finding.violation().subject().position());
    }

    pub(super) fn has_unchanged(&self) -> bool {
        let mut kept = self.kept.iter();
        kept.any(|finding| finding.violation().is_unchanged()) || self.has_omitted_unchanged()
    }

    /// Caps all of them at a mode, or those of unchanged images only.
    pub(super) fn cap(&mut self, mode: Mode, unchanged_only: bool) {
        for finding in &mut self.kept {
            let violation = finding.violation_mut();
            if violation.is_unchanged() || !unchanged_only {
                violation.cap(mode);
            }
        }
        let Some(beyond) = &mut self.beyond else {
            return;
        };
        for counts in beyond.omitted.values_mut() {
            Counts::cap(&mut counts.unchanged, mode);
            if !unchanged_only {
                Counts::cap(&mut counts.others, mode);
            }
        }
        // Ranks are others now; the next that are too many show which.
        beyond.full_from = None;
    }
}
