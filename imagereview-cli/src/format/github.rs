//! Annotations of a GitHub workflow.
//!
//! Source: <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>

use std::io::{self, Write};

use imagereview_core::{Language, Mode};

use super::{label, report::Report};
use crate::{
    engine::{ReviewedFile, Run},
    input::Position,
};

/// The title of what is about no rule.
const TITLE: &str = "imagereview";

/// How many annotations of each kind GitHub shows of a step. Denials and parts that can't be read are
/// of one kind.
const SHOWN: usize = 10;

/// How much of the rest is held back until denials have had their turn, in bytes.
const HELD: usize = 1 << 20;

/// Denials are written as they come, and all else behind them: GitHub shows the first annotations only.
pub(super) struct Github {
    language: Language,
    denials: usize,
    /// What is to be written behind the denials.
    held: Vec<u8>,
}

impl Github {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            denials: 0,
            held: Vec::new(),
        }
    }

    /// Writes what was held back, once no denial can be displaced by it.
    fn release(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&std::mem::take(&mut self.held))
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
        for document in &file.documents {
            for image in &document.images {
                let (name, position) = file.file_of(document, image);
                for violation in &image.violations {
                    let is_denial = violation.mode() == Mode::Enforce;
                    let (command, out): (_, &mut dyn Write) = match violation.mode() {
                        Mode::Enforce => ("error", out),
                        Mode::Warn => ("warning", &mut self.held),
                        Mode::Audit => ("notice", &mut self.held),
                    };
                    let mut message = violation.describe(self.language);
                    if position != image.position {
                        message = format!("{message} ({})", file.at(image.position));
                    }
                    annotate(command, name, position, violation.rule(), &message, out)?;
                    self.denials += usize::from(is_denial);
                }
            }
        }
        for error in file.errors() {
            let out = &mut self.held;
            annotate(
                "error",
                &file.name,
                error.position,
                TITLE,
                &error.message,
                out,
            )?;
        }
        if self.denials >= SHOWN || self.held.len() > HELD {
            self.release(out)?;
        }
        Ok(())
    }

    fn finish(&mut self, run: &Run, out: &mut dyn Write) -> io::Result<()> {
        self.release(out)?;
        for notice in run.unreviewed.notices() {
            let message = notice.to_string();
            let position = notice.first.position;
            annotate("warning", &notice.file, position, TITLE, &message, out)?;
        }
        for (used, count) in &run.exemptions {
            let line = label::exemption_with_count(used, *count, self.language);
            writeln!(out, "::notice title={TITLE}::{}", data(&line))?;
        }
        let summary = &run.summary;
        if summary.not_reviewed > 0 || summary.errors > 0 {
            writeln!(out, "{}", summary.text(self.language))?;
        }
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
