//! Annotations of a GitHub workflow.
//!
//! Source: <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>

use std::io::{self, Write};

use imagereview_core::{Language, Mode};

use super::report::Report;
use crate::{
    engine::{ReviewedFile, Summary},
    input::Position,
};

pub(super) struct Github {
    language: Language,
}

impl Github {
    pub(super) fn new(language: Language) -> Self {
        Self { language }
    }
}

/// The text of a command, on one line.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

fn annotate(
    command: &str,
    file: &str,
    position: Option<Position>,
    title: &str,
    message: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    write!(out, "::{command} file={}", property(file))?;
    if let Some(position) = position {
        write!(out, ",line={},col={}", position.line(), position.column())?;
    }
    writeln!(out, ",title={}::{}", property(title), data(message))
}

impl Report for Github {
    fn add(&mut self, file: &ReviewedFile, out: &mut dyn Write) -> io::Result<()> {
        for image in file.documents.iter().flat_map(|document| &document.images) {
            for violation in &image.violations {
                let command = match violation.mode() {
                    Mode::Enforce => "error",
                    Mode::Warn => "warning",
                    Mode::Audit => "notice",
                };
                let message = violation.describe(self.language);
                annotate(
                    command,
                    &file.name,
                    image.position,
                    violation.rule(),
                    &message,
                    out,
                )?;
            }
        }
        for diagnostic in &file.diagnostics {
            let command = if diagnostic.is_error {
                "error"
            } else {
                "warning"
            };
            let title = "imagereview";
            annotate(
                command,
                &file.name,
                diagnostic.position,
                title,
                &diagnostic.message,
                out,
            )?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &Summary, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(data("a\n::error::b 100%"), "a%0A::error::b 100%25");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
        assert_eq!(data("plain: text"), "plain: text");
    }
}
