//! `--policy`.

use std::path::{Path, PathBuf};

use clap::ValueHint;
use imagereview_core::NoLatestTag;
use imagereview_files::PathList;
pub(super) use imagereview_files::VARIABLE;

use crate::{
    policy_file::{LoadedPolicy, PolicyFileError, compile},
    project::Project,
    terminal::print_diagnostic,
};

/// The policy that images are judged by.
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    /// Policy file or directory; repeat to require several
    ///
    /// - is standard input. The variable takes several paths, separated by colons.
    ///
    /// Default: deny the tag latest and missing tags; a digest always passes.
    #[arg(
        long = "policy",
        short = 'p',
        value_name = "FILE",
        env = VARIABLE,
        value_hint = ValueHint::AnyPath
    )]
    files: Vec<PathList>,
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
        Ok(LoadedPolicy::Documents(Box::new(compile(&files)?)))
    }
}

/// The paths of a value with commas between them, as they were written before colons were. Nothing
/// that exists by its whole name is split.
fn split_at_commas(path: &Path) -> Vec<PathBuf> {
    let parts = path.to_str().into_iter().flat_map(|text| text.split(','));
    let parts: Vec<PathBuf> = parts.map(PathBuf::from).collect();
    if parts.len() < 2 || path.exists() || !parts.iter().all(|part| part.exists()) {
        return vec![path.to_owned()];
    }
    print_diagnostic(format_args!(
        "{} names {} policies with commas between them; separate paths with colons in {VARIABLE}, or repeat --policy",
        path.display(),
        parts.len()
    ));
    parts
}
