//! Where a part of a text is in the document that the text was read from.

use super::problem::Position;

/// Where a line and column of a value are, both from 1, in a document where that value begins at `start`. `None` where the
/// value is written in another way than it reads, as with escapes.
pub(super) fn place_in(
    document: &str,
    start: Position,
    value: &str,
    line: usize,
    column: usize,
) -> Option<Position> {
    let number = |number: u64| usize::try_from(number).ok();
    let mut lines = document.lines().skip(number(start.line)?.checked_sub(1)?);
    let first = lines.next()?;
    let (at, _) = first
        .char_indices()
        .nth(number(start.column)?.checked_sub(1)?)?;
    let raw = &first[at..];
    let position = |line: usize, column: usize| {
        Some(Position {
            line: start.line.checked_add(u64::try_from(line).ok()?)?,
            column: u64::try_from(column).ok()?,
        })
    };
    if !raw.starts_with(['|', '>']) {
        let quotes = usize::from(raw.starts_with(['"', '\'']));
        let is_written = line == 1 && raw[quotes..].starts_with(value.trim_end_matches('\n'));
        return is_written.then(|| position(0, number(start.column)? + quotes + column - 1))?;
    }
    // A block: its lines are those that are indented as the first of them.
    let block: Vec<&str> = lines.collect();
    let indent = block.first()?.len() - block.first()?.trim_start_matches(' ').len();
    if raw.starts_with('|') {
        let written = block.get(line.checked_sub(1)?)?.get(indent..)?;
        let is_written = value.lines().nth(line - 1)? == written;
        return is_written.then(|| position(line, indent + column))?;
    }
    // Folded lines are one, with a blank between.
    let mut before = 0;
    let mut rest = value;
    for (index, written) in block.iter().enumerate() {
        let written = written.get(indent..)?;
        rest = rest.strip_prefix(written)?;
        let len = written.chars().count();
        // One behind its end is still on the line.
        if line == 1 && column <= before + len + 1 {
            return position(index + 1, indent + column - before);
        }
        rest = rest.strip_prefix(' ')?;
        before += len + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_value_is_found_where_it_is_written() {
        for (document, start, value, at, expected) in [
            ("a: x + y\n", (1, 4), "x + y", (1, 3), Some((1, 6))),
            ("a: \"x + y\"\n", (1, 4), "x + y", (1, 3), Some((1, 7))),
            ("{a: 'x + y'}\n", (1, 5), "x + y", (1, 5), Some((1, 10))),
            ("a: \"x \\\" y\"\n", (1, 4), "x \" y", (1, 3), None),
            (
                "a: |\n  x\n    + y\n",
                (1, 4),
                "x\n  + y\n",
                (2, 3),
                Some((3, 5)),
            ),
            (
                "b:\n- a: >-\n    x\n    + y\n    + z\n",
                (2, 6),
                "x + y + z",
                (1, 1),
                Some((3, 5)),
            ),
            (
                "b:\n- a: >-\n    x\n    + y\n    + z\n",
                (2, 6),
                "x + y + z",
                (1, 3),
                Some((4, 5)),
            ),
            (
                "b:\n- a: >-\n    x\n    + y\n    + z\n",
                (2, 6),
                "x + y + z",
                (1, 10),
                Some((5, 8)),
            ),
            ("a: >\n  x\n\n  y\n", (1, 4), "x\ny\n", (2, 1), None),
            ("a: x\n  + y\n", (1, 4), "x + y", (1, 3), None),
        ] {
            let position = |(line, column): (u64, u64)| Position { line, column };
            let found = place_in(document, position(start), value, at.0, at.1);
            assert_eq!(found, expected.map(position), "{document:?} {at:?}");
        }
    }
}
