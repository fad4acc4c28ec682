//! `imagereview review`: reviews files, folders and standard input.

use std::{
    io::{self, IsTerminal, Read, Write},
    path::PathBuf,
    time::SystemTime,
};

use imagereview_core::{ImageReviewResponse, Language, Policy, decide, review::image_review};

use crate::{
    baseline::{Baseline, BaselineError},
    error::CliError,
    fix::{FixError, Fixer},
    input::{ImageReviewStream, Input, Source, Syntax},
    input_args::InputArgs,
    language::LanguageArgs,
    outcome::Outcome,
    output::{Format, FormatArg, FormatArgParser, OneLine, Reports, progress, report},
    policy_file::PolicyArgs,
    project::Project,
    report::{Count, ReviewedFile, Summary},
    reviewer::Reviewer,
};

/// Review manifests, Dockerfiles, Compose files and ImageReviews
///
/// Reads YAML and JSON, any number of documents in each input: Kubernetes objects and lists of
/// them, ImageReviews and AdmissionReviews, Compose files; and Dockerfiles. Documents of other
/// kinds are passed over and counted.
///
/// Results go to standard output. What can't be read is told on standard error, and the rest is
/// still reviewed. An input that is named and empty is an error: a program that failed to write it
/// must not pass for approval.
#[derive(Debug, clap::Args)]
#[command(after_long_help = Outcome::HELP)]
pub(crate) struct ReviewArgs {
    #[command(flatten)]
    inputs: InputArgs,

    /// What to print, and where: FORMAT or FORMAT=FILE; may be repeated
    ///
    /// The default is human; but where standard output is no terminal and the inputs are JSON that
    /// begins with an ImageReview, it is answers.
    #[arg(long = "format", short, value_name = "FORMAT", value_parser = FormatArgParser)]
    formats: Vec<FormatArg>,

    /// Write to this file what would go to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Accept the findings that this file lists, so that only new ones count
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Write all that is found now to the baseline, and accept it
    #[arg(long)]
    update_baseline: bool,

    /// Write into the files what the mutations of the policy change, and review what results
    ///
    /// Only values that change are written; all else in a file stays as it is. Each change is told
    /// on standard error, and so is what can't be changed safely, which is left as it is and makes
    /// the status 2. Compose files and Dockerfiles are not changed.
    ///
    /// What is read from standard input goes to standard output, with the changes in it, if the
    /// status is 0; else nothing does. The results then go to standard error.
    #[arg(long)]
    fix: bool,

    /// Show what --fix would change, as a unified diff; change and review nothing
    ///
    /// The status is 1 if there is something to change, as where an image may not run.
    #[arg(
        long,
        conflicts_with_all = ["fix", "formats", "output", "baseline", "update_baseline"]
    )]
    diff: bool,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    language: LanguageArgs,
}

/// Reviews each input and writes the reports.
pub(crate) fn run(
    args: &ReviewArgs,
    project: &Project,
    out: &mut dyn Write,
) -> Result<Outcome, CliError> {
    let language = args.language.language(project);
    let policy = args.policy.load(project)?;
    let (all, unread) = args.inputs.collect(project)?;
    let fixer = (args.fix || args.diff).then(|| Fixer::new(&policy));
    if fixer.is_some_and(Fixer::is_idle) {
        report("the policy declares no mutations, so there is nothing to change");
    }
    let reviewer = Reviewer::new(&policy, args.inputs.variables(project));
    if args.diff {
        let reviewer = reviewer.with_fixer(fixer.map(Fixer::dry));
        return Ok(show_diffs(&reviewer, &all, out)?.max(unread));
    }
    let formats = args.formats(project, &all);
    let reviewer = reviewer
        .with_fixer(fixer)
        .locating_all(formats.iter().any(FormatArg::shows_every_place));
    let baseline_file = args.baseline.as_ref().or(project.baseline.as_ref());
    if args.update_baseline && baseline_file.is_none() {
        return Err(BaselineError::NoFile.into());
    }
    if let [format] = &*formats
        && format.is_answers()
    {
        if args.fix {
            return Err(FixError::Answers.into());
        }
        if args.baseline.is_some() || args.update_baseline {
            return Err(BaselineError::Answers.into());
        }
        let answer = |out: &mut dyn Write| answer_all(&all, policy.as_policy(), language, out);
        let outcome = match format.create_file()? {
            None => answer(out)?,
            Some(mut file) => {
                let mut outcome = Outcome::default();
                file.write(|out| {
                    outcome = answer(out)?;
                    out.flush()
                })?;
                outcome
            }
        };
        return Ok(outcome.max(unread));
    }
    let mut baseline = match baseline_file {
        Some(path) if !args.update_baseline => Baseline::read(path)?,
        Some(path) => Baseline::new(path),
        None => Baseline::default(),
    };
    // A program that waits for the fixed text is to get nothing else.
    let is_filter = args.fix && all.iter().any(|input| input.source == Source::Stdin);
    let mut stderr = io::stderr();
    let reports_to: &mut dyn Write = if is_filter { &mut stderr } else { out };
    let mut reports = Reports::create(&formats, language, reports_to)?;
    let mut summary = Summary::default();
    let mut written = Outcome::default();
    let mut filtered = None;
    let progress = progress(all.len());
    reviewer.review_all(&all, |mut file| {
        progress.inc(u64::from(!file.continues()));
        if let Some(fix) = file.fix.take() {
            match progress.suspend(|| fix.finish()) {
                Ok(outcome) => written = written.max(outcome),
                // What would result is not there, so nothing can be said of it.
                Err(error) => {
                    file = ReviewedFile::unreadable(file.name, format!("can't write it: {error}"));
                }
            }
            filtered = fix.into_stdin().or(filtered.take());
        }
        if args.update_baseline {
            baseline.add(&file);
        }
        summary.accepted += baseline.accept(&mut file);
        summary.add(&file);
        progress.suspend(|| {
            file.report_problems();
            reports.add(&file)
        })
    })?;
    progress.finish_and_clear();
    reports.finish(&summary)?;
    match baseline_file {
        Some(path) if args.update_baseline => {
            let count = Count(baseline.write(path)?, "finding");
            report(format_args!("{} now accepts {count}", path.display()));
        }
        Some(path) if baseline.gone() > 0 => {
            let (count, path) = (Count(baseline.gone(), "finding"), path.display());
            report(format_args!(
                "no longer found: {count} of {path}; --update-baseline writes it anew"
            ));
        }
        _ => {}
    }
    let outcome = summary.outcome().max(unread).max(written);
    match filtered {
        Some(text) if outcome == Outcome::Allowed => out.write_all(text.as_bytes())?,
        Some(_) => {
            report("nothing is written to standard output, since not all of <stdin> is well");
        }
        None => {}
    }
    Ok(outcome)
}

