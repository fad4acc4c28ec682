//! `imagereview explain`: what an image reference means, and what each rule says of it.

use std::{
    io::{self, Write},
    time::SystemTime,
};

use imagereview_core::{
    ImageExplanation, ImageRef, Language, Message, NoLatestTag, Review, Verdict, decide, document,
};

use crate::{
    error::CliError,
    language::LanguageArgs,
    outcome::Outcome,
    output::OneLine,
    policy_file::{LoadedPolicy, PolicyArgs},
    project::Project,
};

/// Explain what an image reference means, and what each rule says of it
///
/// Shows for each image what the node takes the reference for, what is implied in it, and each rule
/// of the policy in order: whether it is about the image, whether the image keeps it, and why.
#[derive(Debug, clap::Args)]
#[command(after_long_help = Outcome::HELP)]
pub(crate) struct ExplainArgs {
    /// An image reference, as it would stand in a manifest
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,

    /// The namespace that the image would run in
    #[arg(long, short = 'n', value_name = "NAMESPACE")]
    namespace: Option<String>,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    language: LanguageArgs,
}

/// Explains each image.
pub(crate) fn run(
    args: &ExplainArgs,
    project: &Project,
    out: &mut dyn Write,
) -> Result<Outcome, CliError> {
    let policy = args.policy.load(project)?;
    let language = args.language.language(project);
    let now = SystemTime::now();
    let mut outcome = Outcome::default();
    for (index, image) in args.images.iter().enumerate() {
        let mut review: Review<'_> = [image.as_str()].into_iter().collect();
        review = review.with_time(now);
        if let Some(namespace) = &args.namespace {
            review = review.with_namespace(namespace);
        }
        if index > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{}", OneLine(image))?;
        if let Ok(reference) = ImageRef::parse(image) {
            write_parts(&reference, out)?;
        }
        let verdict = match &policy {
            LoadedPolicy::Builtin(policy) => {
                let verdict = decide(policy, &review);
                write_builtin(&verdict, language, out)?;
                verdict
            }
            LoadedPolicy::Documents(policy) => {
                let explanation = policy.explain(&review);
                for step in explanation
                    .images()
                    .iter()
                    .flat_map(ImageExplanation::steps)
                {
                    write_step(step, language, out)?;
                }
                explanation.verdict().clone()
            }
        };
        for image in review.unreadable_images() {
            let message = image.error().message();
            writeln!(
                out,
                "  it is no image reference: {}",
                message.text(language)
            )?;
        }
        if !verdict.is_allowed() {
            outcome = Outcome::Denied;
        }
        let word = if verdict.is_allowed() {
            "allowed"
        } else {
            "denied"
        };
        writeln!(out, "  {word}")?;
    }
    Ok(outcome)
}

fn write_parts(reference: &ImageRef<'_>, out: &mut dyn Write) -> io::Result<()> {
    let implied = |is_written| if is_written { "" } else { " (implied)" };
    let registry = implied(reference.written_registry().is_some());
    let namespace = implied(reference.repository().implied_namespace().is_none());
    writeln!(out, "  registry    {}{registry}", reference.registry())?;
    writeln!(out, "  repository  {}{namespace}", reference.repository())?;
    match (reference.tag(), reference.pulled_tag()) {
        (Some(tag), None) => writeln!(out, "  tag         {tag} (not looked at, with a digest)")?,
        (Some(tag), Some(_)) => writeln!(out, "  tag         {tag}")?,
        (None, Some(tag)) => writeln!(out, "  tag         {tag} (implied)")?,
        (None, None) => {}
    }
    if let Some(digest) = reference.digest() {
        writeln!(out, "  digest      {digest}")?;
    }
    writeln!(out)
}

fn write_step(step: &document::Step, language: Language, out: &mut dyn Write) -> io::Result<()> {
    let outcome = match step.outcome() {
        document::Outcome::OutOfScope => "not about it",
        document::Outcome::Passed => "kept",
        document::Outcome::Violated => "broken",
        document::Outcome::Exempted => "exempted",
        _ => "unknown",
    };
    let (rule, mode, place) = (step.rule(), step.mode(), step.declared_at());
    let why = OneLine(step.why().text(language));
    writeln!(out, "  {outcome:12}  {rule} ({mode}, {place}): {why}")
}

/// The one rule of the built-in policy.
fn write_builtin(verdict: &Verdict, language: Language, out: &mut dyn Write) -> io::Result<()> {
    const KEPT: Message = Message::new("it has a fixed tag or a digest", "标签固定或有摘要");

    let rule = NoLatestTag::RULE;
    let mut broken = verdict.violations().iter().filter(|v| v.rule() == rule);
    match broken.next() {
        Some(violation) => {
            let why = OneLine(violation.reason().text(language));
            writeln!(out, "  {:12}  {rule}: {why}", "broken")
        }
        None if verdict.is_allowed() => {
            writeln!(out, "  {:12}  {rule}: {}", "kept", KEPT.text(language))
        }
        None => Ok(()),
    }
}
