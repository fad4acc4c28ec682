//! `imagereview policy validate`: whether policy documents can be compiled.

use std::{io::Write, path::PathBuf};

use crate::{
    commands::{
        after_help::{Example, after_help},
        error::CliError,
    },
    exit_status::ExitStatus,
    policy_file,
    terminal::{Appearance, Tone, print_diagnostic},
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    (
        "Check one document",
        "imagereview policy validate policy.yaml",
    ),
    (
        "Check several",
        "imagereview policy validate policy.yaml stricter.yaml",
    ),
];

/// Check that policy documents can be compiled, together
///
/// Reports all mistakes at once, each with its file, line, column and field. Warns of authorities for whom
/// anybody may sign, and if a review can be too large for the policy to decide; `policy cost` shows why.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::VALIDATE_HELP, EXAMPLES))]
pub(crate) struct ValidateArgs {
    /// Policy file or directory
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &ValidateArgs, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
    let policy = policy_file::compile(&args.files)?;
    let identity = Appearance::of_stdout().paint(Tone::Heading, policy.identity());
    writeln!(out, "{identity}")?;
    for rule in policy.rules() {
        writeln!(out, "  {rule}")?;
    }
    for warning in policy.warnings() {
        print_diagnostic(format_args!("warning: {warning}"));
    }
    Ok(ExitStatus::default())
}
