//! Documents of YAML.

use serde_saphyr::NonFiniteFloatPolicy;

use super::position::Position;

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

/// Where a document that begins at `start` is wrong, and what the reader of YAML says of it.
pub(crate) fn yaml_error(error: &serde_saphyr::Error, start: Position) -> (Position, String) {
    let error = error.without_snippet();
    let mut message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let Some(location) = error.location() else {
        return (start, message);
    };
    // Its lines count from the start of the document, ours from that of the file.
    let (line, column) = (location.line(), location.column());
    if let Some(at) = message.find(&format!(" at line {line}, column {column}")) {
        message.truncate(at);
    }
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    (start.within(number(line), number(column)), message)
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
