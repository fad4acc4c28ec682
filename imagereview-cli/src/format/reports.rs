//! The reports of one run: each format, written to its own file or to standard output.

use std::io::{self, Write};

use imagereview_core::Language;

use super::{
    format_arg::FormatArg, github::Github, head::Head, html::Html, human::Human, json::Json,
    junit::Junit, markdown::Markdown, name::FormatName, ndjson::Ndjson, report::Report,
    sarif::Sarif, table::Table,
};
use crate::{
    engine::{ReviewedFile, Run},
    output::{OutputFile, WriteError},
    terminal::Appearance,
};

/// The reports of one run.
pub(crate) struct Reports<'o> {
    stdout: &'o mut dyn Write,
    reports: Vec<(Box<dyn Report>, Option<OutputFile>)>,
}

/// The reports of a run can't be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportsError {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("{first} and {second} would both go to {target}; write --format {second}=FILE")]
    SameTarget {
        first: FormatName,
        second: FormatName,
        target: String,
    },
}

impl<'o> Reports<'o> {
    /// Makes the files, so that a run that could not write them fails before its work.
    pub(crate) fn create(
        formats: &[FormatArg],
        language: Language,
        head: &Head,
        stdout: &'o mut dyn Write,
    ) -> Result<Self, ReportsError> {
        for (index, format) in formats.iter().enumerate() {
            if let Some(first) = formats[..index].iter().find(|f| f.file == format.file) {
                return Err(ReportsError::SameTarget {
                    first: first.name,
                    second: format.name,
                    target: match &format.file {
                        None => "standard output".to_owned(),
                        Some(file) => file.display().to_string(),
                    },
                });
            }
        }
        let reports = formats.iter().map(|format| {
            let file = format.file.as_deref().map(OutputFile::create).transpose()?;
            Ok((report(format, language, head), file))
        });
        Ok(Self {
            reports: reports.collect::<Result<_, WriteError>>()?,
            stdout,
        })
    }

    pub(crate) fn add(&mut self, file: &ReviewedFile) -> Result<(), WriteError> {
        self.each(|report, out| report.add(file, out))
    }

    pub(crate) fn finish(&mut self, run: &Run) -> Result<(), WriteError> {
        self.each(|report, out| {
            report.finish(run, out)?;
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

fn report(format: &FormatArg, language: Language, head: &Head) -> Box<dyn Report> {
    let appearance = match format.file {
        None => Appearance::of_stdout(),
        Some(_) => Appearance::default(),
    };
    match format.name {
        FormatName::Human => Box::new(Human::new(appearance, language)),
        FormatName::Json => Box::new(Json::new(language)),
        FormatName::Ndjson => Box::new(Ndjson::new(language)),
        FormatName::Sarif => Box::new(Sarif::new(language)),
        FormatName::Junit => Box::new(Junit::new(language)),
        FormatName::Github => Box::new(Github::new(language)),
        FormatName::Table => Box::new(Table::new(appearance, language)),
        FormatName::Markdown => Box::new(Markdown::new(language)),
        FormatName::Html => Box::new(Html::new(language, head.clone())),
    }
}
