//! `imagereview policy validate`: whether policy documents can be compiled.

use std::{io::Write, path::PathBuf, time::SystemTime};

use crate::{
    commands::{
        after_help::{Example, after_help},
        error::CliError,
    },
    exit_status::ExitStatus,
    policy_file::{self, PolicyFileError},
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
/// Reports all mistakes at once, each with its file, line, column and field. Warns of what does nothing:
/// exemptions that have expired, unknown kinds of objects, patterns that are allowed and denied, expressions
/// that are never true, scopes in which nothing is, and rules that another rule makes needless. Warns also of
/// authorities for whom anybody may sign, and if a review can be too large for the policy to decide;
/// `policy cost` shows why.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::VALIDATE_HELP, EXAMPLES))]
pub(crate) struct ValidateArgs {
    /// Policy file or directory
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Exit with status 2 if there is a warning
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(args: &ValidateArgs, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
    let texts = policy_file::read(&args.files)?;
    let policy = policy_file::usable(texts.compile().map_err(PolicyFileError::from)?)?;
    let identity = Appearance::of_stdout().paint(Tone::Heading, policy.identity());
    writeln!(out, "{identity}")?;
    for rule in policy.rules() {
        writeln!(out, "  {rule}")?;
    }
    let doubts = policy.doubts(texts.sources(), SystemTime::now());
    for doubt in &doubts {
        print_diagnostic(format_args!("warning: {doubt}"));
    }
    let mut is_warned = !doubts.is_empty();
    for warning in policy.warnings() {
        is_warned = true;
        print_diagnostic(format_args!("warning: {warning}"));
    }
    Ok(if args.strict && is_warned {
        ExitStatus::Error
    } else {
        ExitStatus::default()
    })
}
