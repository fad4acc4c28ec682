//! `imagereview respond`: responds to review requests as the webhook does.

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Read, Write},
    path::PathBuf,
    time::SystemTime,
};

use imagereview_core::{AdmissionResponse, ImageReviewResponse, Language, decide};

use super::{
    after_help::{Example, after_help},
    error::CliError,
};
use crate::{
    args::{LanguageArgs, NoInput, PolicyArgs},
    exit_status::ExitStatus,
    input::{ReviewRequest, ReviewStream, Source},
    output::OutputFile,
    policy_file::LoadedPolicy,
    project::Project,
    terminal::{OneLine, print_diagnostic},
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    (
        "The responses to the requests of a file",
        "imagereview respond requests.json",
    ),
    (
        "The same by a policy, from standard input",
        "imagereview respond --policy policy.yaml < requests.json",
    ),
];

/// Respond to ImageReviews and AdmissionReviews as the webhook does
///
/// Reads a stream of JSON: ImageReviews and AdmissionReviews, one after another. Prints the response
/// to each, one a line, as soon as the request is read, in their order. An AdmissionReview gets the
/// response of /validate. A request that can't be read has no response; it is reported on standard
/// error, and the requests after it still get theirs.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::HELP, EXAMPLES))]
pub(crate) struct RespondArgs {
    /// File of requests in JSON, or - for standard input; default: -
    #[arg(value_name = "INPUT")]
    inputs: Vec<OsString>,

    /// Write the responses to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    language: LanguageArgs,
}

/// Responds to each request of each input.
pub(crate) fn run(
    args: &RespondArgs,
    project: &Project,
    out: &mut dyn Write,
) -> Result<ExitStatus, CliError> {
    if args.inputs.is_empty() && io::stdin().is_terminal() {
        return Err(NoInput.into());
    }
    let policy = args.policy.load(project)?;
    let responder = Responder {
        policy: &policy,
        language: args.language.language(project),
    };
    let sources: Vec<Source> = if args.inputs.is_empty() {
        vec![Source::Stdin]
    } else {
        let inputs = args.inputs.iter();
        inputs.map(|input| Source::from(&**input)).collect()
    };
    let Some(path) = args.output.as_deref().filter(|path| *path != "-") else {
        return Ok(responder.respond_to_all(&sources, out)?);
    };
    let mut status = ExitStatus::default();
    OutputFile::create(path)?.write(|out| {
        status = responder.respond_to_all(&sources, out)?;
        out.flush()
    })?;
    Ok(status)
}

struct Responder<'p> {
    policy: &'p LoadedPolicy,
    language: Language,
}

impl Responder<'_> {
    fn respond_to_all(&self, sources: &[Source], out: &mut dyn Write) -> io::Result<ExitStatus> {
        let mut status = ExitStatus::default();
        for source in sources {
            let name = source.to_string();
            let name = OneLine(&name);
            status = status.max(match source.open() {
                Ok(reader) => self.respond_to_stream(&name, reader, out)?,
                Err(error) => {
                    print_diagnostic(format_args!("{name}: {error}"));
                    ExitStatus::Error
                }
            });
        }
        Ok(status)
    }

    fn respond_to_stream(
        &self,
        name: &OneLine<'_>,
        reader: impl Read,
        out: &mut dyn Write,
    ) -> io::Result<ExitStatus> {
        let mut status = ExitStatus::default();
        let mut is_empty = true;
        let mut stream = ReviewStream::new(reader, self.policy.kinds());
        loop {
            match stream.read_more() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    print_diagnostic(format_args!("{name}: {error}"));
                    return Ok(ExitStatus::Error);
                }
            }
            stream.visit(|request| {
                is_empty = false;
                match request {
                    Ok(request) => {
                        if !self.respond(&request, out)? {
                            status = status.max(ExitStatus::Denied);
                        }
                    }
                    Err(error) => {
                        status = ExitStatus::Error;
                        let (position, message) = (error.position(), error.message());
                        print_diagnostic(format_args!("{name}:{position}: {message}"));
                    }
                }
                io::Result::Ok(())
            })?;
            // Whoever writes requests and waits for the responses gets them.
            out.flush()?;
        }
        if is_empty {
            print_diagnostic(format_args!(
                "{name}: the input is empty, so nothing was reviewed"
            ));
            status = ExitStatus::Error;
        }
        Ok(status)
    }

    /// Writes the response to one request, and tells whether that allows it.
    fn respond(&self, request: &ReviewRequest<'_>, out: &mut dyn Write) -> io::Result<bool> {
        let review = match request {
            ReviewRequest::Image(request) => request.review(),
            ReviewRequest::Admission(request) => request.review(),
        };
        let verdict = decide(
            self.policy.as_policy(),
            &review.with_time(SystemTime::now()),
        );
        match request {
            ReviewRequest::Image(_) => serde_json::to_writer(
                &mut *out,
                &ImageReviewResponse::new(&verdict, self.language),
            )?,
            ReviewRequest::Admission(request) => serde_json::to_writer(
                &mut *out,
                &AdmissionResponse::new(request, &verdict, self.language),
            )?,
        }
        out.write_all(b"\n")?;
        Ok(verdict.is_allowed())
    }
}
