//! `imagereview policy`: what policy authors need.

mod compile;
mod cost;
mod diff;
mod import;
mod schema;
mod test;
mod validate;

use std::io::Write;

use clap::Subcommand;

use super::{
    after_help::{Example, after_help},
    error::CliError,
};
use crate::{exit_status::ExitStatus, project::Project};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    (
        "Check a document",
        "imagereview policy validate policy.yaml",
    ),
    ("Run the tests of this folder", "imagereview policy test"),
];

/// Validate, test, compare, price, import and compile policies
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::POLICY_HELP, EXAMPLES))]
pub(crate) struct PolicyCommand {
    #[command(subcommand)]
    command: PolicySubcommand,
}

#[derive(Debug, Subcommand)]
enum PolicySubcommand {
    Validate(validate::ValidateArgs),
    Test(test::TestArgs),
    Diff(Box<diff::DiffArgs>),
    Cost(cost::CostArgs),
    Compile(compile::CompileArgs),
    Import(import::ImportArgs),
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
        PolicySubcommand::Cost(args) => cost::run(args, out),
        PolicySubcommand::Compile(args) => compile::run(args, out),
        PolicySubcommand::Import(args) => import::run(args, project, out),
        PolicySubcommand::Schema(_) => schema::run(out),
    }
}
