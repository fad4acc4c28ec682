//! `imagereview review`: reviews files, folders and standard input.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use super::{
    after_help::{Example, after_help},
    error::CliError,
};
use crate::{
    args::{
        BaselineArgs, FactsArgs, FailOnArgs, HeadArgs, InputArgs, LanguageArgs, NamespaceArgs,
        PolicyArgs,
    },
    engine::{ReviewedFile, Reviewer, Run},
    exit_status::ExitStatus,
    fix::Fixer,
    format::{FormatArg, FormatArgParser, FormatName, Reports},
    input::Input,
    project::Project,
    terminal::{Appearance, Tone, print_diagnostic, progress},
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    (
        "Review a folder and a Dockerfile",
        "imagereview review k8s/ Dockerfile",
    ),
    (
        "Review by a policy, and write a report for code scanning too",
        "imagereview review --policy policy.yaml --format human --format sarif=imagereview.sarif k8s/",
    ),
    (
        "Show what the mutations of the policy would change",
        "imagereview review --policy policy.yaml --diff k8s/",
    ),
];

/// Review manifests, Dockerfiles, Compose files and ImageReviews
///
/// Reads Kubernetes objects and lists of them, ImageReviews, AdmissionReviews and Compose files in
/// YAML and JSON, any number of documents in each input, and Dockerfiles. Documents of other kinds
/// are skipped and counted.
///
/// Results go to standard output. Inputs that can't be read are reported on standard error, and the
/// others are still reviewed. An empty input is an error unless it was found in a folder: a program
/// that failed to write it must not pass for approval.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::HELP, EXAMPLES))]
pub(crate) struct ReviewArgs {
    #[command(flatten)]
    inputs: InputArgs,

    /// What to print, and where: FORMAT or FORMAT=FILE; may be repeated
    ///
    /// Default: human.
    #[arg(long = "format", short, value_name = "FORMAT", value_parser = FormatArgParser)]
    formats: Vec<FormatArg>,

    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    baseline: BaselineArgs,

    #[command(flatten)]
    fail_on: FailOnArgs,

    /// Print on standard error how often each rule failed and each exemption was used
    #[arg(long)]
    statistics: bool,

    #[command(flatten)]
    head: HeadArgs,

    #[command(flatten)]
    namespace: NamespaceArgs,

    /// Apply the mutations of the policy to the files, and review the result
    ///
    /// Only values that change are written; the rest of a file stays as it is. Each change is
    /// reported on standard error. A value that can't be changed safely is reported, left as it is,
    /// and makes the status 2. Of Compose files and Dockerfiles only images that the policy pins are
    /// changed.
    ///
    /// Standard input is written to standard output with the changes, if the status is 0; otherwise
    /// nothing is written there. The results then go to standard error.
    #[arg(long)]
    fix: bool,

    /// Show what --fix would change, as a unified diff; change and review nothing
    ///
    /// The status is 1 if there is something to change.
    #[arg(
        long,
        conflicts_with_all = [
            "fix", "formats", "output", "baseline", "update_baseline", "prune_baseline",
            "statistics", "fail_on",
        ]
    )]
    diff: bool,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    facts: FactsArgs,

    #[command(flatten)]
    language: LanguageArgs,
}

