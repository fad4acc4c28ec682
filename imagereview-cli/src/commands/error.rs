//! Why a command could not do what it was asked for.

use std::{io, path::PathBuf};

use super::{init::InitError, resolve::ResolveError};
use crate::{
    args::NoInput, baseline::BaselineError, facts::FactsError, format::ReportsError,
    output::WriteError, policy_file::PolicyFileError, project::ProjectError,
};

/// Why a command could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Reports(#[from] ReportsError),
    #[error(transparent)]
    Input(#[from] NoInput),
    #[error(transparent)]
    Policy(#[from] PolicyFileError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    #[error(transparent)]
    Facts(#[from] FactsError),
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(
        "name who must have signed: --key FILE, or --identity with --issuer and --trusted-root, or --policy FILE"
    )]
    NothingToVerifyWith,
    #[error("{}: can't read it: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
}

/// An error of writing to standard output.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Write(error.into())
    }
}

impl CliError {
    /// Whether whoever read standard output went away.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let (Self::Write(error) | Self::Resolve(ResolveError::Write(error))) = self else {
            return false;
        };
        matches!(error, WriteError::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
