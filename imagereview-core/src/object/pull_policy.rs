//! When the node pulls.

use std::fmt;

/// When the node pulls an image.
///
/// Source: `PullPolicy` of `k8s.io/api/core/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PullPolicy {
    /// Whenever a container starts.
    Always,
    /// If it does not hold the image.
    IfNotPresent,
    /// Never: the image must be there.
    Never,
}

impl PullPolicy {
    /// The name in a manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

impl fmt::Display for PullPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
