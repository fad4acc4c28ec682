//! Patterns over names without parts: namespaces, and the values of annotations.

use super::{
    glob::{Class, Glob, checked_len, glob_error, is_glob, split_class, stray_character},
    globs::Globs,
    price::Price,
    reading::{PatternError, Reading},
};

/// The longest value of an annotation that is compared with a pattern, in bytes. It would be compared with
/// it for every image and rule.
pub(crate) const MAX_VALUE_LEN: usize = 4096;

/// A glob over a whole name, in which `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePattern(Box<str>);

impl NamePattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError("the pattern is empty".into()));
        }
        glob(text)?;
        Ok(Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The regular expression for the whole name, if there are wildcards.
    pub(crate) fn expression(&self) -> Option<Box<str>> {
        let glob = is_glob(&self.0).then(|| glob(&self.0))?;
        // It was read before.
        glob.ok().map(|glob| glob.expression)
    }

    /// A Kubernetes namespace: lower-case letters, digits and dashes, and what a glob adds.
    pub(crate) fn parse_namespace(text: &str) -> Result<Self, PatternError> {
        let in_namespace = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(what) = stray_character(text, in_namespace) {
            return Err(PatternError(format!(
                "{text:?} matches no namespace: {what} (lower-case letters, digits and dashes do)"
            )));
        }
        Self::parse(text)
    }
}

/// A name has no parts, so `*` stands for `/` too: the value of an annotation may be a URL.
///
/// What globset makes of a glob is an expression over bytes, in which `?` and classes stand for a
/// part of a character outside ASCII. So it says whether the text is a glob, and no more.
fn glob(text: &str) -> Result<Glob, PatternError> {
    checked_len(text)?;
    globset::GlobBuilder::new(text)
        .backslash_escape(false)
        .build()
        .map_err(|error| glob_error(text, &error))?;
    Ok(Glob {
        text: text.into(),
        expression: expression(text)?.into(),
        has_parts: false,
    })
}

/// The regular expression that a glob over characters means.
fn expression(glob: &str) -> Result<String, PatternError> {
    let mut expression = String::from("^");
    let mut open = 0_u32;
    let mut rest = glob;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            '[' => {
                let (class, after) = split_class(rest);
                rest = after;
                expression.push_str(&Class::read(glob, class)?.to_string());
            }
            '{' => {
                open += 1;
                expression.push_str("(?:");
            }
            '}' => {
                open -= 1;
                expression.push(')');
            }
            ',' if open > 0 => expression.push('|'),
            c => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    Ok(expression)
}

/// Names, matched all at once.
#[derive(Clone, Debug)]
pub(crate) struct NameSet(Globs);

impl NameSet {
    pub(crate) fn new(patterns: &[NamePattern]) -> Result<Self, PatternError> {
        let read = |(index, pattern): (usize, &NamePattern)| Ok((glob(&pattern.0)?, index));
        let globs: Result<Vec<_>, PatternError> = patterns.iter().enumerate().map(read).collect();
        Globs::new(globs?, Reading::Strict).map(Self)
    }

    /// The steps to match a name, at most.
    pub(crate) fn price(&self) -> Price {
        self.0.price()
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.find(name).is_some()
    }
}
