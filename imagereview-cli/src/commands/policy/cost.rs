//! `imagereview policy cost`: what a policy takes for the largest review.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::ValueEnum;
use imagereview_core::{
    ImagePolicy,
    document::{PolicyPrice, RulePrice},
    limits::{ENTRIES_LIMIT, STEPS_LIMIT},
};
use serde::Serialize;

use crate::{
    commands::{
        after_help::{Example, after_help},
        error::CliError,
    },
    exit_status::ExitStatus,
    policy_file,
    terminal::print_diagnostic,
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    (
        "What each rule takes",
        "imagereview policy cost policy.yaml",
    ),
    (
        "The same for a program",
        "imagereview policy cost --format json policy.yaml",
    ),
];

/// Show what a policy takes for the largest review, rule by rule
///
/// Time is given in steps, and a step is at most about a nanosecond of one processor. The steps are not measured:
/// they are an upper bound, which follows from the patterns and expressions of a rule for 10,000 images with the
/// longest names that there are. Where all rules take more than a review may, each has a share, and an image for
/// which too few steps are left fails the rule. Reading the request and writing the response come on top.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::COST_HELP, EXAMPLES))]
pub(crate) struct CostArgs {
    /// Policy file or directory
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Format of the list
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    format: CostFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CostFormat {
    /// A line for each rule
    Text,
    /// An object with a list of the rules; numbers are steps and bytes
    Json,
}

/// What a policy takes, as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cost<'a> {
    policy: &'a str,
    images: usize,
    limit: u64,
    exceeds_limit: bool,
    steps: u64,
    bytes: u64,
    scope_steps: u64,
    rules: Vec<RuleCost<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleCost<'a> {
    rule: &'a str,
    declared_at: &'a str,
    steps: u64,
    share: u64,
    bytes: u64,
}

impl<'a> Cost<'a> {
    fn new(policy: &'a ImagePolicy, price: &'a PolicyPrice) -> Self {
        let rule = |rule: &'a RulePrice| RuleCost {
            rule: rule.rule(),
            declared_at: rule.declared_at(),
            steps: rule.steps(),
            share: rule.share(),
            bytes: rule.bytes(),
        };
        Self {
            policy: policy.identity(),
            images: ENTRIES_LIMIT,
            limit: STEPS_LIMIT,
            exceeds_limit: price.exceeds_limit(),
            steps: price.steps(),
            bytes: price.bytes(),
            scope_steps: price.own_steps(),
            rules: price.rules().iter().map(rule).collect(),
        }
    }
}

pub(crate) fn run(args: &CostArgs, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
    let policy = policy_file::compile(&args.files)?;
    let price = policy.price();
    let cost = Cost::new(&policy, &price);
    match args.format {
        CostFormat::Text => write_text(&cost, out)?,
        CostFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, &cost).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    match price.warning() {
        None => Ok(ExitStatus::default()),
        Some(warning) => {
            print_diagnostic(warning);
            Ok(ExitStatus::Denied)
        }
    }
}

fn write_text(cost: &Cost<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", cost.policy)?;
    let mut line = |time: String, memory: String, what: &str| {
        writeln!(out, "  {time:>10}  {memory:>10}  {what}")
    };
    line("TIME".into(), "MEMORY".into(), "RULE")?;
    for rule in &cost.rules {
        let mut what = format!("{} ({})", rule.rule, rule.declared_at);
        if rule.share < rule.steps {
            what.push_str(", of which it may take ");
            what.push_str(&time(rule.share));
        }
        line(time(rule.steps), memory(rule.bytes), &what)?;
    }
    line(time(cost.scope_steps), memory(0), "scopes and exemptions")?;
    let what = format!(
        "together, for {} images; a review may take {}",
        cost.images,
        time(cost.limit)
    );
    line(time(cost.steps), memory(cost.bytes), &what)
}

/// The steps in units of time: a step is about a nanosecond.
fn time(steps: u64) -> String {
    let (unit, name) = match steps {
        0..10_000_000 => (1_000, "µs"),
        10_000_000..10_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    format!("{} {name}", steps.div_ceil(unit))
}

fn memory(bytes: u64) -> String {
    match bytes {
        0 => "-".into(),
        _ => format!("{} KiB", bytes.div_ceil(1024)),
    }
}
