//! What a policy is compiled for.

use crate::kubernetes_version::KubernetesVersion;

/// How a policy is compiled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub(crate) kubernetes: KubernetesVersion,
    pub(crate) is_static: bool,
    pub(crate) is_partial: bool,
}

impl Options {
    /// For Kubernetes 1.30 and later, as objects of the API, all of the policy or nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the oldest version of Kubernetes that is to read the policy.
    #[must_use]
    pub fn for_kubernetes(mut self, version: KubernetesVersion) -> Self {
        self.kubernetes = version;
        self
    }

    /// Makes manifests that the API server reads from a folder: their names end as it wants.
    #[must_use]
    pub fn as_static_manifests(mut self) -> Self {
        self.is_static = true;
        self
    }

    /// Leaves out what can't be said, and says what that is.
    #[must_use]
    pub fn partially(mut self) -> Self {
        self.is_partial = true;
        self
    }
}
