//! The lines of a text.

use std::ops::Range;

use super::Position;

/// Where the lines of a text begin, to find the position of many places in it.
pub(crate) struct Lines<'t> {
    text: &'t str,
    /// The offset of each line.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes());
        Self {
            text,
            starts: std::iter::once(0).chain(breaks.map(|at| at + 1)).collect(),
        }
    }

    /// The position of an offset, in bytes. Its column counts characters.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let before = self.text.get(self.starts[line]..offset);
        Position::new(line + 1, before.map_or(0, |text| text.chars().count()) + 1)
    }

    /// The offsets of the whole lines that a range touches, without the last line break, and the
    /// number of the first of them.
    pub(crate) fn around(&self, range: &Range<usize>) -> (Range<usize>, usize) {
        let line_of = |offset| self.starts.partition_point(|start| *start <= offset) - 1;
        let (first, last) = (
            line_of(range.start),
            line_of(range.end.max(range.start + 1) - 1),
        );
        let end = match self.starts.get(last + 1) {
            Some(next) => next - 1,
            None => self.text.len(),
        };
        (self.starts[first]..end, first + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_positions_and_lines() {
        let text = "a: é1\nb: 2\n\nc";
        let lines = Lines::new(text);
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
}
