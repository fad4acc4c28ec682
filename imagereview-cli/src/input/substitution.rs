//! Variables in a text of a Compose file.
//!
//! Source: <https://docs.docker.com/reference/compose-file/interpolation/>

use std::collections::BTreeMap;

/// A text has a variable that can't be filled in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubstitutionError {
    #[error("{0} has no value; give one with --set {0}=VALUE, or a default")]
    NoValue(String),
    #[error("{0:?} has a substitution of a form that is not known")]
    UnknownForm(String),
}

/// Fills in `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}` (also without the colon, and
/// `${NAME:?word}`). Two dollars are one.
pub(crate) fn fill_in(
    text: &str,
    values: &BTreeMap<String, String>,
) -> Result<String, SubstitutionError> {
    let unknown_form = || SubstitutionError::UnknownForm(text.to_owned());
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        filled.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            filled.push('$');
            rest = after;
            continue;
        }
        let in_braces = rest.strip_prefix('{');
        let body = in_braces.unwrap_or(rest);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name_len = body.find(|c| !is_name(c)).unwrap_or(body.len());
        let (name, after) = body.split_at(name_len);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(unknown_form());
        }
        let no_value = || SubstitutionError::NoValue(name.to_owned());
        let value = values.get(name);
        if in_braces.is_none() {
            rest = after;
            filled.push_str(value.ok_or_else(no_value)?);
            continue;
        }
        let end = closing_brace(after).ok_or_else(unknown_form)?;
        let modifier = &after[..end];
        rest = &after[end + 1..];
        let without_colon = modifier.strip_prefix(':').unwrap_or(modifier);
        // With the colon, an empty value counts as none.
        let value = value.filter(|value| modifier == without_colon || !value.is_empty());
        match (without_colon.as_bytes().first(), value) {
            (Some(b'-' | b'?'), Some(value)) => filled.push_str(value),
            (Some(b'-'), None) | (Some(b'+'), Some(_)) => {
                filled.push_str(&fill_in(&without_colon[1..], values)?);
            }
            (Some(b'+'), None) => {}
            (None, _) if modifier.is_empty() => filled.push_str(value.ok_or_else(no_value)?),
            (Some(b'?'), None) => return Err(no_value()),
            _ => return Err(unknown_form()),
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Where the brace closes that is open before a text.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}
