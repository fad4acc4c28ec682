//! `imagereview explain`: what an image reference means, and what each rule says of it.

use std::{
    fmt::Display,
    io::{self, Write},
};

use imagereview_core::{
    ImageExplanation, ImageRef, Language, Message, Mode, NoLatestTag, Verdict, decide, document,
    facts::{Fact, ImageFacts},
};

use super::{
    after_help::{Example, after_help},
    error::CliError,
    tree::write_tree,
};
use crate::{
    args::{FactsArgs, ImageArgs, LanguageArgs, PolicyArgs},
    exit_status::ExitStatus,
    policy_file::LoadedPolicy,
    project::Project,
    terminal::{Appearance, OneLine, Tone},
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    ("What an image reference means", "imagereview explain nginx"),
    (
        "What each rule of a policy says in a namespace",
        "imagereview explain --policy policy.yaml --namespace prod nginx:1.27.3",
    ),
];

/// Explain what an image reference means, and how each rule decides it
///
/// Shows for each image how the node reads the reference, which of its parts are implied, and each
/// rule of the policy in order: whether it applies to the image, whether the image passed or failed
/// it, and why.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::HELP, EXAMPLES))]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    images: ImageArgs,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    facts: FactsArgs,

    #[command(flatten)]
    language: LanguageArgs,
}

/// Explains each image.
pub(crate) fn run(
    args: &ExplainArgs,
    project: &Project,
    out: &mut dyn Write,
) -> Result<ExitStatus, CliError> {
    let policy = args.policy.load(project)?;
    let language = args.language.language(project);
    let appearance = Appearance::of_stdout();
    let mut outcome = ExitStatus::default();
    let mut source = args.facts.source()?;
    if policy.uses_facts() {
        source.gather(|facts| Ok::<_, CliError>(args.images.needs(policy.as_policy(), facts)))?;
    }
    for (index, (image, review)) in args.images.reviews().enumerate() {
        let review = review.with_facts(source.facts());
        if index > 0 {
            writeln!(out)?;
        }
        let name = OneLine(image).to_string();
        writeln!(out, "{}", appearance.paint(Tone::Heading, &name))?;
        if let Ok(reference) = ImageRef::parse(image) {
            write_parts(&reference, language, out)?;
            if let Some(Fact::Known(facts)) = source.facts().image(&reference) {
                write_source(facts, language, out)?;
            }
        }
        let verdict = match &policy {
            LoadedPolicy::Builtin(policy) => {
                let verdict = decide(policy, &review);
                write_builtin(&verdict, language, appearance, out)?;
                verdict
            }
            LoadedPolicy::Documents(policy) => {
                let explanation = policy.explain(&review);
                for step in explanation
                    .images()
                    .iter()
                    .flat_map(ImageExplanation::steps)
                {
                    write_step(step, language, appearance, out)?;
                }
                explanation.verdict().clone()
            }
        };
        for image in review.unreadable_images() {
            let (what, why) = (NO_REFERENCE.text(language), image.error().message());
            writeln!(out, "  {what}{}", why.text(language))?;
        }
        if !verdict.is_allowed() {
            outcome = ExitStatus::Denied;
        }
        let (word, tone) = if verdict.is_allowed() {
            (&ALLOWED, Tone::Good)
        } else {
            (&DENIED, Tone::Bad)
        };
        let word = appearance.paint(tone, word.text(language));
        writeln!(out, "  {word}")?;
    }
    source.finish()?;
    Ok(outcome)
}

static NO_REFERENCE: Message = Message::new("not an image reference: ", "不是镜像引用:");
static ALLOWED: Message = Message::new("allowed", "允许");
static DENIED: Message = Message::new("denied", "拒绝");
static FAILED: Message = Message::new("failed", "违反");
static PASSED: Message = Message::new("passed", "符合");

/// A word, and blanks up to the next column. A Chinese character is two columns wide.
fn in_column(word: &Message, columns: usize, language: Language) -> String {
    let word = word.text(language);
    let width: usize = word.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    format!("{word}{}", " ".repeat(columns.saturating_sub(width)))
}

