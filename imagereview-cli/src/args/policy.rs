//! `--policy`.

use std::path::PathBuf;

use imagereview_core::NoLatestTag;

use crate::{
    policy_file::{LoadedPolicy, PolicyFileError, compile},
    project::Project,
};

/// The variable of the environment that names policies, between commas.
pub(super) const VARIABLE: &str = "IMAGEREVIEW_POLICY";

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
        env = VARIABLE,
        value_delimiter = ','
    )]
    files: Vec<PathBuf>,
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
