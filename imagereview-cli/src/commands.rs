//! The command line: its subcommands, a file or a folder for each.

mod after_help;
mod check;
mod completions;
mod error;
mod explain;
mod init;
mod inventory;
mod man;
mod policy;
mod resolve;
mod respond;
mod review;
mod tree;
mod verify;
mod verify_pull;

use std::{io::Write, time::SystemTime};

use clap::{CommandFactory, Parser, Subcommand};

use self::after_help::{Example, after_help};
pub(crate) use self::{error::CliError, verify_pull::command_line};
use crate::{exit_status::ExitStatus, project::Project};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    ("Whether an image may run", "imagereview check nginx:1.27.3"),
    ("Review a folder of manifests", "imagereview review k8s/"),
    (
        "See the options and examples of a command",
        "imagereview review --help",
    ),
];

/// Decides whether container images may run in Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "imagereview", version, after_help = after_help(ExitStatus::HELP, EXAMPLES))]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Review(Box<review::ReviewArgs>),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Inventory(inventory::InventoryArgs),
    Resolve(resolve::ResolveArgs),
    Verify(Box<verify::VerifyArgs>),
    Policy(policy::PolicyCommand),
    Respond(respond::RespondArgs),
    VerifyPull(verify_pull::VerifyPullArgs),
    Init(Box<init::InitArgs>),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Runs the command that was asked for.
pub(crate) fn run(cli: &Cli, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
    match &cli.command {
        Command::Review(args) => review::run(args, &Project::find()?, out),
        Command::Check(args) => check::run(args, &Project::find()?, out),
        Command::Explain(args) => explain::run(args, &Project::find()?, out),
        Command::Inventory(args) => inventory::run(args, &Project::find()?, out),
        Command::Resolve(args) => Ok(resolve::run(args, out)?),
        Command::Verify(args) => verify::run(args, &Project::find()?, out),
        Command::Policy(command) => policy::run(command, &Project::find()?, out),
        Command::Respond(args) => respond::run(args, &Project::find()?, out),
        Command::VerifyPull(args) => verify_pull::run(args, out),
        Command::Init(args) => {
            init::run(args, SystemTime::now(), out)?;
            Ok(ExitStatus::default())
        }
        Command::Completions(args) => Ok(completions::run(args, Cli::command(), out)),
        Command::Man(args) => man::run(args, Cli::command(), out),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn shells_complete_the_names_of_formats() {
        let mut script = Vec::new();
        let shell = clap_complete::Shell::Bash;
        clap_complete::generate(shell, &mut Cli::command(), "imagereview", &mut script);
        let script = String::from_utf8(script).unwrap();
        assert!(
            script.contains("\"human json ndjson sarif junit"),
            "{script}"
        );
    }
}
