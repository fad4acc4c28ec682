//! Patterns over the parts of a reference, compiled so that one image is matched against ten
//! thousand of them at about the cost of ten.
//!
//! The same pattern is read more widely where a match denies than where it allows
//! ([`Reading`]), so that no spelling of a name gets past a denial or into an allowance.

mod globs;
mod name;
mod repository;
mod tag;
mod version;

pub(crate) use self::{
    name::{NamePattern, NameSet},
    repository::{RegistryPattern, RepositoryPattern, RepositorySet},
    tag::{TagPattern, TagSet},
};

/// How a pattern is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A match allows: exactly what is written.
    Strict,
    /// A match denies: letters match without regard to case, and a host without a port matches
    /// every port.
    Wide,
}

/// The text is no pattern, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct PatternError(pub(crate) String);

/// Whether a text has a character that globs give a meaning to.
fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// What stands in a pattern where nothing that it could match has it. Such a pattern would be
/// dead, and a dead denial lets everything pass: `*:latest` over tags, `!dev` over namespaces.
fn stray_character(pattern: &str, in_name: impl Fn(char) -> bool) -> Option<String> {
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
                    return Some(format!("{c:?} never stands in one"));
                }
            }
            '{' => alternatives += 1,
            '}' if alternatives > 0 => alternatives -= 1,
            ',' if alternatives > 0 => {}
            '!' => return Some("a pattern cannot be turned round with \"!\"".into()),
            c if in_name(c) => {}
            c => return Some(format!("{c:?} never stands in one")),
        }
    }
    None
}

/// The longest glob, in bytes: several times the longest name that there is, and little enough that
/// each compiles.
const MAX_GLOB_LEN: usize = 2048;

/// Reads a glob, with `*` staying below the next `/`.
fn glob(text: &str, reading: Reading) -> Result<globset::Glob, PatternError> {
    checked_len(text)?;
    globset::GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(false)
        .case_insensitive(reading == Reading::Wide)
        .build()
        .map_err(|error| glob_error(text, &error))
}

fn checked_len(glob: &str) -> Result<(), PatternError> {
    if glob.len() > MAX_GLOB_LEN {
        return Err(PatternError(format!(
            "a glob may have at most {MAX_GLOB_LEN} bytes, and this one has {}",
            glob.len()
        )));
    }
    Ok(())
}

fn glob_error(text: &str, error: &globset::Error) -> PatternError {
    PatternError(format!("{text:?} is no glob: {}", error.kind()))
}
