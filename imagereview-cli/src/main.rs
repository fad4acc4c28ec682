//! The command line.
#![forbid(unsafe_code)]
#![allow(
    clippy::doc_markdown,
    reason = "clap shows the comments of arguments as they stand, backticks and all"
)]

mod baseline;
mod check;
mod completions;
mod error;
mod explain;
mod fix;
mod init;
mod input;
mod input_args;
mod inventory;
mod junit;
mod language;
mod man;
mod one_or_many;
mod outcome;
mod output;
mod policy;
mod policy_file;
mod project;
mod report;
mod resolve;
mod review;
mod reviewer;
mod undeclared;

use std::{env, io::Write, process::ExitCode, time::SystemTime};

use clap::{Parser, Subcommand};

use crate::{error::CliError, outcome::Outcome, project::Project};

/// Decides whether container images may run in Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "imagereview", version, after_help = Outcome::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Review(review::ReviewArgs),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Inventory(inventory::InventoryArgs),
    Resolve(resolve::ResolveArgs),
    Policy(policy::PolicyCommand),
    Init(Box<init::InitArgs>),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap speaks of the option alone.
            let empty = error
                .use_stderr()
                .then(empty_variables)
                .into_iter()
                .flatten();
            for name in empty {
                output::report(format_args!("{name} is empty; unset it or give it a value"));
            }
            error.exit()
        }
    };
    let mut out = output::stdout();
    let result = run(&cli.command, &mut out);
    let flushed = |outcome| Ok(out.flush().map(|()| outcome)?);
    let outcome = match result.and_then(flushed) {
        Ok(outcome) => outcome,
        Err(error) if error.is_broken_pipe() => Outcome::OutputClosed,
        Err(error) => {
            output::report(error);
            Outcome::Error
        }
    };
    outcome.into()
}

/// The variables of the environment that stand for an option and hold nothing.
fn empty_variables() -> impl Iterator<Item = &'static str> {
    let variables = [policy_file::VARIABLE, language::VARIABLE];
    let is_empty = |name: &&str| env::var_os(name).is_some_and(|value| value.is_empty());
    variables.into_iter().filter(is_empty)
}

fn run(command: &Command, out: &mut dyn Write) -> Result<Outcome, CliError> {
    match command {
        Command::Review(args) => review::run(args, &Project::find()?, out),
        Command::Check(args) => check::run(args, &Project::find()?, out),
        Command::Explain(args) => explain::run(args, &Project::find()?, out),
        Command::Inventory(args) => inventory::run(args, &Project::find()?, out),
        Command::Resolve(args) => resolve::run(args, out),
        Command::Policy(command) => policy::run(command, &Project::find()?, out),
        Command::Init(args) => {
            init::run(args, SystemTime::now(), out)?;
            Ok(Outcome::default())
        }
        Command::Completions(args) => Ok(completions::run(args, out)),
        Command::Man(args) => man::run(args, out),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Each `imagereview …` of the blocks of a document, up to where a shell does something else.
    fn commands(document: &str) -> Vec<Vec<String>> {
        let blocks = document.split("```").skip(1).step_by(2);
        let text: String = blocks.map(|block| block.replace("\\\n", " ")).collect();
        let lines = text.lines().flat_map(|line| line.split(" | "));
        let commands = lines.map(|line| line.trim_start_matches("$ "));
        commands
            .filter(|command| command.starts_with("imagereview "))
            .map(|command| {
                let words = command.split_whitespace();
                let words = words.take_while(|word| !word.starts_with(['>', '<', '#']));
                words.map(|word| word.replace('"', "")).collect()
            })
            .collect()
    }

    #[test]
    fn the_commands_of_the_documents_are_understood() {
        let mut count = 0;
        for document in [
            include_str!("../../README.md"),
            include_str!("../../docs/ci.md"),
            include_str!("../../docs/deploy.md"),
            include_str!("../../docs/facts.md"),
            include_str!("../../docs/policy.md"),
        ] {
            for command in commands(document) {
                count += 1;
                if let Err(error) = Cli::try_parse_from(&command) {
                    panic!("{}: {error}", command.join(" "));
                }
            }
        }
        assert!(count > 10, "{count}");
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
