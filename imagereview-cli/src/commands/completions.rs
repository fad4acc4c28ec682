//! `imagereview completions`: what a shell needs to complete commands and options.

use std::io::Write;

use clap::Command;
use clap_complete::Shell;

use crate::exit_status::ExitStatus;

/// Print the completions of commands and options for a shell
///
/// For bash, for example: imagereview completions bash > /etc/bash_completion.d/imagereview
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, mut command: Command, out: &mut dyn Write) -> ExitStatus {
    let mut out = out;
    clap_complete::generate(args.shell, &mut command, "imagereview", &mut out);
    ExitStatus::default()
}
