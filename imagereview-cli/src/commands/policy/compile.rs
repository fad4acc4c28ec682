//! `imagereview policy compile`: a policy that the API server decides by itself.

use std::{io::Write, path::PathBuf};

use clap::ValueEnum;
use imagereview_admission_policy::{
    CompileError, CompiledPolicy, EXPRESSION_LIMIT, KubernetesVersion, Options, POLICY_LIMIT,
    PolicyCost, compile,
};
use imagereview_core::PolicySource;
use imagereview_files::PolicyPaths;

use crate::{
    commands::{
        after_help::{Example, after_help},
        error::CliError,
    },
    exit_status::ExitStatus,
    policy_file::PolicyFileError,
    terminal::print_diagnostic,
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    (
        "A policy for the API server",
        "imagereview policy compile policy.yaml > admission.yaml",
    ),
    (
        "What it can't say is left to a webhook",
        "imagereview policy compile --partial policy.yaml > admission.yaml",
    ),
    (
        "Manifests for a folder of the control plane",
        "imagereview policy compile --static --kubernetes 1.37 policy.yaml > admission.yaml",
    ),
];

/// Compile a policy to objects that the Kubernetes API server decides by itself
///
/// Writes ValidatingAdmissionPolicy objects with their bindings as YAML, for people to read, and what they cost to
/// standard error. A rule that the API server can't be told (facts of registries, expressions, exemptions
/// that expire, patterns that would cost too much) is refused, and nothing is written; with --partial it is left out, and
/// named. Nothing is ever said in a weaker form.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::COMPILE_HELP, EXAMPLES))]
pub(crate) struct CompileArgs {
    /// Policy file or directory
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// What is written
    #[arg(long, value_name = "TARGET", default_value = "vap")]
    target: Target,

    /// Oldest version of Kubernetes that is to read it
    #[arg(long, value_name = "VERSION", default_value_t = KubernetesVersion::OLDEST)]
    kubernetes: KubernetesVersion,

    /// Write manifests that the API server reads from a folder (staticManifestsDir; from Kubernetes 1.37 on by
    /// default)
    #[arg(long = "static")]
    is_static: bool,

    /// Leave out what the API server can't be told, and name it
    #[arg(long)]
    partial: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// ValidatingAdmissionPolicy
    Vap,
}

pub(crate) fn run(args: &CompileArgs, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
    let texts = PolicyPaths::open(&args.files)
        .and_then(|paths| paths.read())
        .map_err(PolicyFileError::from)?;
    let sources: Vec<PolicySource<'_>> = texts.sources().collect();
    let mut options = Options::new().for_kubernetes(args.kubernetes);
    if args.is_static {
        options = options.as_static_manifests();
    }
    if args.partial {
        options = options.partially();
    }
    let Target::Vap = args.target;
    let compiled = match compile(&sources, options) {
        Ok(compiled) => compiled,
        Err(CompileError::Policy(errors)) => return Err(PolicyFileError::from(errors).into()),
        Err(refused) => {
            print_diagnostic(refused);
            return Ok(ExitStatus::Denied);
        }
    };
    write(&compiled, out)?;
    for policy in &compiled.validating {
        print_diagnostic(format_args!("{}: {}", policy.name, cost(&policy.cost)));
    }
    for refusal in &compiled.left_out {
        print_diagnostic(format_args!("left out: {refusal}"));
    }
    Ok(ExitStatus::default())
}

fn write(compiled: &CompiledPolicy, out: &mut dyn Write) -> std::io::Result<()> {
    if !compiled.left_out.is_empty() {
        writeln!(
            out,
            "# Left out, since the API server can't be told; a webhook has to do it:"
        )?;
        for refusal in &compiled.left_out {
            writeln!(out, "# - {}", refusal.to_string().replace('\n', " "))?;
        }
    }
    for (index, policy) in compiled.validating.iter().enumerate() {
        if index > 0 {
            writeln!(out, "---")?;
        }
        write!(out, "{}", policy.to_yaml())?;
    }
    Ok(())
}

fn cost(cost: &PolicyCost) -> String {
    format!(
        "for an image with the longest names at most {} of {POLICY_LIMIT}, and {} of {EXPRESSION_LIMIT} in one expression; an object \
         may have {} such images; {} bytes",
        cost.image, cost.expression, cost.images, cost.bytes
    )
}
