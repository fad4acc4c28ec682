//! What is wrong with a policy document, and where.

use std::fmt::{self, Write as _};

use crate::quote::first_chars;

/// A place in a text: line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// One thing that is wrong with a policy document.
///
/// It displays as `file:line:column: field: what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    source: Box<str>,
    position: Position,
    field: Box<str>,
    message: Box<str>,
}

impl Problem {
    /// The name of the file.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.position.line
    }

    /// The column in characters, from 1.
    #[must_use]
    pub fn column(&self) -> u64 {
        self.position.column
    }

    /// The field, such as `rules[2].tags.deny[0]`; empty for the document itself.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong and what to do about it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "{}:{line}:{column}: ", self.source)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with a policy: never empty, in the order of the files and lines. Of very
/// many problems the last says how many more there are.
///
/// It displays one problem a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyErrors(Vec<Problem>);

impl PolicyErrors {
    /// The problems.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}

/// The most problems that are reported. A file with more is another file than was meant, or is mended
/// in steps.
const MAX_PROBLEMS: usize = 100;

/// How many characters of a message and of a field are reported, since both may hold what the document
/// holds.
const MAX_CHARS: usize = 1000;

/// Collects problems while documents are read, and knows which field is being read.
#[derive(Debug, Default)]
pub(super) struct Problems {
    source: Box<str>,
    text: Box<str>,
    path: String,
    all: Vec<Problem>,
    /// How many there are beyond those.
    more: usize,
}

impl Problems {
    /// The value; an error is recorded.
    pub(super) fn recorded<T, E: fmt::Display>(
        &mut self,
        result: Result<T, E>,
        position: Position,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(position, error.to_string());
                None
            }
        }
    }

    /// Sets the file that is read from here on, and its text.
    pub(super) fn in_source(&mut self, source: &str, text: &str) {
        self.source = source.into();
        self.text = text.into();
    }

    /// The text of the file that is read.
    #[cfg(feature = "cel")]
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn add(&mut self, position: Position, message: impl AsRef<str>) {
        self.add_with(position, || message);
    }

    /// [`add`](Self::add), with a message that is made only if it is reported.
    pub(super) fn add_with<M: AsRef<str>>(
        &mut self,
        position: Position,
        message: impl FnOnce() -> M,
    ) {
        if self.all.len() == MAX_PROBLEMS {
            self.more += 1;
            return;
        }
        self.all.push(Problem {
            source: self.source.clone(),
            position,
            field: first_chars(&self.path, MAX_CHARS).into(),
            message: first_chars(message().as_ref(), MAX_CHARS).into(),
        });
    }

    /// Records that the sources hold no document at all.
    pub(super) fn require_document(&mut self) {
        if self.all.is_empty() {
            self.add(Position::START, "there is no policy document here");
        }
    }

    /// Reads a part whose path goes on with this segment (`.name` or `[3]`).
    pub(super) fn within<T>(
        &mut self,
        segment: fmt::Arguments<'_>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let len = self.path.len();
        let _ = self.path.write_fmt(segment);
        if len == 0 && self.path.starts_with('.') {
            self.path.remove(0);
        }
        let value = read(self);
        self.path.truncate(len);
        value
    }

    /// The value if there was no problem.
    pub(super) fn finish<T>(self, value: T) -> Result<T, PolicyErrors> {
        if self.all.is_empty() {
            return Ok(value);
        }
        Err(PolicyErrors(self.sorted()))
    }

    /// All of them, in the order of the files and lines.
    pub(super) fn sorted(mut self) -> Vec<Problem> {
        // The files stay in the order in which they were given.
        let mut sources: Vec<Box<str>> = Vec::new();
        for problem in &self.all {
            if !sources.contains(&problem.source) {
                sources.push(problem.source.clone());
            }
        }
        self.all.sort_by_key(|problem| {
            let source = sources.iter().position(|source| *source == problem.source);
            (source, problem.position)
        });
        if let Some(last) = self.all.last().filter(|_| self.more > 0) {
            self.all.push(Problem {
                field: "".into(),
                message: format!("and there are {} more problems", self.more).into(),
                ..last.clone()
            });
        }
        self.all
    }
}
