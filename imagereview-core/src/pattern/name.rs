//! Patterns over names without parts: namespaces, and the values of annotations.

use globset::Glob;

use super::{PatternError, Reading, checked_len, glob_error, globs::Globs, stray_character};

/// A glob over a whole name, in which `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePattern(Box<str>);

impl NamePattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError("the pattern is empty".into()));
        }
        glob(text)?;
        Ok(Self(text.into()))
    }

    /// A Kubernetes namespace: lower-case letters, digits and dashes, and what a glob adds.
    pub(crate) fn parse_namespace(text: &str) -> Result<Self, PatternError> {
        let in_namespace = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(what) = stray_character(text, in_namespace) {
            return Err(PatternError(format!(
                "{text:?} matches no namespace: {what} (lower-case letters, digits and dashes do)"
            )));
        }
        Self::parse(text)
    }
}

/// A name has no parts, so `*` stands for `/` too: the value of an annotation may be a URL.
fn glob(text: &str) -> Result<Glob, PatternError> {
    checked_len(text)?;
    globset::GlobBuilder::new(text)
        .literal_separator(false)
        .backslash_escape(false)
        .build()
        .map_err(|error| glob_error(text, &error))
}

/// Names, matched all at once.
#[derive(Clone, Debug)]
pub(crate) struct NameSet(Globs);

impl NameSet {
    pub(crate) fn new(patterns: &[NamePattern]) -> Result<Self, PatternError> {
        let read = |(index, pattern): (usize, &NamePattern)| Ok((glob(&pattern.0)?, index));
        let globs: Result<Vec<_>, PatternError> = patterns.iter().enumerate().map(read).collect();
        Globs::new(globs?, Reading::Strict).map(Self)
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.find(name).is_some()
    }
}
