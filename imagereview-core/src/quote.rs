//! Text from outside, made safe for a reason or a log line.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

/// The longest quotation, in characters. A valid reference can be longer, but its first part shows
/// a reader which one is meant, and a reason has room for little more.
const MAX_CHARS: usize = 160;

/// Displays a text in quotation marks, with what could forge another line or turn the direction of
/// writing escaped, and cut where it is very long.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(MAX_CHARS) {
            if c.is_ascii_graphic() && c != '"' && c != '\\' {
                f.write_char(c)?;
            } else {
                write!(f, "{}", c.escape_debug())?;
            }
        }
        if chars.next().is_some() {
            f.write_char('…')?;
        }
        f.write_char('"')
    }
}

/// Displays a part of a valid reference as it is, cut where it is very long. Nothing in one needs
/// escaping.
#[cfg(any(feature = "document", test))]
pub(crate) struct Cut<'a>(pub(crate) &'a str);

#[cfg(any(feature = "document", test))]
impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_CHARS) {
            None => f.write_str(self.0),
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
        }
    }
}

/// Displays a JSON path. All but the keys of annotations are names that the crate or the policy
/// knows; those could hold anything, and are quoted.
pub(crate) struct QuotedPath<'a>(pub(crate) &'a str);

impl fmt::Display for QuotedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = self.0.bytes().all(|byte| byte.is_ascii_graphic());
        if is_plain && self.0.len() <= MAX_CHARS {
            f.write_str(self.0)
        } else {
            Quoted(self.0).fmt(f)
        }
    }
}

/// A name without quotation marks: what could forge a line is escaped, and of very many
/// characters the first are shown.
#[cfg(feature = "document")]
pub(crate) struct Escaped<'a>(pub(crate) &'a str, pub(crate) usize);

#[cfg(feature = "document")]
impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars().take(self.1).flat_map(char::escape_debug);
        chars.try_for_each(|c| f.write_char(c))
    }
}

/// The text in one line: a space for each control character.
pub(crate) fn one_line(text: &str) -> String {
    let space = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(space).collect()
}

/// The first characters of a text that has more of them than this, and an ellipsis.
#[cfg(feature = "document")]
pub(crate) fn first_chars(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

/// At most this many characters, ellipsis included, cut between words where there is a space not too
/// far back.
pub(crate) fn first_words(text: &str, most: usize) -> Cow<'_, str> {
    let Some((limit, _)) = text.char_indices().nth(most) else {
        return text.into();
    };
    // The last character makes room for the ellipsis; it may be the space to cut at.
    let within = &text[..limit];
    let end = within.char_indices().next_back().map_or(0, |(at, _)| at);
    let kept = match within.rfind(' ') {
        Some(space) if space > end / 2 => &text[..space],
        _ => &text[..end],
    };
    format!("{kept}…").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_key_of_any_text_cannot_forge_a_line_or_run_on() {
        let long = format!("metadata.labels.{}", "x".repeat(1 << 20));
        for (path, shown) in [
            ("spec.containers[0].image", "spec.containers[0].image"),
            (
                "spec.annotations.a\nallowed",
                r#""spec.annotations.a\nallowed""#,
            ),
        ] {
            assert_eq!(QuotedPath(path).to_string(), shown, "{path:?}");
        }
        assert_eq!(QuotedPath(&long).to_string(), Quoted(&long).to_string());
    }

    #[test]
    fn quoted_text_cannot_forge_a_line_or_run_on() {
        for (text, quoted) in [
            ("nginx:1.27", r#""nginx:1.27""#),
            ("nginx:é", r#""nginx:é""#),
            ("a\nallowed", r#""a\nallowed""#),
            ("a\u{202e}b", r#""a\u{202e}b""#),
            ("say \"x\"", r#""say \"x\"""#),
        ] {
            assert_eq!(Quoted(text).to_string(), quoted, "{text:?}");
        }
        let whole = "x".repeat(MAX_CHARS);
        assert_eq!(Cut(&whole).to_string(), whole);
        let long = "x".repeat(MAX_CHARS + 1);
        assert_eq!(Cut(&long).to_string(), whole + "…");
        let expected = format!("\"{}…\"", "x".repeat(MAX_CHARS));
        assert_eq!(Quoted(&long).to_string(), expected);
    }

    #[test]
    fn text_is_cut_between_words_or_at_least_between_characters() {
        const LIMIT: usize = 120;
        let words = "word ".repeat(40);
        let chinese = "镜".repeat(200);
        for (text, expected) in [
            ("short", "short".to_owned()),
            (&words, format!("{}…", "word ".repeat(23) + "word")),
            (&chinese, format!("{}…", "镜".repeat(LIMIT - 1))),
            (&chinese[..3 * LIMIT], "镜".repeat(LIMIT)),
        ] {
            assert_eq!(first_words(text, LIMIT), expected, "{text}");
            assert!(first_words(text, LIMIT).chars().count() <= LIMIT, "{text}");
        }
    }
}
