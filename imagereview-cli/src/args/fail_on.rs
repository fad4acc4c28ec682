//! `--fail-on`.

use crate::{engine::FailOn, project::Project};

/// What makes the status 1.
#[derive(Debug, clap::Args)]
pub(crate) struct FailOnArgs {
    /// Exit with status 1 on findings of this mode or a graver one; default: deny
    #[arg(long, value_name = "MODE")]
    fail_on: Option<FailOn>,
}

impl FailOnArgs {
    /// What is asked for, or else the project's.
    pub(crate) fn fail_on(&self, project: &Project) -> FailOn {
        self.fail_on.or(project.fail_on).unwrap_or_default()
    }
}
