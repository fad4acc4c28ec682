//! The path of a field in every object of one kind.

use std::{fmt, str::FromStr};

use crate::quote::Quoted;

/// The path of a field, from the root of an object: names separated by dots, and `[*]` for every
/// element of a list.
///
/// ```text
/// path  := name { "." name | "[*]" }        name := one or more of A-Z a-z 0-9 _ -
/// ```
///
/// ```
/// use imagereview_core::workload::FieldPath;
///
/// let path: FieldPath = "spec.templates[*].container.image".parse()?;
/// assert_eq!(path.to_string(), "spec.templates[*].container.image");
///
/// let error = "spec.templates[0].image".parse::<FieldPath>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "only [*], for every element, is allowed in brackets, at byte 14 of \"spec.templates[0].image\"",
/// );
/// # Ok::<(), imagereview_core::workload::FieldPathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldPath(Vec<Step>);

/// One step down into an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// The field of this name.
    Field(Box<str>),
    /// Every element of a list.
    Elements,
    /// Every field of an object whose names are data (annotations, labels). No text names it.
    AnyField,
}

impl FieldPath {
    /// The most steps that a path may have; no manifest needs more, and what is read stays shallow.
    pub const MAX_STEPS: usize = 32;

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path as written in the crate's own tables.
    pub(super) fn builtin(path: &'static str) -> Self {
        path.parse().expect("the crate's own paths are valid")
    }

    pub(super) fn any_field(mut self) -> Self {
        self.0.push(Step::AnyField);
        self
    }

    /// This path and then that one.
    pub(super) fn join(&self, rest: &Self) -> Self {
        Self(self.0.iter().chain(&rest.0).cloned().collect())
    }

    /// Whether it goes through every element of a list, so that it has many locations.
    pub(super) fn is_many(&self) -> bool {
        self.0.iter().any(|step| !matches!(step, Step::Field(_)))
    }

    /// The field `name` next to where the path ends; `None` if it does not end in a field.
    pub(super) fn sibling(&self, name: &'static str) -> Option<Self> {
        let (Step::Field(_), parent) = self.0.split_last()? else {
            return None;
        };
        let mut steps = parent.to_vec();
        steps.push(Step::Field(name.into()));
        Some(Self(steps))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if index == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Elements => f.write_str("[*]")?,
                Step::AnyField => f.write_str(".*")?,
            }
        }
        Ok(())
    }
}

impl FromStr for FieldPath {
    type Err = FieldPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |kind, position| {
            Err(FieldPathError {
                kind,
                position,
                text: text.into(),
            })
        };
        if text.is_empty() {
            return fail(FieldPathErrorKind::Empty, 0);
        }
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let bytes = text.as_bytes();
        let mut steps = Vec::new();
        let mut at = 0;
        loop {
            let len = bytes[at..].iter().take_while(|byte| is_name(byte)).count();
            if len == 0 {
                return match bytes.get(at) {
                    None | Some(b'.' | b'[') => fail(FieldPathErrorKind::EmptyName, at),
                    Some(_) => fail(FieldPathErrorKind::InvalidCharacter, at),
                };
            }
            steps.push(Step::Field(text[at..at + len].into()));
            at += len;
            while bytes.get(at) == Some(&b'[') {
                if !bytes[at..].starts_with(b"[*]") {
                    return fail(FieldPathErrorKind::NotEveryElement, at);
                }
                steps.push(Step::Elements);
                at += "[*]".len();
            }
            if steps.len() > Self::MAX_STEPS {
                return fail(FieldPathErrorKind::TooLong, at);
            }
            match bytes.get(at) {
                None => return Ok(Self(steps)),
                Some(b'.') => at += 1,
                Some(_) => return fail(FieldPathErrorKind::InvalidCharacter, at),
            }
        }
    }
}

/// A text is no [`FieldPath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}, at byte {position} of {}", Quoted(text))]
pub struct FieldPathError {
    kind: FieldPathErrorKind,
    position: usize,
    text: Box<str>,
}

impl FieldPathError {
    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> FieldPathErrorKind {
        self.kind
    }

    /// Where it is wrong: an offset into the text, in bytes.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }
}

/// What is wrong with a text that should be a [`FieldPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldPathErrorKind {
    /// There is no text.
    Empty,
    /// A dot or bracket where a name should be, at the start or the end for example.
    EmptyName,
    /// A character that no name has.
    InvalidCharacter,
    /// Brackets with something else than `*` in them.
    NotEveryElement,
    /// More than [`FieldPath::MAX_STEPS`] steps.
    TooLong,
}

impl fmt::Display for FieldPathErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the path is empty; write one such as spec.template.spec",
            Self::EmptyName => "a field name is missing",
            Self::InvalidCharacter => {
                "names have only letters, digits, \"_\" and \"-\", with \".\" between them"
            }
            Self::NotEveryElement => "only [*], for every element, is allowed in brackets",
            Self::TooLong => "the path has more than 32 steps",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_or_refused_at_the_right_place() {
        use FieldPathErrorKind as Kind;

        let long = vec!["a"; FieldPath::MAX_STEPS + 1].join(".");
        for (text, expected) in [
            ("spec", Ok(())),
            ("spec.steps[*].image", Ok(())),
            ("spec.images[*]", Ok(())),
            ("spec.matrix[*][*].image", Ok(())),
            ("spec.a-b_c.1", Ok(())),
            (&long[2..], Ok(())),
            ("", Err((Kind::Empty, 0))),
            (".spec", Err((Kind::EmptyName, 0))),
            ("spec.", Err((Kind::EmptyName, 5))),
            ("spec..image", Err((Kind::EmptyName, 5))),
            ("[*].image", Err((Kind::EmptyName, 0))),
            ("$.spec", Err((Kind::InvalidCharacter, 0))),
            ("spec.*.image", Err((Kind::InvalidCharacter, 5))),
            ("spec/image", Err((Kind::InvalidCharacter, 4))),
            ("spec.steps[*]image", Err((Kind::InvalidCharacter, 13))),
            ("spec.é", Err((Kind::InvalidCharacter, 5))),
            ("spec.steps[0].image", Err((Kind::NotEveryElement, 10))),
            ("spec.steps[", Err((Kind::NotEveryElement, 10))),
            (&long, Err((Kind::TooLong, long.len()))),
        ] {
            match text.parse::<FieldPath>() {
                Ok(path) => {
                    assert_eq!(Ok(()), expected, "{text}");
                    assert_eq!(path.to_string(), text);
                }
                Err(error) => {
                    assert_eq!(
                        Err((error.kind(), error.position())),
                        expected,
                        "{text}: {error}"
                    );
                }
            }
        }
    }
}
