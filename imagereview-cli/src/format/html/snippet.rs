//! The line of an image, as it is shown on the page.

use std::ops::Range;

use crate::{input::around, terminal::OneLine};

/// How many bytes before and behind an image are shown of its line.
const CONTEXT: usize = 160;

/// What is shown of the line that an image is in.
pub(super) fn snippet(text: &str, span: &Range<usize>) -> Option<(String, String, String)> {
    let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[span.end..]
        .find('\n')
        .map_or(text.len(), |at| span.end + at);
    let Range { start, end } = around(text, span, CONTEXT);
    let (cut_start, cut_end) = (start > line_start, end < line_end);
    let before = text.get(start.max(line_start)..span.start)?.trim_start();
    let after = text.get(span.end..end.min(line_end))?.trim_end();
    let ellipsis = |is_cut| if is_cut { "…" } else { "" };
    // What would turn the direction of writing would do so in the whole line.
    let shown = |text: &str| {
        let lines: Vec<String> = text
            .lines()
            .map(|line| OneLine(&line.replace('\t', " ")).to_string())
            .collect();
        lines.join("\n")
    };
    Some((
        format!("{}{}", ellipsis(cut_start), shown(before)),
        shown(text.get(span.clone())?),
        format!("{}{}", shown(after), ellipsis(cut_end)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_shown_around_the_image() {
        let long = "é".repeat(1000);
        for (text, image, expected) in [
            ("a:\n  image: nginx # c \nb", "nginx", ("image: ", " # c")),
            ("nginx", "nginx", ("", "")),
            (&*format!("{long}nginx{long}"), "nginx", ("…ééé", "ééé…")),
        ] {
            let start = text.find(image).unwrap();
            let (before, shown, after) = snippet(text, &(start..start + image.len())).unwrap();
            assert_eq!(shown, image);
            assert!(before.starts_with(expected.0), "{before}");
            assert!(after.ends_with(expected.1), "{after}");
            assert!(before.chars().count() <= CONTEXT + 1, "{before}");
        }
    }
}
