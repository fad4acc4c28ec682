//! For people: each violation with the lines that it stands in, and what to do about it.

use std::io::{self, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};
use imagereview_core::{Mode, Violation};

use super::{OneLine, Report, Style};
use crate::{
    input::Lines,
    report::{ReviewedDocument, ReviewedFile, ReviewedImage, Summary},
};

/// How many characters a line has room for where there is no terminal.
const WIDTH: usize = 140;

pub(super) struct Human {
    style: Style,
    renderer: Renderer,
}

impl Human {
    pub(super) fn new(style: Style) -> Self {
        let renderer = if style.has_color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        Self {
            renderer: renderer
                .decor_style(DecorStyle::Ascii)
                .term_width(style.width.unwrap_or(WIDTH)),
            style,
        }
    }

    fn violation(
        &self,
        file: &ReviewedFile,
        lines: &Lines<'_>,
        document: &ReviewedDocument,
        image: &ReviewedImage,
        violation: &Violation,
    ) -> String {
        let level = match violation.mode() {
            Mode::Enforce => Level::ERROR.with_name("denied"),
            Mode::Warn => Level::WARNING.with_name("warning"),
            _ => Level::NOTE.with_name("audit"),
        };
        let language = self.style.language;
        let title = level
            .primary_title(violation.reason().text(language))
            .id(violation.rule());
        let mut group = Group::with_title(title);
        let object = OneLine(&document.title);
        let mut label = match &image.container {
            Some(container) => format!("container {} of {object}", OneLine(container)),
            None => format!("{} of {object}", OneLine(&image.path)),
        };
        let written = image
            .span
            .as_ref()
            .and_then(|span| file.text.get(span.clone()));
        if written.is_some_and(|written| written != image.image) && !image.image.is_empty() {
            label = format!("{}, {label}", OneLine(&image.image));
        }
        if let Some(span) = &image.span {
            let (around, line) = lines.around(span);
            let within = span.start - around.start..span.end.min(around.end) - around.start;
            group = group.element(
                Snippet::source(&file.text[around])
                    .line_start(line)
                    .path(&file.name)
                    .annotation(AnnotationKind::Primary.span(within).label(label)),
            );
        } else {
            let note = format!("{}: image {}, {label}", file.name, OneLine(&image.image));
            group = group.element(Level::NOTE.message(note));
        }
        if let Some(remedy) = violation.remedy() {
            group = group.element(Level::HELP.message(remedy.text(language)));
        }
        let groups: [Group<'_>; 1] = [group];
        self.renderer.render(&groups)
    }
}

impl Report for Human {
    fn add(&mut self, file: &ReviewedFile, out: &mut dyn Write) -> io::Result<()> {
        let lines = Lines::new(&file.text);
        let documents = file.documents.iter();
        let mut images: Vec<_> = documents
            .flat_map(|document| document.images.iter().map(move |image| (document, image)))
            .collect();
        // People read from top to bottom.
        images.sort_by_key(|(_, image)| image.position);
        for (document, image) in images {
            for violation in &image.violations {
                let text = self.violation(file, &lines, document, image, violation);
                writeln!(out, "{text}\n")?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{summary}")
    }
}
