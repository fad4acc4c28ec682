//! Where a part of a text is in the document that the text was read from.

use std::iter;

use super::problem::Position;

/// Where a line and column of a value are, both from 1, in a document where that value begins at `start`. `None` where the
/// value is written in another way than it reads, as with escapes.
pub(super) fn place_in(
    document: &str,
    start: Position,
    value: &str,
    (line, column): (usize, usize),
) -> Option<Position> {
    let number = |number: u64| usize::try_from(number).ok();
    let start_column = number(start.column)?;
    let mut lines = document.lines().skip(number(start.line)?.checked_sub(1)?);
    let first = lines.next()?;
    let (at, _) = first.char_indices().nth(start_column.checked_sub(1)?)?;
    let raw = &first[at..];
    let position = |below: usize, column: usize| {
        Some(Position {
            line: start.line.checked_add(u64::try_from(below).ok()?)?,
            column: u64::try_from(column).ok()?,
        })
    };
    let quotes = usize::from(raw.starts_with(['"', '\'']));
    if line == 1 && raw[quotes..].starts_with(value.trim_end_matches('\n')) {
        return position(0, start_column + quotes + column - 1);
    }
    // A block: its lines are indented as the first of them, and a folded line break is a blank.
    let indented = lines.map(|line| line.get(at..).unwrap_or_default());
    let (mut rest, mut at_line, mut before) = (value, 1, 0);
    for (below, written) in iter::once(raw).chain(indented).enumerate() {
        rest = rest.strip_prefix(written)?;
        let len = written.chars().count();
        // One behind its end is still on the line.
        if at_line == line && column <= before + len + 1 {
            return position(below, start_column + column - 1 - before);
        }
        if let Some(next) = rest.strip_prefix(' ') {
            rest = next;
            before += len + 1;
        } else {
            rest = rest.strip_prefix('\n')?;
            at_line += 1;
            before = 0;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_value_is_found_where_it_is_written() {
        let folded = "b:\n- a: >-\n    x\n    + y\n    + z\n";
        for (document, start, value, at, expected) in [
            ("a: x + y\n", (1, 4), "x + y", (1, 3), Some((1, 6))),
            ("a: \"x + y\"\n", (1, 4), "x + y", (1, 3), Some((1, 7))),
            ("{a: 'x + y'}\n", (1, 5), "x + y", (1, 5), Some((1, 10))),
            ("a: \"x \\\" y\"\n", (1, 4), "x \" y", (1, 3), None),
            (
                "a: |\n  x\n    + y\n",
                (2, 3),
                "x\n  + y\n",
                (2, 3),
                Some((3, 5)),
            ),
            (folded, (3, 5), "x + y + z", (1, 1), Some((3, 5))),
            (folded, (3, 5), "x + y + z", (1, 3), Some((4, 5))),
            (folded, (3, 5), "x + y + z", (1, 9), Some((5, 7))),
            ("a: x\n  + y\n", (1, 4), "x + y", (1, 3), None),
            ("a: x\n", (3, 1), "x", (1, 1), None),
        ] {
            let position = |(line, column): (u64, u64)| Position { line, column };
            let found = place_in(document, position(start), value, at);
            assert_eq!(found, expected.map(position), "{document:?} {at:?}");
        }
    }
}
