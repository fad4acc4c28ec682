//! What a run prints: one file for each format.

mod github;
mod html;
mod human;
mod json;
mod junit;
mod label;
mod markdown;
mod ndjson;
mod sarif;
mod table;

use std::{
    ffi::OsStr,
    fmt::Display,
    fs::File,
    io::{self, BufWriter, IsTerminal, StdoutLock, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use anstream::{AutoStream, ColorChoice};
use clap::{
    ValueEnum,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};
use imagereview_core::Language;
use indicatif::ProgressBar;

pub(crate) use self::json::ViolationRecord;
use crate::report::{ReviewedFile, Summary};

/// What results are written to.
pub(crate) type Stdout = BufWriter<StdoutLock<'static>>;

/// Standard output, written in large blocks.
pub(crate) fn stdout() -> Stdout {
    BufWriter::with_capacity(64 << 10, io::stdout().lock())
}

/// Tells what went wrong, on standard error.
pub(crate) fn report(error: impl Display) {
    // It may name files, and quote what is in them.
    let message = error.to_string();
    let lines: Vec<String> = message
        .split('\n')
        .map(|line| OneLine(line).to_string())
        .collect();
    // Where standard error is closed, the exit status still tells.
    let _ = writeln!(io::stderr(), "imagereview: {}", lines.join("\n"));
}

/// How many inputs are so few that nobody waits for them.
const FEW_INPUTS: u64 = 500;

/// A bar that shows how many inputs are done, on a terminal and where there are many.
pub(crate) fn progress(inputs: usize) -> ProgressBar {
    let inputs = inputs as u64;
    if inputs > FEW_INPUTS && io::stderr().is_terminal() {
        ProgressBar::new(inputs)
    } else {
        ProgressBar::hidden()
    }
}

/// A form in which the outcome of a run is written.
pub(crate) trait Report {
    /// Takes what came of one input. Inputs come in their order.
    fn add(&mut self, file: &ReviewedFile, out: &mut dyn Write) -> io::Result<()>;

    /// Writes what can be written only when everything is known.
    fn finish(&mut self, summary: &Summary, out: &mut dyn Write) -> io::Result<()>;
}

/// The name of a form in which the outcome of a run is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: each violation with the lines that it stands in, and what to do about it
    Human,
    /// One JSON document
    Json,
    /// A JSON object for each document, one a line
    Ndjson,
    /// SARIF 2.1.0, which code scanning takes
    Sarif,
    /// JUnit XML, which CI servers show as tests
    Junit,
    /// Annotations of a GitHub workflow
    Github,
    /// A table of all images
    Table,
    /// Markdown, for a comment on a change
    Markdown,
    /// One page that needs nothing else, to be looked at in a browser
    Html,
    /// What the webhook answers to each ImageReview, one a line; no other format stands beside it
    Answers,
}

/// How people want things to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) language: Language,
    pub(crate) has_color: bool,
    /// How many characters a line has room for, on a terminal.
    pub(crate) width: Option<usize>,
}

impl Style {
    /// In colour on a terminal that has it, unless `NO_COLOR` (<https://no-color.org>), `CLICOLOR`
    /// or `CLICOLOR_FORCE` (<https://bixense.com/clicolors/>) say otherwise.
    pub(crate) fn of_stdout(language: Language) -> Self {
        let stdout = io::stdout();
        let width = terminal_size::terminal_size_of(&stdout)
            .map(|(terminal_size::Width(columns), _)| usize::from(columns));
        Self {
            language,
            has_color: AutoStream::choice(&stdout) != ColorChoice::Never,
            width,
        }
    }

    /// Without colour.
    fn of_file(language: Language) -> Self {
        Self {
            language,
            has_color: false,
            width: None,
        }
    }
}

/// What people write for standard output where a file is asked for.
const STDOUT: &str = "-";

/// A format, and the file that it is written to: `sarif=out.sarif`, or `human` for standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormatArg {
    format: Format,
    file: Option<PathBuf>,
}

impl FormatArg {
    pub(crate) fn new(format: Format, file: Option<PathBuf>) -> Self {
        Self { format, file }
    }

    /// The same, to this file if it is to none yet.
    pub(crate) fn or_file(mut self, file: Option<&Path>) -> Self {
        let file = file.filter(|file| *file != Path::new(STDOUT));
        self.file = self.file.or_else(|| file.map(Path::to_owned));
        self
    }

