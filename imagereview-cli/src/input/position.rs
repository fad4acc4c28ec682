//! A place in a text.

use std::fmt;

/// A place in a text: line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    line: usize,
    column: usize,
}

impl Position {
    /// Where a text begins.
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    #[cfg(test)]
    pub(crate) fn new(line: usize, column: usize) -> Self {
        Self { line, column }
    }

    pub(crate) fn line(self) -> usize {
        self.line
    }

    pub(crate) fn column(self) -> usize {
        self.column
    }

    /// The place behind a text that begins here. Columns count bytes, as those of `serde_json` do.
    pub(crate) fn after(self, text: &[u8]) -> Self {
        match memchr::memrchr(b'\n', text) {
            None => Self {
                column: self.column + text.len(),
                ..self
            },
            Some(last) => Self {
                line: self.line + memchr::memchr_iter(b'\n', text).count(),
                column: text.len() - last,
            },
        }
    }

    /// The place behind a text that begins here. Columns count characters.
    pub(crate) fn after_characters(self, text: &[u8]) -> Self {
        let line = memchr::memrchr(b'\n', text).map_or(text, |last| &text[last..]);
        // Each character of UTF-8 has one byte that continues none.
        let characters = line.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        let after = self.after(text);
        Self {
            column: after.column - (line.len() - characters),
            ..after
        }
    }

    /// The place that has this line and column in a text that begins here.
    pub(crate) fn within(self, line: usize, column: usize) -> Self {
        // A reader that stops at the very start of a line says column 0.
        let column = column.max(1);
        if line <= 1 {
            Self {
                column: self.column + column - 1,
                ..self
            }
        } else {
            Self {
                line: self.line + line - 1,
                column,
            }
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_add_up_over_lines() {
        for (text, expected) in [
            ("", "1:1"),
            ("abc", "1:4"),
            ("abc\n", "2:1"),
            ("a\nb\ncd", "3:3"),
        ] {
            let position = Position::START.after(text.as_bytes());
            assert_eq!(position.to_string(), expected, "{text:?}");
            let position = Position::START.after_characters(text.as_bytes());
            assert_eq!(position.to_string(), expected, "{text:?}");
        }
        let start = Position::new(2, 3);
        for (text, expected) in [("é", "2:4"), ("é\n", "3:1"), ("é\néé", "3:3")] {
            let position = start.after_characters(text.as_bytes());
            assert_eq!(position.to_string(), expected, "{text:?}");
        }
        let start = Position::START.after(b"x\nyz");
        assert_eq!(start.within(1, 4).to_string(), "2:6");
        assert_eq!(start.within(3, 4).to_string(), "4:4");
        assert_eq!(start.within(2, 0).to_string(), "3:1");
    }
}
