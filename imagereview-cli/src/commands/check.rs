//! `imagereview check`: decides image references.

use std::io::{self, Write};

use imagereview_core::{Language, Message, Verdict, Violation, decide};
use serde::Serialize;

use super::{
    after_help::{Example, after_help},
    error::CliError,
};
use crate::{
    args::{FactsArgs, FailOnArgs, ImageArgs, LanguageArgs, PolicyArgs},
    engine::UsedExemption,
    exit_status::ExitStatus,
    format::{ViolationRecord, exemption},
    project::Project,
    terminal::{Appearance, OneLine, Tone},
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    (
        "Whether two images may run, without a policy of your own",
        "imagereview check nginx nginx:1.27.3",
    ),
    (
        "The same by a policy, as JSON",
        "imagereview check --policy policy.yaml --json nginx:1.27.3",
    ),
];

/// Decide whether images may run
///
/// Prints one line for each image, in their order: whether it may run, the image, and each rule
/// that it failed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::HELP, EXAMPLES))]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    images: ImageArgs,

    /// Print one line of JSON for each image
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    fail_on: FailOnArgs,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    facts: FactsArgs,

    #[command(flatten)]
    language: LanguageArgs,
}

/// Decides each image by itself; an error is one of writing.
pub(crate) fn run(
    args: &CheckArgs,
    project: &Project,
    out: &mut dyn Write,
) -> Result<ExitStatus, CliError> {
    let policy = args.policy.load(project)?;
    let language = args.language.language(project);
    let fail_on = args.fail_on.fail_on(project);
    let appearance = Appearance::of_stdout();
    let mut outcome = ExitStatus::default();
    let mut source = args.facts.source()?;
    if policy.uses_facts() {
        source.gather(|facts| Ok::<_, CliError>(args.images.needs(policy.as_policy(), facts)))?;
    }
    for (image, review) in args.images.reviews() {
        let review = review.with_facts(source.facts());
        let verdict = decide(policy.as_policy(), &review);
        let mut modes = verdict.violations().iter().map(Violation::mode);
        if !verdict.is_allowed() || modes.any(|mode| fail_on.includes(mode)) {
            outcome = ExitStatus::Denied;
        }
        if args.json {
            let checked = Checked::new(image, &verdict, language);
            serde_json::to_writer(&mut *out, &checked).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        } else {
            write_line(image, &verdict, language, appearance, out)?;
        }
    }
    source.finish()?;
    Ok(outcome)
}

fn write_line(
    image: &str,
    verdict: &Verdict,
    language: Language,
    appearance: Appearance,
    out: &mut dyn Write,
) -> io::Result<()> {
    const ALLOWED: Message = Message::new("allowed", "允许");
    const WARNING: Message = Message::new("warning", "警告");
    const DENIED: Message = Message::new("denied ", "拒绝");

    let (word, tone) = if !verdict.is_allowed() {
        (DENIED, Tone::Bad)
    } else if verdict.warnings().next().is_some() {
        (WARNING, Tone::Warning)
    } else {
        (ALLOWED, Tone::Good)
    };
    let word = appearance.paint(tone, word.text(language));
    write!(out, "{word}  {}", OneLine(image))?;
    for (index, violation) in verdict.violations().iter().enumerate() {
        let separator = if index == 0 { "  " } else { "; " };
        let (rule, reason) = (violation.rule(), violation.reason().text(language));
        write!(out, "{separator}{rule}: {reason}")?;
        if let Some(remedy) = violation.remedy() {
            write!(out, "; {}", remedy.text(language))?;
        }
    }
    for exempted in verdict.exempted() {
        let used = exemption(&UsedExemption::from(exempted), language);
        write!(out, "  {}", OneLine(&used))?;
    }
    writeln!(out)
}

/// The verdict on one image, as JSON.
#[derive(Serialize)]
struct Checked<'a> {
    image: &'a str,
    allowed: bool,
    violations: Vec<ViolationRecord<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exempted: Vec<UsedExemption>,
}

impl<'a> Checked<'a> {
    fn new(image: &'a str, verdict: &'a Verdict, language: Language) -> Self {
        let violation = |violation| ViolationRecord::new(violation, language);
        Self {
            image,
            allowed: verdict.is_allowed(),
            violations: verdict.violations().iter().map(violation).collect(),
            exempted: verdict.exempted().iter().map(UsedExemption::from).collect(),
        }
    }
}