fn write_parts(
    reference: &ImageRef<'_>,
    language: Language,
    out: &mut dyn Write,
) -> io::Result<()> {
    static REGISTRY: Message = Message::new("registry", "仓库主机");
    static REPOSITORY: Message = Message::new("repository", "镜像仓库");
    static TAG: Message = Message::new("tag", "标签");
    static DIGEST: Message = Message::new("digest", "摘要");
    static IMPLIED: Message = Message::new(" (implied)", "(隐含)");
    static NOT_LOOKED_AT: Message =
        Message::new(" (ignored, because of the digest)", "(有摘要,不看标签)");

    let implied = |is_written| {
        if is_written {
            ""
        } else {
            IMPLIED.text(language)
        }
    };
    let mut line = |name: &Message, part: &dyn Display, note: &str| {
        writeln!(out, "  {}{part}{note}", in_column(name, 12, language))
    };
    let is_written = reference.written_registry().is_some();
    line(&REGISTRY, &reference.registry(), implied(is_written))?;
    let is_written = reference.repository().implied_namespace().is_none();
    line(&REPOSITORY, &reference.repository(), implied(is_written))?;
    match (reference.tag(), reference.pulled_tag()) {
        (Some(tag), None) => line(&TAG, &tag, NOT_LOOKED_AT.text(language))?,
        (Some(tag), Some(_)) => line(&TAG, &tag, "")?,
        (None, Some(tag)) => line(&TAG, &tag, implied(false))?,
        (None, None) => {}
    }
    if let Some(digest) = reference.digest() {
        line(&DIGEST, &digest, "")?;
    }
    writeln!(out)
}

/// Who told what is known, and with whose credentials it was asked.
fn write_source(facts: &ImageFacts, language: Language, out: &mut dyn Write) -> io::Result<()> {
    static FACTS: Message = Message::new("facts", "情况");
    static DIGEST: Message = Message::new("resolved to", "解析为");
    static CREDENTIALS: Message = Message::new("credentials", "凭据");

    let at = humantime::format_rfc3339_seconds(facts.resolved_at);
    let from = OneLine(&facts.resolved_from);
    writeln!(out, "  {}{from} ({at})", in_column(&FACTS, 12, language))?;
    let digest = &facts.digest;
    writeln!(out, "  {}{digest}", in_column(&DIGEST, 12, language))?;
    let credentials = OneLine(&facts.credentials);
    writeln!(
        out,
        "  {}{credentials}\n",
        in_column(&CREDENTIALS, 12, language)
    )
}

/// How a failed rule looks: what it brings depends on its mode.
fn failed_tone(mode: Mode) -> Tone {
    match mode {
        Mode::Enforce => Tone::Bad,
        Mode::Warn => Tone::Warning,
        Mode::Audit => Tone::Note,
    }
}

fn write_step(
    step: &document::Step,
    language: Language,
    appearance: Appearance,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (outcome, tone) = match step.outcome() {
        document::Outcome::OutOfScope => (&Message::new("not in scope", "不适用"), Tone::Note),
        document::Outcome::Passed => (&PASSED, Tone::Good),
        document::Outcome::Violated => (&FAILED, failed_tone(step.mode())),
        document::Outcome::Exempted => (&Message::new("exempted", "豁免"), Tone::Note),
        _ => (&Message::new("unknown", "未知"), Tone::Warning),
    };
    let outcome = appearance.paint(tone, &in_column(outcome, 14, language));
    let (rule, mode, place) = (step.rule(), step.mode(), step.declared_at());
    let why = OneLine(step.why().text(language));
    writeln!(out, "  {outcome}{rule} ({mode}, {place}): {why}")?;
    write_tree(step.branches(), 2, language, appearance, out)
}

/// The one rule of the built-in policy.
fn write_builtin(
    verdict: &Verdict,
    language: Language,
    appearance: Appearance,
    out: &mut dyn Write,
) -> io::Result<()> {
    static WHY_PASSED: Message = Message::new("it has a fixed tag or a digest", "标签固定或有摘要");

    let rule = NoLatestTag::RULE;
    let mut failed = verdict.violations().iter().filter(|v| v.rule() == rule);
    match failed.next() {
        Some(violation) => {
            let why = OneLine(violation.reason().text(language));
            let word = appearance.paint(Tone::Bad, &in_column(&FAILED, 14, language));
            writeln!(out, "  {word}{rule}: {why}")
        }
        None if verdict.is_allowed() => {
            let why = WHY_PASSED.text(language);
            let word = appearance.paint(Tone::Good, &in_column(&PASSED, 14, language));
            writeln!(out, "  {word}{rule}: {why}")
        }
        None => Ok(()),
    }
}
