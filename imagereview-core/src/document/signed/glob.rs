//! One glob over one value.

use std::{collections::BTreeMap, fmt};

use crate::{
    document::{
        problem::{Position, Problems},
        scope::Recorded,
    },
    pattern::{MAX_VALUE_LEN, NamePattern, NameSet},
    quote::Escaped,
};

/// A glob over the whole of a value.
#[derive(Debug)]
pub(super) struct Glob {
    pattern: NamePattern,
    set: NameSet,
}

/// The most characters of a glob that are shown.
const MAX_SHOWN_CHARS: usize = 160;

impl Glob {
    pub(super) fn compile(
        pattern: NamePattern,
        position: Position,
        problems: &mut Problems,
    ) -> Option<Self> {
        let set = problems.recorded(NameSet::new(std::slice::from_ref(&pattern)), position)?;
        Some(Self { pattern, set })
    }

    pub(super) fn optional(
        pattern: Option<NamePattern>,
        position: Position,
        problems: &mut Problems,
    ) -> Result<Option<Self>, Recorded> {
        let glob =
            pattern.map(|pattern| Self::compile(pattern, position, problems).ok_or(Recorded));
        glob.transpose()
    }

    pub(super) fn all(
        patterns: Vec<NamePattern>,
        position: Position,
        problems: &mut Problems,
    ) -> Option<Vec<Self>> {
        let globs = patterns
            .into_iter()
            .map(|pattern| Self::compile(pattern, position, problems));
        globs.collect()
    }

    /// Names, each with the glob for its value.
    pub(super) fn entries<K: AsRef<str>>(
        entries: BTreeMap<K, NamePattern>,
        position: Position,
        problems: &mut Problems,
    ) -> Option<Vec<(Box<str>, Self)>> {
        let entries = entries.into_iter().map(|(name, pattern)| {
            let glob = Self::compile(pattern, position, problems)?;
            Some((name.as_ref().into(), glob))
        });
        entries.collect()
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        value.len() <= MAX_VALUE_LEN && self.set.matches(value)
    }

    pub(super) fn as_str(&self) -> &str {
        self.pattern.as_str()
    }

    /// Whether it matches whatever there is.
    pub(super) fn is_any(&self) -> bool {
        self.as_str().chars().all(|c| matches!(c, '*' | '?'))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.as_str(), MAX_SHOWN_CHARS).fmt(f)
    }
}
