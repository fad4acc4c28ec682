//! One page that needs nothing else: what is denied and why, and which images are used where.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use askama::Template;
use imagereview_core::{ImageRef, Language, Mode, Violation};

use super::Report;
use crate::report::{ReviewedDocument, ReviewedFile, ReviewedImage, Summary};

pub(super) struct Html {
    language: Language,
    findings: BTreeMap<String, Vec<Finding>>,
    registries: BTreeMap<String, BTreeMap<String, Vec<Use>>>,
    problems: Vec<String>,
}

/// One image that breaks the rule it stands under.
struct Finding {
    mode: Mode,
    image: String,
    reason: String,
    remedy: String,
    object: String,
    container: String,
    place: String,
    /// The line that the image stands in: before, the image, and after.
    line: Option<(String, String, String)>,
}

/// One use of a repository.
struct Use {
    /// The tag and digest as written.
    version: String,
    object: String,
    place: String,
    is_allowed: bool,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    language: Language,
    version: &'a str,
    summary: &'a Summary,
    findings: &'a BTreeMap<String, Vec<Finding>>,
    registries: &'a BTreeMap<String, BTreeMap<String, Vec<Use>>>,
    problems: &'a [String],
}

impl Html {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            findings: BTreeMap::new(),
            registries: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    fn finding(
        &self,
        file: &ReviewedFile,
        document: &ReviewedDocument,
        image: &ReviewedImage,
        violation: &Violation,
    ) -> Finding {
        let line = image.span.as_ref().and_then(|span| {
            let start = file.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
            let end = file.text[span.end..]
                .find('\n')
                .map_or(file.text.len(), |at| span.end + at);
            Some((
                file.text.get(start..span.start)?.trim_start().to_owned(),
                file.text.get(span.clone())?.to_owned(),
                file.text.get(span.end..end)?.trim_end().to_owned(),
            ))
        });
        Finding {
            mode: violation.mode(),
            image: image.image.clone(),
            reason: violation.reason().text(self.language).to_owned(),
            remedy: violation
                .remedy()
                .map(|remedy| remedy.text(self.language).to_owned())
                .unwrap_or_default(),
            object: document.title.clone(),
            container: image.container.clone().unwrap_or_default(),
            place: place(file, image),
            line,
        }
    }
}

fn place(file: &ReviewedFile, image: &ReviewedImage) -> String {
    match image.position {
        Some(position) => format!("{}:{position}", file.name),
        None => format!("{} {}", file.name, image.path),
    }
}

/// The registry, the repository, and the tag and digest as written. What cannot be read stands
/// under no registry.
fn parts(image: &str) -> (String, String, String) {
    let Ok(reference) = ImageRef::parse(image) else {
        return (String::new(), image.to_owned(), String::new());
    };
    let tag = reference.tag().map(|tag| format!(":{tag}"));
    let digest = reference.digest().map(|digest| format!("@{digest}"));
    (
        reference.registry().to_owned(),
        reference.repository().to_string(),
        tag.unwrap_or_default() + &digest.unwrap_or_default(),
    )
}

impl Report for Html {
    fn add(&mut self, file: &ReviewedFile, _: &mut dyn Write) -> io::Result<()> {
        for document in &file.documents {
            for image in &document.images {
                for violation in &image.violations {
                    let finding = self.finding(file, document, image, violation);
                    let rule = violation.rule().to_owned();
                    self.findings.entry(rule).or_default().push(finding);
                }
                let (registry, repository, version) = parts(&image.image);
                self.registries
                    .entry(registry)
                    .or_default()
                    .entry(repository)
                    .or_default()
                    .push(Use {
                        version,
                        object: document.title.clone(),
                        place: place(file, image),
                        is_allowed: image.is_allowed(),
                    });
            }
        }
        for problem in &file.problems {
            let position = problem
                .position
                .map(|at| format!(":{at}"))
                .unwrap_or_default();
            self.problems
                .push(format!("{}{position}: {}", file.name, problem.message));
        }
        Ok(())
    }

    fn finish(&mut self, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        let page = Page {
            language: self.language,
            version: env!("CARGO_PKG_VERSION"),
            summary,
            findings: &self.findings,
            registries: &self.registries,
            problems: &self.problems,
        };
        page.write_into(out)
    }
}
