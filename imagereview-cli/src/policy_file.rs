//! Loads the policy that images are judged by.

use std::path::PathBuf;

use imagereview_core::{ImagePolicy, NoLatestTag, Policy, PolicyErrors, workload::WorkloadKinds};
use imagereview_files::{PolicyPaths, PolicyTexts};

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyFileError {
    #[error(transparent)]
    Files(#[from] imagereview_files::PolicyFileError),
    #[error("{0}")]
    Policy(#[from] PolicyErrors),
    /// Signatures can't be verified with what a document names.
    #[error("{0}")]
    Trust(String),
}

/// The policy of a run.
#[derive(Debug)]
pub(crate) enum LoadedPolicy {
    /// No document was named.
    Builtin(NoLatestTag),
    Documents(Box<ImagePolicy>),
}

impl LoadedPolicy {
    pub(crate) fn as_policy(&self) -> &(dyn Policy + Sync) {
        match self {
            Self::Builtin(policy) => policy,
            Self::Documents(policy) => &**policy,
        }
    }

    /// The name of the policy, with its hash where it has one.
    pub(crate) fn identity(&self) -> &str {
        match self {
            Self::Builtin(_) => NoLatestTag::RULE,
            Self::Documents(policy) => policy.identity(),
        }
    }

    /// The compiled documents, if any were named.
    pub(crate) fn documents(&self) -> Option<&ImagePolicy> {
        match self {
            Self::Builtin(_) => None,
            Self::Documents(policy) => Some(policy),
        }
    }

    /// Whether a review may need facts.
    pub(crate) fn uses_facts(&self) -> bool {
        self.documents().is_some_and(ImagePolicy::uses_facts)
    }

    /// The kinds of objects in which images are looked for.
    pub(crate) fn kinds(&self) -> &WorkloadKinds {
        match self {
            Self::Builtin(_) => WorkloadKinds::builtin(),
            Self::Documents(policy) => policy.kinds(),
        }
    }
}

/// Compiles documents, and those that folders hold, to one policy.
pub(crate) fn compile(paths: &[PathBuf]) -> Result<ImagePolicy, PolicyFileError> {
    usable(read(paths)?.compile()?)
}

/// Reads documents, and those that folders hold.
pub(crate) fn read(paths: &[PathBuf]) -> Result<PolicyTexts, PolicyFileError> {
    Ok(PolicyPaths::open(paths)?.read()?)
}

/// The policy, if signatures can be verified with all that it names.
pub(crate) fn usable(policy: ImagePolicy) -> Result<ImagePolicy, PolicyFileError> {
    match imagereview_registry::unusable(policy.trusts()) {
        None => Ok(policy),
        Some(why) => Err(PolicyFileError::Trust(why)),
    }
}
