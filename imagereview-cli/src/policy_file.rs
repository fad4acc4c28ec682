//! `--policy`: the policy that images are judged by.

use std::{fs, io, path::PathBuf};

use imagereview_core::{
    ImagePolicy, NoLatestTag, Policy, PolicyErrors, PolicySource, workload::WorkloadKinds,
};

use crate::{
    input::{FilesError, Source, inputs},
    project::Project,
};

/// The policy that images are judged by.
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    /// A policy document, or a folder of them; may be repeated, and then all must be kept
    ///
    /// Without any, no image may have the tag latest or none, unless it has a digest.
    #[arg(
        long = "policy",
        short = 'p',
        value_name = "FILE",
        env = "IMAGEREVIEW_POLICY",
        value_delimiter = ','
    )]
    files: Vec<PathBuf>,
}

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyFileError {
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("can't read {}: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
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
        let files = if self.files.is_empty() {
            &project.policy
        } else {
            &self.files
        };
        if files.is_empty() {
            return Ok(LoadedPolicy::Builtin(NoLatestTag));
        }
        Ok(LoadedPolicy::Documents(compile(files)?))
    }
}

/// Compiles documents, and all that folders hold, to one policy.
pub(crate) fn compile(files: &[PathBuf]) -> Result<ImagePolicy, PolicyFileError> {
    let mut texts = Vec::new();
    for input in files.iter().flat_map(|file| inputs(file.as_os_str(), &[])) {
        let input = input?;
        let name = input.source.to_string();
        let text = match &input.source {
            Source::Stdin => io::read_to_string(io::stdin()),
            Source::File(path) => fs::read_to_string(path),
        };
        match text {
            Ok(text) => texts.push((name, text)),
            Err(cause) => {
                let path = name.into();
                return Err(PolicyFileError::Read { path, cause });
            }
        }
    }
    let sources = texts
        .iter()
        .map(|(name, text)| PolicySource::new(name, text));
    Ok(ImagePolicy::compile(sources)?)
}
