//! What became of a text: the new one, what was changed in it, and what was not.

use std::io::{self, Write};

use similar::TextDiff;

use super::{
    write,
    writer::{Left, Made, Written},
};
use crate::{
    exit_status::ExitStatus,
    input::{Lines, Position, Source},
    terminal::{OneLine, print_diagnostic},
};

/// What became of a text.
#[derive(Debug)]
pub(crate) struct Fix {
    source: Source,
    before: String,
    /// The text with the changes in it.
    pub(crate) after: String,
    pub(super) made: Vec<Made>,
    pub(super) left: Vec<Left>,
}

impl Fix {
    /// That of a text of which nothing has been looked at yet.
    pub(super) fn new(source: Source, before: &str) -> Self {
        Self {
            source,
            before: before.to_owned(),
            after: String::with_capacity(before.len()),
            made: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Whether the text is another now.
    fn is_change(&self) -> bool {
        !self.made.is_empty()
    }

    /// How making it ends where nothing else goes wrong.
    fn outcome(&self) -> ExitStatus {
        if self.left.is_empty() {
            ExitStatus::Allowed
        } else {
            ExitStatus::Error
        }
    }

    /// The new text, if the old one came from standard input.
    pub(crate) fn into_stdin(self) -> Option<String> {
        self.source.is_stdin().then_some(self.after)
    }

    /// Writes the new text to the file that it came from, and tells on standard error what changed
    /// and what did not. The text of standard input is for the caller to write.
    pub(crate) fn finish(&self) -> io::Result<ExitStatus> {
        if let Source::File(path) = &self.source
            && self.is_change()
        {
            write::replace(path, &self.after)?;
        }
        self.print_made();
        self.print_left(true);
        Ok(self.outcome())
    }

    /// Shows what would change, as a unified diff, and tells on standard error what would not.
    pub(crate) fn write_diff(&self, out: &mut dyn Write) -> io::Result<ExitStatus> {
        self.print_left(false);
        if !self.is_change() {
            return Ok(self.outcome());
        }
        let mut name = self.source.to_string();
        // Programs that apply diffs take a name with blanks in it up to a tab.
        if name.contains(' ') {
            name.push('\t');
        }
        let diff = TextDiff::from_lines(&self.before, &self.after);
        let mut unified = diff.unified_diff();
        write!(out, "{}", unified.header(&name, &name))?;
        Ok(self.outcome().max(ExitStatus::Denied))
    }

    /// Adds a document that began at this offset of the old text.
    pub(super) fn add(&mut self, start: usize, document: &str, written: Option<Written>) {
        let offset = self.after.len();
        let Some(written) = written else {
            self.after.push_str(document);
            return;
        };
        self.after.push_str(&written.text);
        self.made.extend(written.made.into_iter().map(|made| Made {
            at: offset + made.at,
            ..made
        }));
        self.left.extend(written.left.into_iter().map(|left| Left {
            before: start + left.before,
            after: offset + left.after,
            ..left
        }));
    }

    /// Where the text came from, for people.
    fn name(&self) -> String {
        OneLine(&self.source.to_string()).to_string()
    }

    /// Reports on standard error what was changed.
    fn print_made(&self) {
        let lines = Lines::new(&self.after, Position::START);
        let mut last = None;
        for Made { change, before, at } in &self.made {
            // A value that is used at several locations is reported once.
            if last.replace(at) == Some(at) {
                continue;
            }
            let (source, position) = (self.name(), lines.position(*at));
            let (field, value) = (change.field(), change.value());
            if let Some(before) = before {
                let before = OneLine(before);
                print_diagnostic(format_args!(
                    "{source}:{position}: {field}: {before} -> {value}"
                ));
            } else {
                print_diagnostic(format_args!(
                    "{source}:{position}: {field}: {value} (added)"
                ));
            }
        }
    }

    /// Reports on standard error what could not be changed.
    fn print_left(&self, is_written: bool) {
        for problem in self.problems(is_written) {
            print_diagnostic(format_args!("{}:{problem}", self.name()));
        }
    }

    /// What could not be changed, and where: in the new text, if that was written.
    pub(super) fn problems(&self, is_written: bool) -> impl Iterator<Item = String> {
        let text = if is_written {
            &self.after
        } else {
            &self.before
        };
        let lines = Lines::new(text, Position::START);
        self.left.iter().map(move |left| {
            let at = if is_written { left.after } else { left.before };
            let (field, value) = (left.change.field(), left.change.value());
            format!(
                "{}: {field} must become {value}, but {}; change it by hand",
                lines.position(at),
                left.reason
            )
        })
    }
}
