//! Patterns over names without parts: namespaces, and the values of annotations.

use globset::GlobSet;

use super::{PatternError, Reading, glob, glob_set};

/// A glob over a whole name, in which `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePattern(Box<str>);

impl NamePattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError("the pattern is empty".into()));
        }
        glob(text, Reading::Strict)?;
        Ok(Self(text.into()))
    }

    /// A Kubernetes namespace: lower-case letters, digits and dashes, and what a glob adds.
    pub(crate) fn parse_namespace(text: &str) -> Result<Self, PatternError> {
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-*?[]{},!".contains(c);
        if let Some(c) = text.chars().find(|c| !allowed(*c)) {
            return Err(PatternError(format!(
                "{text:?} matches no namespace: {c:?} never stands in one (lower-case letters, digits \
                 and dashes do)"
            )));
        }
        Self::parse(text)
    }
}

/// Names, matched all at once.
#[derive(Clone, Debug)]
pub(crate) struct NameSet(GlobSet);

impl NameSet {
    pub(crate) fn new(patterns: &[NamePattern]) -> Result<Self, PatternError> {
        let globs: Result<Vec<_>, _> = patterns
            .iter()
            .map(|pattern| glob(&pattern.0, Reading::Strict))
            .collect();
        glob_set(globs?).map(Self)
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}
