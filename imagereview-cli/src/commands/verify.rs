//! `imagereview verify`: who signed an image.

mod args;
mod document;

use std::io::Write;

use imagereview_core::{
    ImagePolicy, ImageRef, Policy as _, Review,
    document::{Branch, Outcome, Step},
    facts::{Fact, Facts, Needs},
};

pub(crate) use self::args::VerifyArgs;
use super::{CliError, tree::write_tree};
use crate::{
    exit_status::ExitStatus,
    policy_file::{self, LoadedPolicy},
    project::Project,
    terminal::{Appearance, OneLine, Tone},
};

/// What came of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Verified,
    NotVerified,
    /// Something could not be asked.
    NotKnown,
}

/// Verifies each image.
pub(crate) fn run(
    args: &VerifyArgs,
    project: &Project,
    out: &mut dyn Write,
) -> Result<ExitStatus, CliError> {
    let document = args.document()?;
    let takes_tags = document.is_some();
    let policy = match document {
        Some(document) => policy_file::usable(document.compile()?)?,
        None => match args.policy.load(project)? {
            LoadedPolicy::Documents(policy) => *policy,
            LoadedPolicy::Builtin(_) => return Err(CliError::NothingToVerifyWith),
        },
    };
    let language = args.language.language(project);
    let appearance = Appearance::of_stdout();
    let mut source = args.source()?;
    source.gather(|facts| Ok::<_, CliError>(needs(args, &policy, facts)))?;
    let mut status = ExitStatus::default();
    for image in &args.images {
        writeln!(
            out,
            "{}",
            appearance.paint(Tone::Heading, &OneLine(image).to_string())
        )?;
        let review = review(image).with_facts(source.facts());
        let explanation = policy.explain(&review);
        let steps: Vec<&Step> = explanation
            .images()
            .iter()
            .flat_map(imagereview_core::ImageExplanation::steps)
            .filter(|step| step.outcome() != Outcome::OutOfScope)
            .collect();
        for step in &steps {
            let why = OneLine(step.why().text(language));
            writeln!(out, "  {}: {why}", step.rule())?;
            write_tree(step.branches(), 2, language, appearance, out)?;
        }
        for image in review.unreadable_images() {
            let why = image.error().message();
            writeln!(out, "  {}", OneLine(why.text(language)))?;
        }
        let came = if review.unreadable_images().is_empty() {
            came(image, &steps, source.facts(), takes_tags)
        } else {
            Came::NotKnown
        };
        let (word, tone, of_image) = match came {
            Came::Verified => ("verified", Tone::Good, ExitStatus::Allowed),
            Came::NotVerified => ("not verified", Tone::Bad, ExitStatus::Denied),
            Came::NotKnown => ("not known", Tone::Warning, ExitStatus::Error),
        };
        writeln!(out, "  {}", appearance.paint(tone, word))?;
        status = status.max(of_image);
    }
    source.finish()?;
    Ok(status)
}

fn review(image: &str) -> Review<'_> {
    let review: Review<'_> = [image].into_iter().collect();
    review.with_time(std::time::SystemTime::now())
}

fn needs(args: &VerifyArgs, policy: &ImagePolicy, facts: &Facts) -> Needs {
    let mut needs = Needs::new();
    for image in &args.images {
        policy.needs(&review(image).with_facts(facts), &mut needs);
    }
    needs
}

/// What came of an image, of which each rule that is about it must hold. No rule is no verification.
fn came(image: &str, steps: &[&Step], facts: &Facts, takes_tags: bool) -> Came {
    let mut failed = steps
        .iter()
        .filter(|step| step.outcome() == Outcome::Violated)
        .peekable();
    if steps.is_empty() {
        return Came::NotVerified;
    }
    if failed.peek().is_none() {
        return Came::Verified;
    }
    // Nothing was known of it at all. A tag is not asked for where it does not count.
    let reference = ImageRef::parse(image).ok();
    let fact = reference.as_ref().and_then(|image| facts.image(image));
    let is_asked = takes_tags || reference.is_some_and(|image| image.digest().is_some());
    if matches!(fact, Some(Fact::Unavailable(_))) || (fact.is_none() && is_asked) {
        return Came::NotKnown;
    }
    // One rule that surely fails is enough.
    let is_unknown = |step: &&&Step| {
        let mut branches = step.branches().iter();
        !step.branches().is_empty() && !branches.any(|one| Branch::holds(one) == Some(false))
    };
    if failed.all(|step| is_unknown(&step)) {
        Came::NotKnown
    } else {
        Came::NotVerified
    }
}
