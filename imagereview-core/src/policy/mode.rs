//! How much a violation counts for.

use std::fmt;

/// How much a violation counts for. Ordered by strength: `Audit < Warn < Enforce`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// The images may run; the violation is recorded.
    Audit,
    /// The images may run; whoever asks is warned, and the violation is recorded.
    Warn,
    /// The images may not run.
    #[default]
    Enforce,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audit => "audit",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        })
    }
}
