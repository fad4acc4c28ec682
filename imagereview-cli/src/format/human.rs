//! For people: each violation with the lines that it is in, and what to do about it.

use std::{
    io::{self, Write},
    ops::Range,
};

use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Renderer, Snippet, renderer::DecorStyle,
};
use imagereview_core::{Language, Mode, Violation};

use super::{label, report::Report};
use crate::terminal::{Appearance, OneLine};
use crate::{
    engine::{ReviewedDocument, ReviewedFile, ReviewedImage, Run},
    input::{Lines, around},
};

/// How many characters a line can hold where there is no terminal.
const WIDTH: usize = 140;

/// How many bytes the lines of a place may have to be shown whole.
const LONG_LINES: usize = 2000;

/// How many bytes before and behind a place are shown of longer ones.
const CONTEXT: usize = 100;

pub(super) struct Human {
    language: Language,
    renderer: Renderer,
}

impl Human {
    pub(super) fn new(appearance: Appearance, language: Language) -> Self {
        let renderer = if appearance.has_color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        Self {
            renderer: renderer
                .decor_style(DecorStyle::Ascii)
                .term_width(appearance.width.unwrap_or(WIDTH)),
            language,
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
        let language = self.language;
        let level = match violation.mode() {
            Mode::Enforce => Level::ERROR,
            Mode::Warn => Level::WARNING,
            Mode::Audit => Level::NOTE,
        };
        let consequence = label::consequence(violation.mode());
        let level = level.with_name(consequence.text(language));
        let title = level
            .primary_title(violation.reason().text(language))
            .id(violation.rule());
        let mut group = Group::with_title(title);
        let part = label::part(image, language);
        let object = label::title(document, language);
        let name = OneLine(&file.name).to_string();
        let mut label = label::part_of(&part, &object, language);
        if let Some(template) = &document.template {
            label = format!("{label}, {}", OneLine(template));
        }
        let written = image
            .span
            .as_ref()
            .and_then(|span| file.text.get(span.clone()));
        if written.is_some_and(|written| written != image.image) && !image.image.is_empty() {
            label = format!("{}, {label}", OneLine(&image.image));
        }
        if let (Some(span), Some(position)) = (&image.span, image.position) {
            let (around, line) = lines.around(span);
            let shown = window(&file.text, &around, span);
            let within = span.start - shown.start..span.end.min(shown.end) - shown.start;
            let snippet = Snippet::source(&file.text[shown.clone()])
                .line_start(line)
                .annotation(AnnotationKind::Primary.span(within).label(label));
            group = if shown.start == around.start && file.start.column_of(line) == 1 {
                group.element(snippet.path(name))
            } else {
                // The columns of the snippet are not those of the line.
                let origin = Origin::path(name)
                    .line(position.line())
                    .char_column(position.column());
                group.element(origin).element(snippet)
            };
        } else {
            let (word, image) = (label::IMAGE.text(language), OneLine(&image.image));
            let note = format!("{name}: {word} {image}, {label}");
            group = group.element(Level::NOTE.message(note));
        }
        if let Some(remedy) = violation.remedy() {
            let level = Level::HELP.with_name(label::HELP.text(language));
            group = group.element(level.message(remedy.text(language)));
        }
        let groups: [Group<'_>; 1] = [group];
        self.renderer.render(&groups)
    }
}

/// The exemptions that were used, and the summary.
pub(super) fn write_end(run: &Run, language: Language, out: &mut dyn Write) -> io::Result<()> {
    for (used, count) in &run.exemptions {
        let line = label::exemption_with_count(used, *count, language);
        writeln!(out, "{}", OneLine(&line))?;
    }
    if !run.exemptions.is_empty() {
        writeln!(out)?;
    }
    writeln!(out, "{}", run.summary.text(language))
}

/// What is shown of the lines around a span: all, unless they are so long that nobody would look
/// for the span in them.
fn window(text: &str, lines: &Range<usize>, span: &Range<usize>) -> Range<usize> {
    if lines.len() <= LONG_LINES {
        return lines.clone();
    }
    let Range { start, end } = around(text, span, CONTEXT);
    start.max(lines.start)..end.min(lines.end)
}

impl Report for Human {
    fn add(&mut self, file: &ReviewedFile, out: &mut dyn Write) -> io::Result<()> {
        let lines = Lines::new(&file.text, file.start.position);
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

    fn finish(&mut self, run: &Run, out: &mut dyn Write) -> io::Result<()> {
        write_end(run, self.language, out)
    }
}
