//! The command line.
#![forbid(unsafe_code)]
#![allow(
    clippy::doc_markdown,
    reason = "clap shows the comments of arguments as they stand, backticks and all"
)]

mod args;
mod baseline;
mod commands;
mod engine;
mod exit_status;
mod facts;
mod fix;
mod format;
mod input;
mod one_or_many;
mod output;
mod policy_file;
mod project;
mod terminal;

use std::{io::Write, process::ExitCode};

use clap::Parser;

use crate::{commands::Cli, exit_status::ExitStatus, terminal::print_diagnostic};

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(commands::command_line()) {
        Ok(cli) => cli,
        Err(error) => {
            // clap speaks of the option alone.
            let empty = error
                .use_stderr()
                .then(args::empty_variables)
                .into_iter()
                .flatten();
            for name in empty {
                print_diagnostic(format_args!("{name} is empty; unset it or give it a value"));
            }
            error.exit()
        }
    };
    let mut out = output::stdout();
    let result = commands::run(&cli, &mut out);
    let flushed = |status| Ok(out.flush().map(|()| status)?);
    let status = match result.and_then(flushed) {
        Ok(status) => status,
        Err(error) if error.is_broken_pipe() => ExitStatus::OutputClosed,
        Err(error) => {
            print_diagnostic(error);
            ExitStatus::Error
        }
    };
    status.into()
}
