//! Documents of YAML.

use serde::de::DeserializeOwned;
use serde_saphyr::{Error, NonFiniteFloatPolicy, UserMessageFormatter};

use super::{
    explanation::{mismatch, missing_field, repeated_field, unknown_field, unknown_value},
    layout::locate,
    lines::Lines,
    position::Position,
};

/// Where the last document of a text begins with its line, and another is before it.
pub(crate) fn last_start(text: &[u8]) -> Option<usize> {
    memchr::memmem::rfind(text, b"\n---").map(|at| at + 1)
}

/// Reads a document of YAML.
pub(crate) fn from_yaml<'t, T>(
    text: &'t str,
    read: impl for<'e> FnOnce(serde_saphyr::Deserializer<'t, 'e>) -> Result<T, serde_saphyr::Error>,
) -> Result<T, serde_saphyr::Error> {
    // The limits on aliases stay; how long a file may be is for its author to say.
    // So does what JSON has no word for: where it counts, it is refused before.
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: None,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
    };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, read)
}

/// Where a document that begins at `start` is wrong, and how.
pub(crate) fn yaml_error(error: &serde_saphyr::Error, start: Position) -> (Position, String) {
    let position = match error.location() {
        // Its lines count from the start of the document, ours from that of the file.
        Some(location) => start.within(number(location.line()), number(location.column())),
        None => start,
    };
    (position, explain(error))
}

/// Reads the only document of a file that was written for this program. An error has its position,
/// and the JSON path of the field.
pub(crate) fn from_yaml_file<T: DeserializeOwned>(text: &str) -> Result<T, (Position, String)> {
    let options = serde_saphyr::options! { with_snippet: false };
    let mut path = String::new();
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
        serde_path_to_error::deserialize(yaml).map_err(|error| {
            path = error.path().to_string();
            error.into_inner()
        })
    });
    read.map_err(|error| {
        // What ends before its key is a field of the mapping above.
        let path = path.strip_suffix(".?").unwrap_or(&path);
        let (position, message) = yaml_error(&error, Position::START);
        let (path, is_located) = match error.without_snippet() {
            Error::SerdeUnknownField { field, .. } => (
                path.strip_suffix(field)
                    .unwrap_or(path)
                    .trim_end_matches('.'),
                true,
            ),
            Error::SerdeMissingField { .. } | Error::DuplicateMappingKey { .. } => (path, true),
            _ => (path, false),
        };
        if matches!(path, "" | "." | "?") {
            return (position, message);
        }
        let found = locate(text, [path]).remove(path);
        let position = match found {
            Some(span) if !is_located => Lines::new(text, Position::START).position(span.start),
            _ => position,
        };
        (position, format!("{path}: {message}"))
    })
}

fn number(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// What is wrong, without its position.
fn explain(error: &Error) -> String {
    match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => unknown_field(field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => unknown_value(variant, expected),
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => mismatch(unexpected, expected),
        Error::SerdeInvalidLength { len, expected, .. } => {
            format!("expected {expected}, found {len} elements")
        }
        Error::SerdeMissingField { field, .. } => missing_field(field),
        Error::DuplicateMappingKey { key: Some(key), .. } => repeated_field(key),
        Error::DuplicateMappingKey { key: None, .. } => {
            "a key appears twice; delete one".to_owned()
        }
        Error::NullIntoString { .. } => mismatch("null", "a string"),
        Error::InvalidScalar { ty, .. } => format!("expected a value of type {ty}"),
        Error::InvalidBooleanStrict { .. } => "expected true or false".to_owned(),
        Error::Unexpected { expected, .. } => format!("expected {}", expected_node(expected)),
        Error::Eof { .. } => "the text ends before a value".to_owned(),
        Error::MultipleDocuments { .. } => {
            "a second document begins here; this file has only one".to_owned()
        }
        Error::UnknownAnchor { .. } => {
            "this alias has no anchor before it; write the value out, or define the anchor with &NAME"
                .to_owned()
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "this alias is within the value of its own anchor".to_owned()
        }
        Error::UnsupportedTag { tag, .. } => {
            format!("the tag {tag:?} is not supported; delete it")
        }
        Error::TaggedScalarCannotDeserializeIntoString { .. } => {
            "the tag of this value makes it no string; delete the tag".to_owned()
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            "\"<<\" must have a mapping, or a list of mappings".to_owned()
        }
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "aliases repeat too much of the document to read it; write the values out".to_owned()
        }
        Error::Budget { .. } => "this is too long or nested too deeply to be read".to_owned(),
        Error::AliasError { error, .. } => explain(error),
        // Messages of this program's own types.
        Error::Message { msg, .. } => msg.clone(),
        error => {
            let mut text = error.render_with_formatter(&UserMessageFormatter);
            if let Some(location) = error.location() {
                let (line, column) = (location.line(), location.column());
                let end = text.find(&format!(" at line {line}, column {column}"));
                text.truncate(end.unwrap_or(text.len()));
            }
            let advice = if text.starts_with("mapping values are not allowed") {
                "; check the indentation, and quote a text that has \": \" in it"
            } else {
                ""
            };
            format!("this is not valid YAML: {text}{advice}")
        }
    }
}

/// A node of YAML that the reader expects, in other words.
fn expected_node(expected: &str) -> &str {
    match expected {
        "string scalar" => "a string",
        "scalar" => "a single value",
        "sequence start" => "a list",
        "mapping start" => "a mapping (name: value)",
        expected => expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_document_is_found_by_its_line() {
        for (text, expected) in [
            ("", None),
            ("---\na: 1\n", None),
            ("a: 1\n---\nb: 2\n", Some("---\nb: 2\n")),
            ("a: 1\r\n--- # c\r\n", Some("--- # c\r\n")),
            ("a: 1\n---", Some("---")),
            // kubectl looks at the three dashes alone.
            ("a: 1\n---\nb: |\n----\n ---\n", Some("----\n ---\n")),
        ] {
            let found = last_start(text.as_bytes()).map(|at| &text[at..]);
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
