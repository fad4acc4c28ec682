//! `imagereview policy`: what policy authors need.

mod diff;
mod schema;
mod test;
mod validate;

use std::io::Write;

use clap::Subcommand;

use crate::{error::CliError, outcome::Outcome, project::Project};

/// Validate, test and compare policies
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::ValidateArgs),
    Test(test::TestArgs),
    Diff(diff::DiffArgs),
    Schema(schema::SchemaArgs),
}

pub(crate) fn run(
    command: &PolicyCommand,
    project: &Project,
    out: &mut dyn Write,
) -> Result<Outcome, CliError> {
    match &command.command {
        Command::Validate(args) => validate::run(args, out),
        Command::Test(args) => test::run(args, out),
        Command::Diff(args) => diff::run(args, project, out),
        Command::Schema(_) => schema::run(out),
    }
}
