//! `imagereview review`: reviews files, folders and standard input.

use std::{
    io::{self, IsTerminal, Read, Write},
    path::PathBuf,
    time::SystemTime,
};

use imagereview_core::{ImageReviewAnswer, Language, Policy, decide, review::image_review};

use crate::{
    error::CliError,
    input::{ImageReviewStream, Input, Source},
    input_args::InputArgs,
    language::LanguageArgs,
    outcome::Outcome,
    output::{Format, FormatArg, Reports, WriteError, report},
    policy_file::PolicyArgs,
    report::Summary,
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
    /// FORMAT is one of human, json, ndjson, sarif, junit, github, table, markdown, html and
    /// answers. The default is human; but where standard output is no terminal and the first input
    /// is an ImageReview, it is answers: what the webhook would answer, one a line.
    #[arg(long = "format", short, value_name = "FORMAT")]
    formats: Vec<FormatArg>,

    /// Write to this file what would go to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    language: LanguageArgs,
}

/// Reviews each input and writes the reports.
pub(crate) fn run(args: &ReviewArgs, out: &mut dyn Write) -> Result<Outcome, CliError> {
    let language = args.language.language;
    let policy = args.policy.load()?;
    let (all, unread) = args.inputs.collect();
    let mut formats = args.formats.clone();
    if formats.is_empty() {
        formats.push(FormatArg::new(default_format(all.first()), None));
    }
    let output = args.output.as_deref();
    let formats: Vec<_> = formats
        .into_iter()
        .map(|format| format.or_file(output))
        .collect();
    let outcome = match &*formats {
        [format] if format.is_answers() => match format.create_file()? {
            None => answer_all(&all, policy.as_policy(), language, out)?,
            Some(mut file) => {
                let mut outcome = Outcome::default();
                file.write(|out| {
                    outcome = answer_all(&all, policy.as_policy(), language, out)?;
                    out.flush()
                })?;
                outcome
            }
        },
        formats => {
            let reports = Reports::create(formats, language, out)?;
            let variables = args.inputs.variables();
            review_all(&all, &Reviewer::new(&policy, variables), reports)?
        }
    };
    Ok(outcome.max(unread))
}

/// For people; but a program that writes reviews is answered as the webhook would answer it.
fn default_format(first: Option<&Input>) -> Format {
    let is_review = |input: &Input| {
        let start = input.source.start();
        start.is_ok_and(|start| is_image_review(&start))
    };
    if !io::stdout().is_terminal() && first.is_some_and(is_review) {
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

fn review_all(
    inputs: &[Input],
    reviewer: &Reviewer<'_>,
    mut reports: Reports<'_>,
) -> Result<Outcome, WriteError> {
    let mut summary = Summary::default();
    reviewer.review_all(inputs, |file| {
        file.report_problems();
        summary.add(file);
        reports.add(file)
    })?;
    reports.finish(&summary)?;
    Ok(summary.outcome())
}

fn answer_all(
    inputs: &[Input],
    policy: &dyn Policy,
    language: Language,
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    for Input { source, .. } in inputs {
        outcome = outcome.max(match source.open() {
            Ok(reader) => answer(source, reader, policy, language, out)?,
            Err(error) => {
                report(format_args!("{source}: {error}"));
                Outcome::Error
            }
        });
    }
    Ok(outcome)
}

fn answer(
    source: &Source,
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
                report(format_args!("{source}: {error}"));
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
                    serde_json::to_writer(&mut *out, &ImageReviewAnswer::new(&verdict, language))?;
                    out.write_all(b"\n")
                }
                Err(error) => {
                    outcome = Outcome::Error;
                    let (position, message) = (error.position(), error.message());
                    report(format_args!("{source}:{position}: {message}"));
                    Ok(())
                }
            }
        })?;
        // Whoever writes reviews and waits for the answers gets them.
        out.flush()?;
    }
    if is_empty {
        report(format_args!(
            "{source}: it is empty, so nothing was reviewed"
        ));
        outcome = Outcome::Error;
    }
    Ok(outcome)
}
