//! The documents of a YAML stream.

use std::ops::Range;

use super::position::Position;

/// Where each document of a stream is, without the line that begins it.
///
/// A `---` or `...` at the start of a line ends a document wherever it stands, in a block of text
/// too (YAML 1.2.2, section 9.1.2), so the lines alone tell the documents apart. What cannot be
/// read in one of them then keeps none of the others from being read.
pub(crate) fn documents(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut documents = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let marker = line
            .get(..3)
            .filter(|marker| ["---", "..."].contains(marker));
        if marker.is_some() && line[3..].chars().next().is_none_or(char::is_whitespace) {
            documents.push(start..at);
            start = at + 3;
        }
        at += line.len();
    }
    documents.push(start..text.len());
    let has_content = |range: &Range<usize>| {
        let mut lines = text[range.clone()].lines().map(str::trim_start);
        // Directives stand before the line that begins their document.
        !lines.all(|line| line.is_empty() || line.starts_with(['#', '%']))
    };
    documents.into_iter().filter(has_content)
}

/// Where the last document of a text begins with its line, and another is before it.
pub(crate) fn last_start(text: &[u8]) -> Option<usize> {
    memchr::memmem::rfind_iter(text, b"\n---")
        .find(|at| text.get(at + 4).is_some_and(u8::is_ascii_whitespace))
        .map(|at| at + 1)
}

/// Reads a document of YAML.
pub(crate) fn from_yaml<'t, T>(
    text: &'t str,
    read: impl for<'e> FnOnce(serde_saphyr::Deserializer<'t, 'e>) -> Result<T, serde_saphyr::Error>,
) -> Result<T, serde_saphyr::Error> {
    // The limits on aliases stay; how long a file may be is for its author to say.
    let options = serde_saphyr::options! { with_snippet: false, budget: None };
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
    fn documents_are_told_apart_by_their_lines() {
        for (text, expected) in [
            ("", &[][..]),
            ("# nothing\n---\n\n", &[]),
            ("a: 1\n", &["a: 1\n"]),
            ("---\na: 1\n---\nb: 2", &["\na: 1\n", "\nb: 2"]),
            ("%YAML 1.2\n---\na: 1\n...\n", &["\na: 1\n"]),
            (
                "--- {a: 1}\n--- # c\nb: 2\n",
                &[" {a: 1}\n", " # c\nb: 2\n"],
            ),
            ("a: 1\r\n---\r\nb: 2\r\n", &["a: 1\r\n", "\r\nb: 2\r\n"]),
            (
                "a: |\n  ---\n  b\n----\n--- ",
                &["a: |\n  ---\n  b\n----\n"],
            ),
            ("\u{e9}\u{e9}: 1\n", &["\u{e9}\u{e9}: 1\n"]),
        ] {
            let found: Vec<&str> = documents(text).map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn the_last_document_is_found_by_its_line() {
        for (text, expected) in [
            ("", None),
            ("---\na: 1\n", None),
            ("a: 1\n---\nb: 2\n", Some("---\nb: 2\n")),
            ("a: 1\r\n--- # c\r\n", Some("--- # c\r\n")),
            // It may be a longer line.
            ("a: 1\n---", None),
            (
                "a: 1\n---\nb: |\n----\n ---\n",
                Some("---\nb: |\n----\n ---\n"),
            ),
        ] {
            let found = last_start(text.as_bytes()).map(|at| &text[at..]);
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
