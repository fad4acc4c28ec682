//! The command line.
#![forbid(unsafe_code)]

mod check;
mod init;
mod input;
mod language;
mod outcome;
mod output;
mod review;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::SystemTime,
};

use clap::{Parser, Subcommand};

use crate::outcome::Outcome;

/// Decides whether container images may run in Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "imagereview", version, after_help = Outcome::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::CheckArgs),
    Review(review::ReviewArgs),
    Init(Box<init::InitArgs>),
}

fn main() -> ExitCode {
    let mut out = output::stdout();
    let result = match Cli::parse().command {
        Command::Check(args) => check::run(&args, &mut out),
        Command::Review(args) => review::run(&args, &mut out),
        Command::Init(args) => init::run(&args, SystemTime::now(), &mut out)
            .map(|()| Outcome::default())
            .or_else(|error| {
                output::report(error);
                Ok(Outcome::Error)
            }),
    };
    let outcome = match result.and_then(|outcome| out.flush().map(|()| outcome)) {
        Ok(outcome) => outcome,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Outcome::OutputClosed,
        Err(error) => {
            output::report(format_args!("can't write to standard output: {error}"));
            Outcome::Error
        }
    };
    outcome.into()
}
