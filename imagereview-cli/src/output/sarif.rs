//! SARIF 2.1.0, as code scanning takes it.
//!
//! Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use imagereview_core::{Language, Mode, Violation};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_sarif::sarif;

use super::Report;
use crate::{
    input::Position,
    report::{Problem, ReviewedDocument, ReviewedFile, ReviewedImage, Summary},
};

/// Where the schema of the format is published.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What is escaped in the path of a relative URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(super) struct Sarif {
    language: Language,
    results: Vec<sarif::Result>,
    /// The index of each rule that is broken, and what is done about it.
    rules: BTreeMap<String, (i64, Option<String>)>,
    notifications: Vec<sarif::Notification>,
}

impl Sarif {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            results: Vec::new(),
            rules: BTreeMap::new(),
            notifications: Vec::new(),
        }
    }

    fn rule_index(&mut self, violation: &Violation) -> i64 {
        if let Some((index, _)) = self.rules.get(violation.rule()) {
            return *index;
        }
        let index = i64::try_from(self.rules.len()).unwrap_or(i64::MAX);
        let remedy = violation
            .remedy()
            .map(|remedy| remedy.text(self.language).to_owned());
        self.rules
            .insert(violation.rule().to_owned(), (index, remedy));
        index
    }

    fn result(
        &mut self,
        file: &ReviewedFile,
        document: &ReviewedDocument,
        image: &ReviewedImage,
        violation: &Violation,
    ) -> sarif::Result {
        let level = match violation.mode() {
            Mode::Enforce => sarif::ResultLevel::Error,
            Mode::Warn => sarif::ResultLevel::Warning,
            _ => sarif::ResultLevel::Note,
        };
        let location = sarif::Location::builder()
            .physical_location(physical_location(&file.name, image.position, image.columns))
            .logical_locations(vec![
                sarif::LogicalLocation::builder()
                    .name(document.title.clone())
                    .fully_qualified_name(image.path.clone())
                    .kind("member")
                    .build(),
            ])
            .build();
        // What a violation is, wherever in the file it moves to.
        let parts = [&document.title, &image.path, &image.image];
        let identity = parts
            .into_iter()
            .fold(violation.rule().to_owned(), |all, part| all + "|" + part);
        sarif::Result::builder()
            .rule_id(violation.rule())
            .rule_index(self.rule_index(violation))
            .level(level)
            .message(message(&violation.describe(self.language)))
            .locations(vec![location])
            .partial_fingerprints(BTreeMap::from([("imagereview/v1".to_owned(), identity)]))
            .build()
    }
}

fn message(text: &str) -> sarif::Message {
    sarif::Message::builder().text(text).build()
}

/// A place in a file, and how many columns it has from there on.
fn physical_location(
    file: &str,
    position: Option<Position>,
    columns: Option<usize>,
) -> sarif::PhysicalLocation {
    let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let uri = utf8_percent_encode(file, PATH).to_string();
    let artifact = sarif::ArtifactLocation::builder().uri(uri).build();
    // Code scanning asks for a region always.
    let start = position.unwrap_or(Position::START);
    let region = sarif::Region::builder()
        .start_line(number(start.line()))
        .start_column(number(start.column()));
    let region = match columns {
        None => region.build(),
        Some(columns) => region.end_column(number(start.column() + columns)).build(),
    };
    sarif::PhysicalLocation::builder()
        .artifact_location(artifact)
        .region(region)
        .build()
}

fn notification(file: &str, problem: &Problem) -> sarif::Notification {
    let level = if problem.is_error {
        sarif::NotificationLevel::Error
    } else {
        sarif::NotificationLevel::Warning
    };
    let location = sarif::Location::builder()
        .physical_location(physical_location(file, problem.position, None))
        .build();
    sarif::Notification::builder()
        .level(serde_json::json!(level))
        .message(message(&problem.message))
        .locations(vec![location])
        .build()
}

impl Report for Sarif {
    fn add(&mut self, file: &ReviewedFile, _: &mut dyn Write) -> io::Result<()> {
        for document in &file.documents {
            for image in &document.images {
                for violation in &image.violations {
                    let result = self.result(file, document, image, violation);
                    self.results.push(result);
                }
            }
        }
        let problems = file.problems.iter();
        self.notifications
            .extend(problems.map(|problem| notification(&file.name, problem)));
        Ok(())
    }

    fn finish(&mut self, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let mut rules: Vec<_> = std::mem::take(&mut self.rules).into_iter().collect();
        rules.sort_by_key(|(_, (index, _))| *index);
        let rules = rules.into_iter().map(|(name, (_, remedy))| {
            let text = remedy.unwrap_or_else(|| name.clone());
            let help = sarif::MultiformatMessageString::builder()
                .text(text)
                .build();
            sarif::ReportingDescriptor::builder()
                .id(name)
                .help(help)
                .build()
        });
        let driver = sarif::ToolComponent::builder()
            .name("imagereview")
            .semantic_version(env!("CARGO_PKG_VERSION"))
            .information_uri(env!("CARGO_PKG_REPOSITORY"))
            .rules(rules.collect::<Vec<_>>())
            .build();
        let invocation = sarif::Invocation::builder()
            .execution_successful(summary.errors == 0)
            .tool_execution_notifications(std::mem::take(&mut self.notifications))
            .build();
        let run = sarif::Run::builder()
            .tool(sarif::Tool::builder().driver(driver).build())
            .invocations(vec![invocation])
            .results(std::mem::take(&mut self.results))
            .column_kind(serde_json::json!("unicodeCodePoints"))
            .build();
        let log = sarif::Sarif::builder()
            .schema(SCHEMA)
            .version(serde_json::json!("2.1.0"))
            .runs(vec![run])
            .build();
        serde_json::to_writer_pretty(&mut *out, &log)?;
        out.write_all(b"\n")
    }
}
