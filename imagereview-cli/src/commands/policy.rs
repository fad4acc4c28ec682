//! `imagereview policy`: what policy authors need.

mod diff;
mod schema;
mod test;
mod validate;

use std::io::Write;

use clap::Subcommand;

use super::error::CliError;
use crate::{exit_status::ExitStatus, project::Project};

/// Validate, test and compare policies
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyCommand {
    #[command(subcommand)]
    command: PolicySubcommand,
}

#[derive(Debug, Subcommand)]
enum PolicySubcommand {
    Validate(validate::ValidateArgs),
    Test(test::TestArgs),
    Diff(diff::DiffArgs),
    Schema(schema::SchemaArgs),
}

pub(crate) fn run(
    command: &PolicyCommand,
    project: &Project,
    out: &mut dyn Write,
) -> Result<ExitStatus, CliError> {
    match &command.command {
        PolicySubcommand::Validate(args) => validate::run(args, out),
        PolicySubcommand::Test(args) => test::run(args, out),
        PolicySubcommand::Diff(args) => diff::run(args, project, out),
        PolicySubcommand::Schema(_) => schema::run(out),
    }
}
