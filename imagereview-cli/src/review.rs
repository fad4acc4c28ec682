//! `imagereview review`: answers reviews as the webhook would.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
};

use imagereview_core::{ImageReviewAnswer, Language, NoLatestTag, decide};

use crate::{
    input::{ImageReviewStream, Source},
    language::LanguageArgs,
    outcome::Outcome,
    output::report,
};

/// Answer ImageReviews as the webhook would
///
/// Reads ImageReview documents in JSON, any number in each input, one after another, and prints
/// one answer a line, in their order. What can't be read is told on standard error, and the rest is
/// still answered. An input that is empty is an error: a program that failed to write it must not
/// pass for approval.
#[expect(
    clippy::doc_markdown,
    reason = "clap shows these comments as they stand, backticks and all"
)]
#[derive(Debug, clap::Args)]
#[command(after_long_help = Outcome::HELP)]
pub(crate) struct ReviewArgs {
    /// A file; - is standard input, which is read too where no file is given
    #[arg(value_name = "FILE")]
    files: Vec<OsString>,

    #[command(flatten)]
    language: LanguageArgs,
}

/// Answers each review; an error is one of writing.
pub(crate) fn run(args: &ReviewArgs, out: &mut impl Write) -> io::Result<Outcome> {
    let mut sources: Vec<Source> = args.files.iter().map(|f| f.as_os_str().into()).collect();
    if sources.is_empty() {
        sources.push(Source::Stdin);
    }
    let mut outcome = Outcome::default();
    for source in &sources {
        outcome = outcome.max(match source.open() {
            Ok(reader) => answer(source, reader, args.language.language, out)?,
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
    language: Language,
    out: &mut impl Write,
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
                    let verdict = decide(&NoLatestTag, &review.review());
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
