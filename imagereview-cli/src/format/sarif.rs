//! SARIF 2.1.0, as code scanning takes it.
//!
//! Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use imagereview_core::{Language, Mode, Violation};
use serde_sarif::sarif;

use super::{head::percent_encoded, report::Report};
use crate::{
    engine::{Diagnostic, ReviewedDocument, ReviewedFile, ReviewedImage, Run},
    input::Position,
    terminal::print_diagnostic,
};

/// Where the schema of the format is published.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The folder that relative paths begin in, by the name that code scanning gives it.
const ROOT: &str = "%SRCROOT%";

/// How many results GitHub takes in one file; with more it refuses the file.
///
/// Source: <https://docs.github.com/code-security/reference/code-scanning/sarif-support-for-code-scanning>
const RESULTS: usize = 25_000;

/// Results are written as they come, before all else, so that a run of any size needs no more
/// memory.
pub(super) struct Sarif {
    language: Language,
    results: usize,
    rules: BTreeMap<String, Rule>,
    notifications: Vec<sarif::Notification>,
}

/// A rule that is broken.
struct Rule {
    index: i64,
    /// The level of the violation that was found first.
    level: sarif::ResultLevel,
    /// What is done about it.
    remedy: Option<String>,
}

impl Sarif {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            results: 0,
            rules: BTreeMap::new(),
            notifications: Vec::new(),
        }
    }

    fn rule_index(&mut self, violation: &Violation) -> i64 {
        if let Some(rule) = self.rules.get(violation.rule()) {
            return rule.index;
        }
        let index = i64::try_from(self.rules.len()).unwrap_or(i64::MAX);
        let remedy = violation
            .remedy()
            .map(|remedy| remedy.text(self.language).to_owned());
        let level = level(violation);
        let rule = Rule {
            index,
            level,
            remedy,
        };
        self.rules.insert(violation.rule().to_owned(), rule);
        index
    }

    fn result(
        &mut self,
        file: &ReviewedFile,
        document: &ReviewedDocument,
        image: &ReviewedImage,
        violation: &Violation,
    ) -> sarif::Result {
        let (name, position) = file.file_of(document, image);
        let columns = image.columns.filter(|_| position.is_some());
        let location = sarif::Location::builder()
            .physical_location(physical_location(name, position, columns))
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
            .level(level(violation))
            .message(message(&violation.describe(self.language)))
            .locations(vec![location])
            .partial_fingerprints(BTreeMap::from([("imagereview/v1".to_owned(), identity)]))
            .build()
    }
}

fn level(violation: &Violation) -> sarif::ResultLevel {
    match violation.mode() {
        Mode::Enforce => sarif::ResultLevel::Error,
        Mode::Warn => sarif::ResultLevel::Warning,
        Mode::Audit => sarif::ResultLevel::Note,
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
    let uri = percent_encoded(file);
    let artifact = sarif::ArtifactLocation::builder();
    let artifact = if file.starts_with('/') {
        artifact.uri(format!("file://{uri}")).build()
    } else {
        artifact.uri(uri.to_string()).uri_base_id(ROOT).build()
    };
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

fn notification(file: &str, diagnostic: &Diagnostic, text: &str) -> sarif::Notification {
    let level = if diagnostic.is_error {
        sarif::NotificationLevel::Error
    } else {
        sarif::NotificationLevel::Warning
    };
    let location = sarif::Location::builder()
        .physical_location(physical_location(file, diagnostic.position, None))
        .build();
    sarif::Notification::builder()
        .level(serde_json::json!(level))
        .message(message(text))
        .locations(vec![location])
        .build()
}

impl Rule {
    fn descriptor(self, name: String) -> sarif::ReportingDescriptor {
        let text = |text: String| {
            let text = sarif::MultiformatMessageString::builder().text(text);
            text.build()
        };
        let what = format!("images keep the rule {name:?} of the policy");
        let help = self.remedy.unwrap_or_else(|| what.clone());
        let configuration = sarif::ReportingConfiguration::builder()
            .level(serde_json::json!(self.level))
            .build();
        sarif::ReportingDescriptor::builder()
            .id(name)
            .short_description(text(what.clone()))
            .full_description(text(what))
            .help(text(help))
            .default_configuration(configuration)
            .build()
    }
}

impl Report for Sarif {
    fn add(&mut self, file: &ReviewedFile, out: &mut dyn Write) -> io::Result<()> {
        for document in &file.documents {
            for image in &document.images {
                for violation in &image.violations {
                    if self.results > 0 {
                        out.write_all(b",\n")?;
                    } else {
                        write_start(out)?;
                    }
                    self.results += 1;
                    let result = self.result(file, document, image, violation);
                    serde_json::to_writer(&mut *out, &result)?;
                }
            }
        }
        let diagnostics = file.errors();
        self.notifications.extend(
            diagnostics.map(|diagnostic| notification(&file.name, diagnostic, &diagnostic.message)),
        );
        Ok(())
    }

    fn finish(&mut self, run: &Run, out: &mut dyn Write) -> io::Result<()> {
        if self.results > RESULTS {
            print_diagnostic(format_args!(
                "the SARIF file has {} results, and GitHub takes {RESULTS}; review fewer inputs at a time, or accept \
                 findings with --baseline",
                self.results
            ));
        }
        let notices = run.unreviewed.notices().iter();
        self.notifications.extend(
            notices.map(|notice| notification(&notice.file, &notice.first, &notice.to_string())),
        );
        if self.results == 0 {
            write_start(out)?;
        }
        let mut rules: Vec<_> = std::mem::take(&mut self.rules).into_iter().collect();
        rules.sort_by_key(|(_, rule)| rule.index);
        let rules = rules.into_iter().map(|(name, rule)| rule.descriptor(name));
        let driver = sarif::ToolComponent::builder()
            .name("imagereview")
            .semantic_version(env!("CARGO_PKG_VERSION"))
            .information_uri(env!("CARGO_PKG_REPOSITORY"))
            .rules(rules.collect::<Vec<_>>())
            .build();
        let tool = sarif::Tool::builder().driver(driver).build();
        let invocation = sarif::Invocation::builder()
            .execution_successful(run.summary.errors == 0)
            .tool_execution_notifications(std::mem::take(&mut self.notifications))
            .build();
        out.write_all(b"\n],\"columnKind\":\"unicodeCodePoints\",\n\"invocations\":")?;
        serde_json::to_writer(&mut *out, &[invocation])?;
        out.write_all(b",\n\"tool\":")?;
        serde_json::to_writer(&mut *out, &tool)?;
        out.write_all(b",\n\"properties\":")?;
        let exemptions = run.exemptions.iter().map(|(used, count)| {
            let exemption = serde_json::json!(used);
            serde_json::json!({"used": exemption, "count": count})
        });
        let exemptions: Vec<serde_json::Value> = exemptions.collect();
        let properties = serde_json::json!({"summary": run.summary, "exemptions": exemptions});
        serde_json::to_writer(&mut *out, &properties)?;
        out.write_all(b"}]}\n")
    }
}

/// All that comes before the results.
fn write_start(out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[{{\"results\":["
    )
}
