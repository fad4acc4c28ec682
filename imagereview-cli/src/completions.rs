//! `imagereview completions`: what a shell needs to complete commands and options.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{Cli, outcome::Outcome};

/// Print the completions of commands and options for a shell
///
/// For bash, for example: imagereview completions bash > /etc/bash_completion.d/imagereview
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, out: &mut dyn Write) -> Outcome {
    let mut out = out;
    clap_complete::generate(args.shell, &mut Cli::command(), "imagereview", &mut out);
    Outcome::default()
}
