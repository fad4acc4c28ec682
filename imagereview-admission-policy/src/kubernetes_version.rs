//! The version of Kubernetes that a policy is compiled for.

use std::{fmt, str::FromStr};

/// A version of Kubernetes: the oldest API server that is to read the policy. Later ones read it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KubernetesVersion {
    minor: u32,
}

impl KubernetesVersion {
    /// The first version with `ValidatingAdmissionPolicy` in `admissionregistration.k8s.io/v1`.
    pub const OLDEST: Self = Self { minor: 30 };

    /// Whether lists of lists can be joined (`flatten` of the list library).
    pub(crate) fn has_flatten(self) -> bool {
        self.minor >= 34
    }
}

impl Default for KubernetesVersion {
    fn default() -> Self {
        Self::OLDEST
    }
}

/// A text is no version of Kubernetes that a policy can be compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a version of Kubernetes from 1.30 on, such as 1.34; older ones have no ValidatingAdmissionPolicy in v1"
)]
pub struct KubernetesVersionError(());

impl FromStr for KubernetesVersion {
    type Err = KubernetesVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (major, minor) = text.split_once('.').ok_or(KubernetesVersionError(()))?;
        // A patch release is of its minor one.
        let minor = minor.split('.').next().unwrap_or_default();
        let version = Self {
            minor: minor.parse().map_err(|_| KubernetesVersionError(()))?,
        };
        if major != "1" || version < Self::OLDEST {
            return Err(KubernetesVersionError(()));
        }
        Ok(version)
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}
