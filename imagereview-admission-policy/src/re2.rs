//! Regular expressions of the crate `regex` in the syntax of RE2, which the API server reads.
//!
//! The two are close relatives, but not the same: RE2 has no operations on classes, repeats at most a thousand
//! times, and its `\d` is ASCII. So an expression is parsed, and what it means is written anew.

use std::fmt::Write as _;

use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind, Look, Repetition},
};

/// The most repetitions that RE2 takes (`maxRepeat` in `regexp/syntax/parse.go` of Go).
const MAX_REPETITIONS: u32 = 1000;

/// The texts that an expression is matched with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// Parts of references: ASCII alone.
    Ascii,
    /// Names and values that others choose.
    Unicode,
}

/// Writes an expression for RE2, or says why it can't be.
pub(crate) fn re2(expression: &str, alphabet: Alphabet) -> Result<String, String> {
    let parsed = ParserBuilder::new()
        .utf8(false)
        .dot_matches_new_line(true)
        .build()
        .parse(expression)
        .map_err(|error| format!("the regular expression can't be read: {error}"))?;
    let ignores_case = has_letters(&parsed) && is_case_closed(&parsed);
    let mut writer = Writer {
        text: String::new(),
        alphabet,
        ignores_case,
    };
    if ignores_case {
        writer.text.push_str("(?i)");
    }
    writer.write(&parsed)?;
    Ok(writer.text)
}

struct Writer {
    text: String,
    alphabet: Alphabet,
    ignores_case: bool,
}

impl Writer {
    fn write(&mut self, hir: &Hir) -> Result<(), String> {
        match hir.kind() {
            HirKind::Empty => self.text.push_str("(?:)"),
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0)
                    .map_err(|_| "the regular expression is over bytes outside ASCII".to_owned())?;
                for c in text.chars() {
                    self.character(c);
                }
            }
            HirKind::Class(class) => self.class(&ranges(class)),
            HirKind::Look(look) => self.text.push_str(match look {
                Look::Start => "^",
                Look::End => "$",
                Look::StartLF => "(?m:^)",
                Look::EndLF => "(?m:$)",
                Look::WordAscii => r"\b",
                Look::WordAsciiNegate => r"\B",
                // What a letter is differs outside ASCII only.
                Look::WordUnicode if self.alphabet == Alphabet::Ascii => r"\b",
                Look::WordUnicodeNegate if self.alphabet == Alphabet::Ascii => r"\B",
                other => {
                    return Err(format!(
                        "RE2 has nothing like {other:?} of the regular expression"
                    ));
                }
            }),
            HirKind::Repetition(repetition) => self.repetition(repetition)?,
            HirKind::Capture(capture) => self.group(&capture.sub)?,
            HirKind::Concat(parts) => {
                for part in parts {
                    match part.kind() {
                        HirKind::Alternation(_) => self.group(part)?,
                        _ => self.write(part)?,
                    }
                }
            }
            HirKind::Alternation(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        self.text.push('|');
                    }
                    self.write(part)?;
                }
            }
        }
        Ok(())
    }

    fn group(&mut self, hir: &Hir) -> Result<(), String> {
        self.text.push_str("(?:");
        self.write(hir)?;
        self.text.push(')');
        Ok(())
    }

    fn repetition(&mut self, repetition: &Repetition) -> Result<(), String> {
        let most = repetition.max.unwrap_or(repetition.min);
        if most > MAX_REPETITIONS {
            return Err(format!(
                "the regular expression repeats something {most} times, and RE2 repeats at most \
                 {MAX_REPETITIONS} times"
            ));
        }
        let is_one = match repetition.sub.kind() {
            HirKind::Class(_) => true,
            HirKind::Literal(literal) => {
                std::str::from_utf8(&literal.0).is_ok_and(|text| text.chars().count() == 1)
            }
            _ => false,
        };
        if is_one || matches!(repetition.sub.kind(), HirKind::Capture(_)) {
            // A group has parentheses of its own.
            self.write(&repetition.sub)?;
        } else {
            self.group(&repetition.sub)?;
        }
        // What a match takes does not matter, only whether there is one.
        match (repetition.min, repetition.max) {
            (0, None) => self.text.push('*'),
            (1, None) => self.text.push('+'),
            (0, Some(1)) => self.text.push('?'),
            (min, Some(max)) if min == max => self.push(format_args!("{{{min}}}")),
            (min, Some(max)) => self.push(format_args!("{{{min},{max}}}")),
            (min, None) => self.push(format_args!("{{{min},}}")),
        }
        Ok(())
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(text);
    }

    fn character(&mut self, c: char) {
        if c.is_ascii_punctuation() && !"-_/:@,=<>\"!%&#~;' `".contains(c) {
            self.text.push('\\');
        }
        if c.is_control() || c == '\'' {
            self.push(format_args!("\\x{{{:x}}}", u32::from(c)));
        } else {
            self.text.push(c);
        }
    }

    fn class(&mut self, ranges: &[(u32, u32)]) {
        let last = match self.alphabet {
            Alphabet::Ascii => 0x7f,
            Alphabet::Unicode => u32::from(char::MAX),
        };
        let within: Vec<(u32, u32)> = ranges
            .iter()
            .filter(|(first, _)| *first <= last)
            .map(|(first, end)| (*first, (*end).min(last)))
            .collect();
        if self.ignores_case
            && let [(upper, u), (lower, l)] = within[..]
            && upper == u
            && lower == l
            && upper + 0x20 == lower
            && let Some(letter) = char::from_u32(lower).filter(char::is_ascii_lowercase)
        {
            self.text.push(letter);
            return;
        }
        if let [(first, end)] = within[..]
            && first == end
            && let Some(c) = char::from_u32(first)
        {
            self.character(c);
            return;
        }
        let others = complement(&within, last);
        if others.is_empty() {
            self.text.push_str("(?s:.)");
        } else if within.is_empty() {
            // Nothing is before the beginning.
            self.text.push_str("[^\\x00-\\x{10ffff}]");
        } else if others.len() < within.len()
            || matches!(within.last(), Some((_, end)) if *end == last)
        {
            self.text.push_str("[^");
            self.members(&others);
        } else {
            self.text.push('[');
            self.members(&within);
        }
    }

    fn members(&mut self, ranges: &[(u32, u32)]) {
        for (first, end) in ranges {
            self.member(*first);
            if end > first {
                if *end > first + 1 {
                    self.text.push('-');
                }
                self.member(*end);
            }
        }
        self.text.push(']');
    }

    fn member(&mut self, value: u32) {
        match char::from_u32(value) {
            Some(c) if c.is_ascii_alphanumeric() || "_/.:@".contains(c) => self.text.push(c),
            _ => self.push(format_args!("\\x{{{value:x}}}")),
        }
    }
}

