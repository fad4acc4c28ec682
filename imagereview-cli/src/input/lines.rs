//! The lines of a text.

use std::{cell::Cell, ops::Range};

use super::position::Position;

/// Where the lines of a text begin, to find the position of many places in it.
pub(crate) struct Lines<'t> {
    text: &'t str,
    /// Where the text begins in its input.
    start: Position,
    /// The offset of each line.
    starts: Vec<usize>,
    /// An offset that was asked for, and how many characters come before it in its line: places
    /// are asked for in their order, and thousands of them may be on one line.
    last: Cell<(usize, usize)>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str, start: Position) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes());
        Self {
            text,
            start,
            starts: std::iter::once(0).chain(breaks.map(|at| at + 1)).collect(),
            last: Cell::new((0, 0)),
        }
    }

    /// The position of an offset, in bytes. Its column counts characters.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let (mut from, mut characters) = (self.starts[line], 0);
        let (last, before) = self.last.get();
        if (from..=offset).contains(&last) {
            (from, characters) = (last, before);
        }
        let text = self.text.get(from..offset);
        characters += text.map_or(0, |text| text.chars().count());
        self.last.set((offset, characters));
        self.start.within(line + 1, characters + 1)
    }

    /// The offsets of the whole lines that a range touches, without the last line break, and the
    /// number of the first of them in the input.
    pub(crate) fn around(&self, range: &Range<usize>) -> (Range<usize>, usize) {
        let line_of = |offset| self.starts.partition_point(|start| *start <= offset) - 1;
        let (first, last) = (
            line_of(range.start),
            line_of(range.end.max(range.start + 1) - 1),
        );
        let start = self.starts[first];
        let end = self.starts.get(last + 1).copied();
        let lines = &self.text[start..end.unwrap_or(self.text.len())];
        let lines = lines.strip_suffix('\n').unwrap_or(lines);
        let lines = lines.strip_suffix('\r').unwrap_or(lines);
        (start..start + lines.len(), self.start.line() + first)
    }
}

/// A span with as many bytes before and behind it, and those that complete a character.
pub(crate) fn around(text: &str, span: &Range<usize>, bytes: usize) -> Range<usize> {
    let (mut start, mut end) = (span.start.saturating_sub(bytes), span.end + bytes);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while end < text.len() && !text.is_char_boundary(end) {
        end += 1;
    }
    start..end.min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_positions_and_lines() {
        let text = "a: é1\nb: 2\n\nc";
        let lines = Lines::new(text, Position::START);
        for (range, position, around, first) in [
            (0..1, "1:1", "a: é1", 1),
            (5..6, "1:5", "a: é1", 1),
            (10..11, "2:4", "b: 2", 2),
            (0..11, "1:1", "a: é1\nb: 2", 1),
            (13..14, "4:1", "c", 4),
            (14..14, "4:2", "c", 4),
        ] {
            assert_eq!(
                lines.position(range.start).to_string(),
                position,
                "{range:?}"
            );
            let (whole, line) = lines.around(&range);
            assert_eq!((&text[whole], line), (around, first), "{range:?}");
        }
    }

    #[test]
    fn the_end_of_a_line_is_no_part_of_it() {
        let lines = Lines::new("a: 1\r\nb: 2\r\n", Position::START);
        assert_eq!(lines.around(&(3..4)), (0..4, 1));
        assert_eq!(lines.around(&(9..10)), (6..10, 2));
    }

    #[test]
    fn positions_count_from_where_the_text_begins() {
        let lines = Lines::new("é: 1\né: é: 2", Position::new(7, 5));
        for (offset, position) in [
            (0, "7:5"),
            (2, "7:6"),
            (6, "8:1"),
            (10, "8:4"),
            (8, "8:2"),
            (4, "7:8"),
        ] {
            assert_eq!(lines.position(offset).to_string(), position, "{offset}");
        }
        assert_eq!(lines.around(&(6..8)).1, 8);
    }
}
