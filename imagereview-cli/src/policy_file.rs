//! `--policy`: the policy that images are judged by.

use std::path::{Path, PathBuf};

use clap::ValueHint;
use imagereview_core::{ImagePolicy, NoLatestTag, Policy, PolicyErrors, workload::WorkloadKinds};
pub(crate) use imagereview_files::VARIABLE;
use imagereview_files::{PathList, PolicyPaths};

use crate::{output::report, project::Project};

/// The policy that images are judged by.
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    /// A policy document, or a folder of them; may be repeated, and then all must be kept
    ///
    /// In the variable, paths are separated by colons. - is standard input.
    ///
    /// Without any, no image may have the tag latest or none, unless it has a digest.
    #[arg(
        long = "policy",
        short = 'p',
        value_name = "FILE",
        env = VARIABLE,
        value_hint = ValueHint::AnyPath
    )]
    files: Vec<PathList>,
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyFileError {
    #[error(transparent)]
    Files(#[from] imagereview_files::PolicyFileError),
    #[error("{0}")]
    Policy(#[from] PolicyErrors),
}

/// The policy of a run.
#[derive(Debug)]
pub(crate) enum LoadedPolicy {
    /// No document was named.
    Builtin(NoLatestTag),
    Documents(ImagePolicy),
}

impl LoadedPolicy {
    pub(crate) fn as_policy(&self) -> &(dyn Policy + Sync) {
        match self {
            Self::Builtin(policy) => policy,
            Self::Documents(policy) => policy,
        }
    }

    /// The kinds of objects in which images are looked for.
    pub(crate) fn kinds(&self) -> &WorkloadKinds {
        match self {
            Self::Builtin(_) => WorkloadKinds::builtin(),
            Self::Documents(policy) => policy.kinds(),
        }
    }
}

impl PolicyArgs {
    /// The policy that is asked for, or else the project's, or else the built-in one.
    pub(crate) fn load(&self, project: &Project) -> Result<LoadedPolicy, PolicyFileError> {
        let named = self.files.iter().flat_map(PathList::paths);
        let mut files: Vec<PathBuf> = named.flat_map(split_at_commas).collect();
        if files.is_empty() {
            files.clone_from(&project.policy);
        }
        if files.is_empty() {
            return Ok(LoadedPolicy::Builtin(NoLatestTag));
        }
        Ok(LoadedPolicy::Documents(compile(&files)?))
    }
}

/// Compiles documents, and those that folders hold, to one policy.
pub(crate) fn compile(paths: &[PathBuf]) -> Result<ImagePolicy, PolicyFileError> {
    Ok(PolicyPaths::open(paths)?.read()?.compile()?)
}

/// The paths of a value with commas between them, as they were written before colons were. Nothing
/// that exists by its whole name is split.
fn split_at_commas(path: &Path) -> Vec<PathBuf> {
    let parts = path.to_str().into_iter().flat_map(|text| text.split(','));
    let parts: Vec<PathBuf> = parts.map(PathBuf::from).collect();
    if parts.len() < 2 || path.exists() || !parts.iter().all(|part| part.exists()) {
        return vec![path.to_owned()];
    }
    report(format_args!(
        "{} names {} policies with commas between them; separate paths with colons in {VARIABLE}, or repeat --policy",
        path.display(),
        parts.len()
    ));
    parts
}
