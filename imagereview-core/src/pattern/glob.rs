//! Globs: what is one, and the regular expression that means the same.

use std::fmt;

use super::reading::{PatternError, Reading};

/// Whether a text has a character that globs give a meaning to.
pub(super) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// A character in a pattern that nothing it could match has. Such a pattern would be
/// dead, and a dead denial lets everything pass: `*:latest` over tags, `!dev` over namespaces.
pub(super) fn stray_character(pattern: &str, in_name: impl Fn(char) -> bool) -> Option<String> {
    let mut alternatives = 0_u32;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' => {}
            '[' => {
                // A class of characters, or of those that it leaves out.
                chars.next_if(|c| ['!', '^'].contains(c));
                let stray = chars
                    .by_ref()
                    .take_while(|c| *c != ']')
                    .find(|c| !in_name(*c) && *c != '-');
                if let Some(c) = stray {
                    return Some(format!("{c:?} is not allowed in one"));
                }
            }
            '{' => alternatives += 1,
            '}' if alternatives > 0 => alternatives -= 1,
            ',' if alternatives > 0 => {}
            '!' => return Some("a pattern cannot be negated with \"!\"".into()),
            c if in_name(c) => {}
            c => return Some(format!("{c:?} is not allowed in one")),
        }
    }
    None
}

/// The longest glob, in bytes: several times the longest name that there is, and little enough that
/// each compiles.
pub(super) const MAX_GLOB_LEN: usize = 2048;

/// A glob, and the regular expression over bytes that means the same.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    pub(super) text: Box<str>,
    pub(super) expression: Box<str>,
    /// Whether it is over what has parts.
    pub(super) has_parts: bool,
}

/// Reads a glob over what has parts: neither `*` nor `?` nor a class of characters stands for `/`.
///
/// The text is one in which [`stray_character`] finds none, so that no class has brackets in it.
pub(super) fn glob(text: &str, reading: Reading) -> Result<Glob, PatternError> {
    checked_len(text)?;
    let mut rest = text;
    while let Some((_, class)) = rest.split_once('[') {
        let (class, after) = split_class(class);
        rest = after;
        let ranges = Class::read(text, class)?.ranges;
        if let Some((first, last)) = ranges.iter().find(|(a, b)| (*a..=*b).contains(&'/')) {
            return Err(PatternError(format!(
                "{text:?} is no glob: \"/\" is between {first:?} and {last:?}, and a class of characters \
                 stays within one part"
            )));
        }
    }
    let glob = globset::GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(false)
        .empty_alternates(true)
        .case_insensitive(reading == Reading::Wide)
        .build()
        .map_err(|error| glob_error(text, &error))?;
    Ok(Glob {
        text: text.into(),
        has_parts: true,
        // To globset, `/` is one of the characters that a class leaves out.
        expression: glob.regex().replace("[^", "[^/").into(),
    })
}

/// Whether a glob has a class of the characters that it leaves out. Without regard to case that
/// leaves out more, so a wide reading has to read it in both ways.
pub(super) fn has_negated_class(glob: &str) -> bool {
    glob.contains("[!") || glob.contains("[^")
}

/// A class of characters in a glob: `[a-z]`, or those that it leaves out, `[!a-z]`.
pub(super) struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

/// The text of a class without its brackets, and what comes after it. A bracket that comes first
/// stands for itself.
pub(super) fn split_class(class: &str) -> (&str, &str) {
    let members = class.strip_prefix(['!', '^']).unwrap_or(class);
    let first = members.chars().next().map_or(0, char::len_utf8);
    let before = class.len() - members.len() + first;
    match class[before..].find(']') {
        Some(end) => (&class[..before + end], &class[before + end + 1..]),
        None => (class, ""),
    }
}

impl Class {
    pub(super) fn read(glob: &str, class: &str) -> Result<Self, PatternError> {
        let members = class.strip_prefix(['!', '^']);
        let negated = members.is_some();
        let members: Vec<char> = members.unwrap_or(class).chars().collect();
        let mut ranges = Vec::new();
        let mut rest = &members[..];
        loop {
            rest = match rest {
                [] => return Ok(Self { negated, ranges }),
                [_, '-', _, '-', _, ..] => {
                    return Err(PatternError(format!(
                        "{glob:?} is no glob: readers differ on what [{class}] is; put the \"-\" that \
                         stands for itself at the end"
                    )));
                }
                [first, '-', last, rest @ ..] => {
                    ranges.push((*first, *last));
                    rest
                }
                [one, rest @ ..] => {
                    ranges.push((*one, *one));
                    rest
                }
            };
        }
    }
}

/// As a regular expression has it.
impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.negated { "[^" } else { "[" })?;
        for (first, last) in &self.ranges {
            write!(
                f,
                "\\x{{{:x}}}-\\x{{{:x}}}",
                u32::from(*first),
                u32::from(*last)
            )?;
        }
        f.write_str("]")
    }
}

pub(super) fn checked_len(glob: &str) -> Result<(), PatternError> {
    if glob.len() > MAX_GLOB_LEN {
        return Err(PatternError(format!(
            "a glob may have at most {MAX_GLOB_LEN} bytes, and this one has {}",
            glob.len()
        )));
    }
    Ok(())
}

pub(super) fn glob_error(text: &str, error: &globset::Error) -> PatternError {
    PatternError(format!("{text:?} is no glob: {}", error.kind()))
}
