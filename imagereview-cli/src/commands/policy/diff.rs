//! `imagereview policy diff`: which verdicts another policy would change.

use std::{collections::BTreeMap, io::Write, path::PathBuf};

use imagereview_core::{Language, Message, Violation};

use crate::{
    args::{FactsArgs, InputArgs, LanguageArgs, NamespaceArgs},
    commands::{
        after_help::{Example, after_help},
        error::CliError,
    },
    engine::{Count, ReviewedImage, Reviewer, Run},
    exit_status::ExitStatus,
    input::{Input, Position},
    policy_file::{self, LoadedPolicy},
    project::Project,
    terminal::{Appearance, OneLine, Tone},
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[(
    "What a stricter policy would deny",
    "imagereview policy diff policy.yaml stricter.yaml k8s/",
)];

/// Show which verdicts would change from one policy to another
///
/// Reviews the inputs by both policies, so that you see the effect of a stricter policy before you
/// use it. Lists each image that would newly be denied, with the rules that deny it, and each image
/// that would newly be allowed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::DIFF_HELP, EXAMPLES))]
pub(crate) struct DiffArgs {
    /// Policy file or directory that is in force
    old: PathBuf,

    /// Policy file or directory to compare with it
    new: PathBuf,

    #[command(flatten)]
    inputs: InputArgs,

    #[command(flatten)]
    namespace: NamespaceArgs,

    #[command(flatten)]
    facts: FactsArgs,

    #[command(flatten)]
    language: LanguageArgs,
}

/// What makes one image of one document: the file and the place there, its object and the JSON path.
type Key = (String, Option<Position>, String, String);

/// What a policy says of an image.
struct Judged {
    image: String,
    place: String,
    is_allowed: bool,
    /// The rules that deny it, and why.
    denials: Vec<String>,
}

// As wide as each other in each language.
static NEWLY_ALLOWED: Message = Message::new("newly allowed", "新允许");
static NEWLY_DENIED: Message = Message::new("newly denied ", "新拒绝");

pub(crate) fn run(
    args: &DiffArgs,
    project: &Project,
    out: &mut dyn Write,
) -> Result<ExitStatus, CliError> {
    let language = args.language.language(project);
    let (inputs, unread) = args.inputs.collect(project)?;
    let (lasting, unheld) = InputArgs::held(inputs);
    let unread = unread.max(unheld);
    let mut facts = args.facts.source()?;
    let mut judge = |policy: &PathBuf, prints_errors: bool| -> Result<_, CliError> {
        let policy = LoadedPolicy::Documents(Box::new(policy_file::compile(
            std::slice::from_ref(policy),
        )?));
        let reviewer = || {
            Reviewer::new(&policy, args.inputs.variables(project))
                .locating_all(true)
                .in_namespace(args.namespace.namespace.as_deref(), args.namespace.labels())
        };
        if policy.uses_facts() {
            facts
                .gather(|facts| Ok::<_, CliError>(reviewer().with_facts(facts).needs(&lasting)))?;
        }
        let reviewer = reviewer().with_facts(facts.facts());
        Ok(judge(&reviewer, &lasting, language, prints_errors))
    };
    let (old, _) = judge(&args.old, false)?;
    // Errors of reading are the same for both, and reported once.
    let (new, run) = judge(&args.new, true)?;
    run.unreviewed.print();
    let appearance = Appearance::of_stdout();
    facts.finish()?;
    let mut newly_denied = 0;
    let mut newly_allowed = 0;
    for (key, after) in &new {
        // An image that only one of them finds (in a custom resource that it declares) is
        // nothing that the other denies.
        let was_allowed = old.get(key).is_none_or(|before| before.is_allowed);
        if was_allowed == after.is_allowed {
            continue;
        }
        let (word, tone, reasons) = if after.is_allowed {
            newly_allowed += 1;
            (&NEWLY_ALLOWED, Tone::Good, &old[key].denials)
        } else {
            newly_denied += 1;
            (&NEWLY_DENIED, Tone::Bad, &after.denials)
        };
        let (_, _, object, _) = key;
        let (image, object) = (OneLine(&after.image), OneLine(object));
        let word = appearance.paint(tone, word.text(language));
        writeln!(out, "{word}  {image}  {object} in {}", after.place)?;
        for reason in reasons {
            writeln!(out, "    {reason}")?;
        }
    }
    let images = new.len();
    let sum = Message::from(format!(
        "{}: {newly_denied} newly denied, {newly_allowed} newly allowed",
        Count(images, "image")
    ))
    .with(
        Language::Chinese,
        format!("{images} 个镜像:新拒绝 {newly_denied} 个,新允许 {newly_allowed} 个"),
    );
    writeln!(out, "{}", sum.text(language))?;
    let outcome = if newly_denied > 0 {
        ExitStatus::Denied
    } else {
        ExitStatus::Allowed
    };
    let is_strict = args.inputs.is_strict(project);
    Ok(outcome.max(unread).max(run.summary.unread(is_strict)))
}

fn judge(
    reviewer: &Reviewer<'_>,
    inputs: &[Input],
    language: Language,
    prints_errors: bool,
) -> (BTreeMap<Key, Judged>, Run) {
    let mut judged = BTreeMap::new();
    let mut run = Run::default();
    let Ok(()) = reviewer.review_all(inputs, |file| {
        run.add(&file);
        if prints_errors {
            file.print_errors();
        }
        for document in &file.documents {
            for image in &document.images {
                let key = (
                    file.name.clone(),
                    image.position,
                    document.title.clone(),
                    image.path.clone(),
                );
                let place = file.place(document, image);
                judged.insert(key, Judged::new(image, place, language));
            }
        }
        Ok::<_, std::convert::Infallible>(())
    });
    (judged, run)
}

impl Judged {
    fn new(image: &ReviewedImage, place: String, language: Language) -> Self {
        let denial = |violation: &Violation| {
            format!(
                "{}: {}",
                violation.rule(),
                violation.reason().text(language)
            )
        };
        Self {
            image: image.image.clone(),
            place,
            is_allowed: image.is_allowed(),
            denials: image.denials().map(denial).collect(),
        }
    }
}