    fn name(&self) -> String {
        let value = self.format.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(crate) fn is_answers(&self) -> bool {
        self.format == Format::Answers
    }

    /// Whether it shows the place of images that break no rule too.
    pub(crate) fn shows_every_place(&self) -> bool {
        use Format::{Html, Json, Ndjson, Table};

        matches!(self.format, Json | Ndjson | Table | Html)
    }

    /// Makes the file.
    pub(crate) fn create_file(&self) -> Result<Option<OutputFile>, WriteError> {
        self.file.as_deref().map(OutputFile::create).transpose()
    }

    fn report(&self, language: Language) -> Result<Box<dyn Report>, WriteError> {
        let style = match self.file {
            None => Style::of_stdout(language),
            Some(_) => Style::of_file(language),
        };
        Ok(match self.format {
            Format::Human => Box::new(human::Human::new(style)),
            Format::Json => Box::new(json::Json::new(language)),
            Format::Ndjson => Box::new(ndjson::Ndjson::new(language)),
            Format::Sarif => Box::new(sarif::Sarif::new(language)),
            Format::Junit => Box::new(junit::Junit::new(language)),
            Format::Github => Box::new(github::Github::new(language)),
            Format::Table => Box::new(table::Table::new(style)),
            Format::Markdown => Box::new(markdown::Markdown::new(language)),
            Format::Html => Box::new(html::Html::new(language)),
            Format::Answers => return Err(WriteError::AnswersAmongOthers),
        })
    }
}

impl FromStr for FormatArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name, Some(file)),
            None => (text, None),
        };
        if file == Some("") {
            return Err(format!("no file is named after {name}="));
        }
        let names = || {
            let formats = Format::value_variants().iter();
            let names = formats.map(|format| Self::new(*format, None).name());
            names.collect::<Vec<_>>().join(", ")
        };
        let format = Format::from_str(name, false)
            .map_err(|_| format!("there is no format {name:?}; the formats are {}", names()))?;
        let file = file.filter(|file| *file != STDOUT).map(PathBuf::from);
        Ok(Self { format, file })
    }
}

/// Reads a [`FormatArg`], and tells shells and the manual which formats there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FormatArgParser;

impl TypedValueParser for FormatArgParser {
    type Value = FormatArg;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<FormatArg, clap::Error> {
        let parser = StringValueParser::new().try_map(|text| text.parse::<FormatArg>());
        parser.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let formats = Format::value_variants().iter();
        Some(Box::new(formats.filter_map(ValueEnum::to_possible_value)))
    }
}

/// A file that results are written to.
#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl OutputFile {
    /// Makes the file.
    pub(crate) fn create(path: &Path) -> Result<Self, WriteError> {
        match File::create(path) {
            Ok(file) => Ok(Self {
                path: path.to_owned(),
                file: BufWriter::new(file),
            }),
            Err(cause) => Err(WriteError::File {
                path: path.to_owned(),
                cause,
            }),
        }
    }

    /// Writes, and says of an error which file it is about.
    pub(crate) fn write(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        write(&mut self.file).map_err(|cause| WriteError::File {
            path: self.path.clone(),
            cause,
        })
    }
}

/// The reports of one run, each in its own place.
pub(crate) struct Reports<'o> {
    stdout: &'o mut dyn Write,
    reports: Vec<(Box<dyn Report>, Option<OutputFile>)>,
}

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("can't write to standard output: {0}")]
    Stdout(#[from] io::Error),
    #[error("can't write {}: {cause}", path.display())]
    File { path: PathBuf, cause: io::Error },
    #[error("the format answers is written as reviews are read, so it can't stand among others")]
    AnswersAmongOthers,
    #[error("{first} and {second} would both go to {place}; write --format {second}=FILE")]
    SamePlace {
        first: String,
        second: String,
        place: String,
    },
}

impl<'o> Reports<'o> {
    /// Makes the files, so that a run that could not write them fails before its work.
    pub(crate) fn create(
        formats: &[FormatArg],
        language: Language,
        stdout: &'o mut dyn Write,
    ) -> Result<Self, WriteError> {
        if formats.iter().any(FormatArg::is_answers) {
            return Err(WriteError::AnswersAmongOthers);
        }
        for (index, format) in formats.iter().enumerate() {
            if let Some(first) = formats[..index].iter().find(|f| f.file == format.file) {
                let place = match &format.file {
                    None => "standard output".to_owned(),
                    Some(file) => file.display().to_string(),
                };
                let (first, second) = (first.name(), format.name());
                return Err(WriteError::SamePlace {
                    first,
                    second,
                    place,
                });
            }
        }
        let reports = formats
            .iter()
            .map(|format| Ok((format.report(language)?, format.create_file()?)));
        Ok(Self {
            reports: reports.collect::<Result<_, WriteError>>()?,
            stdout,
        })
    }

    pub(crate) fn add(&mut self, file: &ReviewedFile) -> Result<(), WriteError> {
        self.each(|report, out| report.add(file, out))
    }

    pub(crate) fn finish(&mut self, summary: &Summary) -> Result<(), WriteError> {
        self.each(|report, out| {
            report.finish(summary, out)?;
            out.flush()
        })
    }

    fn each(
        &mut self,
        mut write: impl FnMut(&mut dyn Report, &mut dyn Write) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        for (report, file) in &mut self.reports {
            match file {
                None => write(&mut **report, self.stdout)?,
                Some(file) => file.write(|out| write(&mut **report, out))?,
            }
        }
        Ok(())
    }
}

/// Text from outside on one line: what could forge a line, or turn the direction of writing, is
/// shown escaped.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl Display for OneLine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '"' | '\'' | '\\' => write!(f, "{c}")?,
                _ => write!(f, "{}", c.escape_debug())?,
            }
        }
        Ok(())
    }
}