/// Shows what would change in each input.
fn show_diffs(
    reviewer: &Reviewer<'_>,
    inputs: &[Input],
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    reviewer.review_all(inputs, |file| {
        file.report_problems();
        if file.problems.iter().any(|problem| problem.is_error) {
            outcome = Outcome::Error;
        }
        if let Some(fix) = &file.fix {
            outcome = outcome.max(fix.write_diff(out)?);
        }
        io::Result::Ok(())
    })?;
    Ok(outcome)
}

impl ReviewArgs {
    /// What is to be printed, and where: what is asked for, or else what the project says, or else
    /// what suits the inputs.
    fn formats(&self, project: &Project, inputs: &[Input]) -> Vec<FormatArg> {
        let mut formats = self.formats.clone();
        if formats.is_empty() && self.output.is_none() {
            formats.clone_from(&project.formats);
        }
        if formats.is_empty() {
            let is_for_people = self.baseline.is_some() || self.update_baseline || self.fix;
            let format = if is_for_people {
                Format::Human
            } else {
                default_format(inputs)
            };
            formats.push(FormatArg::new(format, None));
        }
        let output = self.output.as_deref();
        let formats = formats.into_iter();
        formats.map(|format| format.or_file(output)).collect()
    }
}

/// For people; but a program that writes reviews is answered as the webhook would answer it.
fn default_format(inputs: &[Input]) -> Format {
    // What a folder holds, or is named as something else, is no stream of reviews.
    let may_be_stream = |input: &Input| input.is_named && Syntax::may_be_reviews(&input.source);
    let is_review = |input: &Input| {
        let start = input.source.start();
        start.is_ok_and(|start| is_image_review(&start))
    };
    if !io::stdout().is_terminal()
        && inputs.iter().all(may_be_stream)
        && inputs.first().is_some_and(is_review)
    {
        Format::Answers
    } else {
        Format::Human
    }
}

/// Whether a text begins as an `ImageReview` in JSON does, as far as its start tells.
fn is_image_review(start: &[u8]) -> bool {
    let api_version = format!("\"{}\"", image_review::API_VERSION);
    start.trim_ascii_start().starts_with(b"{")
        && memchr::memmem::find(start, api_version.as_bytes()).is_some()
}

fn answer_all(
    inputs: &[Input],
    policy: &dyn Policy,
    language: Language,
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    for Input { source, .. } in inputs {
        let name = source.to_string();
        let name = OneLine(&name);
        outcome = outcome.max(match source.open() {
            Ok(reader) => answer(&name, reader, policy, language, out)?,
            Err(error) => {
                report(format_args!("{name}: {error}"));
                Outcome::Error
            }
        });
    }
    Ok(outcome)
}

fn answer(
    name: &OneLine<'_>,
    reader: impl Read,
    policy: &dyn Policy,
    language: Language,
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut is_empty = true;
    let mut stream = ImageReviewStream::new(reader);
    loop {
        match stream.read_more() {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                report(format_args!("{name}: {error}"));
                return Ok(Outcome::Error);
            }
        }
        stream.visit(|review| {
            is_empty = false;
            match review {
                Ok(review) => {
                    let verdict = decide(policy, &review.review().with_time(SystemTime::now()));
                    if !verdict.is_allowed() {
                        outcome = outcome.max(Outcome::Denied);
                    }
                    serde_json::to_writer(
                        &mut *out,
                        &ImageReviewResponse::new(&verdict, language),
                    )?;
                    out.write_all(b"\n")
                }
                Err(error) => {
                    outcome = Outcome::Error;
                    let (position, message) = (error.position(), error.message());
                    report(format_args!("{name}:{position}: {message}"));
                    Ok(())
                }
            }
        })?;
        // Whoever writes reviews and waits for the answers gets them.
        out.flush()?;
    }
    if is_empty {
        report(format_args!("{name}: it is empty, so nothing was reviewed"));
        outcome = Outcome::Error;
    }
    Ok(outcome)
}