fn ranges(class: &Class) -> Vec<(u32, u32)> {
    match class {
        Class::Unicode(class) => {
            let ranges = class.iter();
            ranges
                .map(|range| (u32::from(range.start()), u32::from(range.end())))
                .collect()
        }
        // Bytes above ASCII are of characters outside it.
        Class::Bytes(class) => {
            let ranges = class.iter();
            ranges
                .map(|range| (u32::from(range.start()), u32::from(range.end())))
                .collect()
        }
    }
}

/// What is up to `last` and in none of the ranges, which are in order.
fn complement(ranges: &[(u32, u32)], last: u32) -> Vec<(u32, u32)> {
    let mut others = Vec::new();
    let mut next = 0;
    for (first, end) in ranges {
        if *first > next {
            others.push((next, first - 1));
        }
        next = end + 1;
    }
    if next <= last {
        others.push((next, last));
    }
    others
}

/// Whether letters match in both cases throughout.
fn is_case_closed(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => !literal.0.iter().any(u8::is_ascii_alphabetic),
        HirKind::Class(class) => {
            let ranges = ranges(class);
            let has = |byte: u8| {
                let value = u32::from(byte);
                ranges
                    .iter()
                    .any(|(first, end)| (*first..=*end).contains(&value))
            };
            (b'a'..=b'z').all(|lower| has(lower) == has(lower.to_ascii_uppercase()))
        }
        HirKind::Repetition(repetition) => is_case_closed(&repetition.sub),
        HirKind::Capture(capture) => is_case_closed(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().all(is_case_closed),
    }
}

/// Whether a letter is in it that matches in both cases.
fn has_letters(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(class) => {
            matches!(ranges(class)[..], [(a, b), ..] if a == b && a < 0x7f)
        }
        HirKind::Repetition(repetition) => has_letters(&repetition.sub),
        HirKind::Capture(capture) => has_letters(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(has_letters),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_means_the_same_to_re2() {
        for (expression, alphabet, written) in [
            (r"^(?:v[0-9]+)$", Alphabet::Ascii, "^v[0-9]+$"),
            (r"^\d{2,3}$", Alphabet::Ascii, "^[0-9]{2,3}$"),
            (
                r"(?-u)^[^/]*\-SNAPSHOT$",
                Alphabet::Ascii,
                r"^[^/]*-SNAPSHOT$",
            ),
            (r"(?i)^[^/]*-rc$", Alphabet::Ascii, r"(?i)^[^/]*-rc$"),
            (r"^.*$", Alphabet::Unicode, r"^(?s:.)*$"),
            (r"^[a-z&&[^aeiou]]$", Alphabet::Ascii, "^[b-df-hj-np-tv-z]$"),
            (r"^(a|bc)?$", Alphabet::Ascii, "^(?:a|bc)?$"),
            (r"^a|b$", Alphabet::Ascii, "^a|b$"),
            (r"^é.b$", Alphabet::Unicode, "^é(?s:.)b$"),
        ] {
            assert_eq!(
                re2(expression, alphabet).as_deref(),
                Ok(written),
                "{expression:?}"
            );
        }
        assert!(re2("^a{1001}$", Alphabet::Ascii).is_err());
    }
}
