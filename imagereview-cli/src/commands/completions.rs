//! `imagereview completions`: what a shell needs to complete commands and options.

use std::io::Write;

use clap::Command;
use clap_complete::Shell;

use super::after_help::{Example, after_help};
use crate::exit_status::ExitStatus;

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    (
        "Complete commands in this bash",
        "source <(imagereview completions bash)",
    ),
    (
        "Write the completions for zsh to a file",
        "imagereview completions zsh > _imagereview",
    ),
];

/// Print the completions of commands and options for a shell
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::WRITE_HELP, EXAMPLES))]
pub(crate) struct CompletionsArgs {
    /// Shell to complete in
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, mut command: Command, out: &mut dyn Write) -> ExitStatus {
    let mut out = out;
    clap_complete::generate(args.shell, &mut command, "imagereview", &mut out);
    ExitStatus::default()
}
