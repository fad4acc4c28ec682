//! One JSON document: the summary, every document with its images, and what could not be read.

use std::io::{self, Write};

use imagereview_core::{Language, Violation};
use serde::Serialize;

use super::report::Report;
use crate::{
    engine::{Diagnostic, ReviewedDocument, ReviewedFile, ReviewedImage, Run, UsedExemption},
    input::Position,
};

/// A document and what came of it, as JSON.
#[derive(Serialize)]
pub(super) struct DocumentRecord<'a> {
    file: &'a str,
    object: &'a str,
    /// The template that it was rendered from. Lines and columns are those of `file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    allowed: bool,
    images: Vec<ImageRecord<'a>>,
}

#[derive(Serialize)]
struct ImageRecord<'a> {
    image: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    /// The volume that the image is mounted as; then it has no container.
    #[serde(skip_serializing_if = "Option::is_none")]
    volume: Option<&'a str>,
    #[serde(flatten)]
    position: Option<PositionRecord>,
    allowed: bool,
    violations: Vec<ViolationRecord<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    exempted: &'a [UsedExemption],
}

/// One rule that an image breaks, as JSON.
#[derive(Serialize)]
pub(crate) struct ViolationRecord<'a> {
    rule: &'a str,
    mode: String,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
}

#[derive(Serialize)]
struct DiagnosticRecord {
    file: String,
    #[serde(flatten)]
    position: Option<PositionRecord>,
    message: String,
    error: bool,
}

#[derive(Serialize)]
struct PositionRecord {
    line: usize,
    column: usize,
}

impl From<Position> for PositionRecord {
    fn from(position: Position) -> Self {
        Self {
            line: position.line(),
            column: position.column(),
        }
    }
}

impl<'a> ViolationRecord<'a> {
    pub(crate) fn new(violation: &'a Violation, language: Language) -> Self {
        Self {
            rule: violation.rule(),
            mode: violation.mode().to_string(),
            reason: violation.reason().text(language),
            remedy: violation.remedy().map(|remedy| remedy.text(language)),
        }
    }
}

impl<'a> DocumentRecord<'a> {
    pub(super) fn new(file: &'a str, document: &'a ReviewedDocument, language: Language) -> Self {
        let violation = |violation| ViolationRecord::new(violation, language);
        let image = |image: &'a ReviewedImage| ImageRecord {
            image: &image.image,
            path: &image.path,
            container: image.container.as_deref().filter(|_| !image.is_volume()),
            volume: image.container.as_deref().filter(|_| image.is_volume()),
            position: image.position.map(PositionRecord::from),
            allowed: image.is_allowed(),
            violations: image.violations.iter().map(violation).collect(),
            exempted: &image.exempted,
        };
        Self {
            file,
            object: &document.title,
            template: document.template.as_deref(),
            namespace: document.namespace.as_deref(),
            allowed: document.is_allowed,
            images: document.images.iter().map(image).collect(),
        }
    }
}

impl DiagnosticRecord {
    fn new(file: &str, diagnostic: &Diagnostic) -> Self {
        Self {
            file: file.to_owned(),
            position: diagnostic.position.map(PositionRecord::from),
            message: diagnostic.message.clone(),
            error: diagnostic.is_error,
        }
    }
}

/// Documents are written as they come, so that a run of any size needs no more memory.
pub(super) struct Json {
    language: Language,
    has_documents: bool,
    diagnostics: Vec<DiagnosticRecord>,
}

impl Json {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            has_documents: false,
            diagnostics: Vec::new(),
        }
    }
}

impl Report for Json {
    fn add(&mut self, file: &ReviewedFile, out: &mut dyn Write) -> io::Result<()> {
        for document in &file.documents {
            let before = if self.has_documents {
                ",\n"
            } else {
                "{\"documents\":[\n"
            };
            self.has_documents = true;
            out.write_all(before.as_bytes())?;
            let record = DocumentRecord::new(&file.name, document, self.language);
            serde_json::to_writer(&mut *out, &record)?;
        }
        let diagnostics = file.diagnostics.iter();
        self.diagnostics
            .extend(diagnostics.map(|diagnostic| DiagnosticRecord::new(&file.name, diagnostic)));
        Ok(())
    }

    fn finish(&mut self, run: &Run, out: &mut dyn Write) -> io::Result<()> {
        if !self.has_documents {
            out.write_all(b"{\"documents\":[")?;
        }
        out.write_all(b"\n],\"diagnostics\":")?;
        serde_json::to_writer(&mut *out, &self.diagnostics)?;
        out.write_all(b",\"summary\":")?;
        serde_json::to_writer(&mut *out, &run.summary)?;
        out.write_all(b"}\n")
    }
}
