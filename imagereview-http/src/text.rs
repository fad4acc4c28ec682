//! Text from outside, made fit for one line of a log.

use std::fmt::{self, Write};

/// How many characters of a name a line shows. None of Kubernetes' own is as long.
pub(crate) const MAX_NAME_CHARS: usize = 256;

/// The beginning of a name, so that no line gets out of hand: many may be buffered.
pub(crate) fn cut(name: &str) -> &str {
    if name.len() <= MAX_NAME_CHARS {
        return name;
    }
    match name.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => &name[..end],
        None => name,
    }
}

/// A message of several lines as one line: a heading is followed by its lines, separated by semicolons.
pub(crate) fn one_line(message: &str) -> String {
    message.replace(":\n", ": ").replace('\n', "; ")
}

/// Writes control characters as escapes, so that no text can forge a line or steer a terminal.
pub(crate) struct Escaped<W>(pub(crate) W);

impl<W: Write> Write for Escaped<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.contains(char::is_control) {
            return self.0.write_str(text);
        }
        text.chars().try_for_each(|character| {
            if character.is_control() {
                write!(self.0, "{}", character.escape_default())
            } else {
                self.0.write_char(character)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_other_text_stays() {
        let rows = [
            ("", ""),
            ("plain \"text\"", "plain \"text\""),
            ("镜像", "镜像"),
            ("one\ntwo\t", "one\\ntwo\\t"),
            ("\u{1b}[31mred\u{7f}", "\\u{1b}[31mred\\u{7f}"),
            ("\u{9b}31m", "\\u{9b}31m"),
        ];
        for (text, escaped) in rows {
            let mut line = String::new();
            Escaped(&mut line).write_str(text).unwrap();
            assert_eq!(line, escaped);
        }
    }

    #[test]
    fn lines_become_one() {
        let rows = [
            ("no line end", "no line end"),
            ("heading:\na\nb", "heading: a; b"),
        ];
        for (message, line) in rows {
            assert_eq!(one_line(message), line);
        }
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        let long = "é".repeat(MAX_NAME_CHARS + 1);
        let rows = [
            ("short", "short"),
            (&long, &long[..long.len() - 'é'.len_utf8()]),
            (&long[2..], &long[2..]),
        ];
        for (name, start) in rows {
            assert_eq!(cut(name), start);
        }
    }
}
