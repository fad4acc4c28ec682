//! What a rule looked at, as a tree.

use std::io::{self, Write};

use imagereview_core::{Language, document};

use crate::terminal::{Appearance, OneLine, Tone};

/// What was looked at, each below what it was decided for.
pub(super) fn write_tree(
    branches: &[document::Branch],
    depth: usize,
    language: Language,
    appearance: Appearance,
    out: &mut dyn Write,
) -> io::Result<()> {
    for branch in branches {
        let (mark, tone) = match branch.holds() {
            Some(true) => ("+", Tone::Good),
            Some(false) => ("-", Tone::Bad),
            None => ("?", Tone::Warning),
        };
        let mark = appearance.paint(tone, mark);
        let what = OneLine(branch.what().text(language));
        writeln!(out, "{}{mark} {what}", "  ".repeat(depth))?;
        write_tree(branch.branches(), depth + 1, language, appearance, out)?;
    }
    Ok(())
}