/// Reviews each input and writes the reports.
pub(crate) fn run(
    args: &ReviewArgs,
    project: &Project,
    out: &mut dyn Write,
) -> Result<ExitStatus, CliError> {
    let language = args.language.language(project);
    let policy = args.policy.load(project)?;
    let (mut all, mut unread) = args.inputs.collect(project)?;
    let fixer = (args.fix || args.diff).then(|| Fixer::new(policy.documents()));
    if fixer.is_some_and(Fixer::is_idle) {
        print_diagnostic("the policy declares no mutations, so there is nothing to change");
    }
    let fixer = if args.diff {
        fixer.map(Fixer::dry)
    } else {
        fixer
    };
    let reviewer = || {
        Reviewer::new(&policy, args.inputs.variables(project))
            .in_namespace(args.namespace.namespace.as_deref(), args.namespace.labels())
            .with_fixer(fixer)
    };
    let mut facts = args.facts.source()?;
    if policy.uses_facts() {
        // They are read twice: for what is needed to know, and with that.
        let held;
        (all, held) = InputArgs::held(all);
        unread = unread.max(held);
        facts.gather(|facts| Ok::<_, CliError>(reviewer().with_facts(facts).needs(&all)))?;
    }
    let reviewer = reviewer().with_facts(facts.facts());
    let is_strict = args.inputs.is_strict(project);
    if args.diff {
        let outcome = show_diffs(&reviewer, &all, is_strict, out)?;
        facts.finish()?;
        return Ok(outcome.max(unread));
    }
    let formats = args.formats(project);
    let reviewer = reviewer.locating_all(
        formats
            .iter()
            .any(|format| format.name().shows_every_position()),
    );
    let mut baseline = args.baseline.open(project)?;
    // A program that reads the fixed text must get nothing else.
    let is_filter = args.fix && all.iter().any(|input| input.source.is_stdin());
    let mut stderr = io::stderr();
    let reports_to: &mut dyn Write = if is_filter { &mut stderr } else { out };
    let head = args.head.head(&policy, args.inputs.names());
    let mut reports = Reports::create(&formats, language, &head, reports_to)?;
    let mut run = Run::default();
    let mut written = ExitStatus::default();
    let mut filtered = None;
    let progress = progress(all.len());
    reviewer.review_all(&all, |mut file| {
        progress.inc(u64::from(!file.continues()));
        if let Some(fix) = file.fix.take() {
            match progress.suspend(|| fix.finish()) {
                Ok(outcome) => written = written.max(outcome),
                // The result does not exist, so there is nothing to review.
                Err(error) => {
                    file = ReviewedFile::unreadable(file.name, format!("can't write it: {error}"));
                }
            }
            filtered = fix.into_stdin().or(filtered.take());
        }
        run.summary.accepted += baseline.accept(&mut file);
        run.add(&file);
        progress.suspend(|| {
            file.print_errors();
            reports.add(&file)
        })
    })?;
    progress.finish_and_clear();
    reports.finish(&run)?;
    run.unreviewed.print();
    facts.finish()?;
    if args.statistics {
        run.print_statistics();
    }
    baseline.finish()?;
    let fail_on = args.fail_on.fail_on(project);
    let outcome = run.summary.outcome(fail_on, is_strict);
    let outcome = outcome.max(unread).max(written);
    match filtered {
        Some(text) if outcome == ExitStatus::Allowed => out.write_all(text.as_bytes())?,
        Some(_) => {
            print_diagnostic(
                "nothing is written to standard output, because <stdin> could not be fixed and allowed as a whole",
            );
        }
        None => {}
    }
    Ok(outcome)
}

/// Shows what would change in each input.
fn show_diffs(
    reviewer: &Reviewer<'_>,
    inputs: &[Input],
    is_strict: bool,
    out: &mut dyn Write,
) -> io::Result<ExitStatus> {
    let mut outcome = ExitStatus::default();
    let mut run = Run::default();
    let appearance = Appearance::of_stdout();
    reviewer.review_all(inputs, |file| {
        run.add(&file);
        file.print_errors();
        if let Some(fix) = &file.fix {
            let mut diff = Vec::new();
            outcome = outcome.max(fix.write_diff(&mut diff)?);
            write_diff(&diff, appearance, out)?;
        }
        io::Result::Ok(())
    })?;
    run.unreviewed.print();
    Ok(outcome.max(run.summary.unread(is_strict)))
}

/// Writes a unified diff, in colour where there is colour. Without, each byte is as it was.
fn write_diff(diff: &[u8], appearance: Appearance, out: &mut dyn Write) -> io::Result<()> {
    let Ok(text) = str::from_utf8(diff) else {
        return out.write_all(diff);
    };
    if !appearance.has_color {
        return out.write_all(diff);
    }
    for line in text.split_inclusive('\n') {
        let shown = line.trim_end_matches(['\n', '\r']);
        let tone = match shown.as_bytes().first() {
            _ if shown.starts_with("--- ") || shown.starts_with("+++ ") => Some(Tone::Heading),
            Some(b'-') => Some(Tone::Bad),
            Some(b'+') => Some(Tone::Good),
            Some(b'@') => Some(Tone::Note),
            _ => None,
        };
        let painted = tone.map(|tone| appearance.paint(tone, shown));
        let end = &line[shown.len()..];
        write!(out, "{}{end}", painted.as_deref().unwrap_or(shown))?;
    }
    Ok(())
}

impl ReviewArgs {
    /// What is printed, and where: by the options, or else by the project, or else for people.
    fn formats(&self, project: &Project) -> Vec<FormatArg> {
        let mut formats = self.formats.clone();
        if formats.is_empty() && self.output.is_none() {
            formats.clone_from(&project.formats);
        }
        if formats.is_empty() {
            formats.push(FormatArg::to_stdout(FormatName::Human));
        }
        let output = self.output.as_deref();
        let formats = formats.into_iter();
        formats.map(|format| format.or_file(output)).collect()
    }
}
