//! How a pattern is read, and why a text is none.

/// How a pattern is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A match allows: exactly what is written.
    #[default]
    Strict,
    /// A match denies: letters match without regard to case, and a host without a port matches
    /// every port.
    Wide,
}

/// The text is no pattern, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct PatternError(pub(crate) String);
