//! The documents of a stream, distinguished as kubectl does.
//!
//! kubectl looks at what a text begins with, not at the name of its file. One that begins with a brace is JSON documents,
//! one after another; where the first or second of them is none, what follows is YAML. A line of YAML that begins with
//! three dashes ends a document wherever it is.
//!
//! Source: <https://github.com/kubernetes/apimachinery/blob/v0.37.2/pkg/util/yaml/decoder.go>

use std::ops::Range;

use serde_json::value::RawValue;

use super::syntax::{Syntax, without_mark};

/// A document, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// Where it is, without the line that begins it.
    pub(crate) range: Range<usize>,
    pub(crate) is_json: bool,
    /// Whether something is on the line that begins it. kubectl reads none of the stream from there on.
    pub(crate) is_behind_dashes: bool,
}

/// The documents of a text.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub(crate) documents: Vec<Document>,
    /// Where the text is no JSON, and the reader's error.
    pub(crate) json_error: Option<JsonError>,
}

/// Where a stream of JSON stops to be one.
#[derive(Debug)]
pub(crate) struct JsonError {
    pub(crate) error: serde_json::Error,
    /// The document that is tried as YAML; `None` where kubectl goes no further.
    pub(crate) fallback: Option<usize>,
}

/// How many JSON documents make a stream that kubectl takes for nothing else any more.
pub(crate) const SURELY_JSON: usize = 2;

impl Documents {
    /// Those of a text. Before a part of a stream of JSON, so many documents have been read.
    pub(crate) fn of(text: &str, syntax: Syntax, before: usize) -> Self {
        let mut found = Self::default();
        match syntax {
            Syntax::Dockerfile => {}
            Syntax::Yaml => found.documents = yaml_documents(text, 0),
            Syntax::Json => found.json(text, before),
        }
        found
    }

    fn json(&mut self, text: &str, before: usize) {
        let start = text.len() - without_mark(text).len();
        let mut documents =
            serde_json::Deserializer::from_str(&text[start..]).into_iter::<&RawValue>();
        let mut end = start;
        while let Some(document) = documents.next() {
            match document {
                Ok(document) => {
                    end = start + documents.byte_offset();
                    self.documents.push(Document {
                        range: end - document.get().len()..end,
                        is_json: true,
                        is_behind_dashes: false,
                    });
                }
                Err(error) => {
                    let is_json = before + self.documents.len() >= SURELY_JSON
                        // Blanks that are none to JSON are no YAML either.
                        || text[end..].trim().is_empty();
                    let fallback = (!is_json).then_some(self.documents.len());
                    self.json_error = Some(JsonError { error, fallback });
                    if !is_json {
                        self.documents
                            .extend(yaml_documents(text, yaml_start(text, end)));
                    }
                    return;
                }
            }
        }
    }
}

/// Where YAML begins behind a document of JSON: behind the blanks there, or the first line break among them.
pub(crate) fn yaml_start(text: &str, end: usize) -> usize {
    let rest = &text[end..];
    let blanks = rest.len() - rest.trim_start().len();
    end + rest[..blanks].find('\n').map_or(blanks, |at| at + 1)
}

/// The documents of YAML from an offset on.
fn yaml_documents(text: &str, from: usize) -> Vec<Document> {
    let mut documents = Vec::new();
    let document = |range: Range<usize>, is_behind_dashes| Document {
        range,
        is_json: false,
        is_behind_dashes,
    };
    let (mut start, mut at) = (from, from);
    let mut is_behind_dashes = false;
    for line in text[from..].split_inclusive('\n') {
        if let Some(behind) = line.strip_prefix("---") {
            documents.push(document(start..at, is_behind_dashes));
            start = at + 3;
            let behind = behind.trim();
            is_behind_dashes = !behind.is_empty() && !behind.starts_with('#');
        }
        at += line.len();
    }
    documents.push(document(start..text.len(), is_behind_dashes));
    documents.retain(|document| has_content(&text[document.range.clone()]));
    documents
}

/// Whether there is more than comments, for every reader and whatever ends a line for it.
fn has_content(document: &str) -> bool {
    let breaks = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
    let mut lines = document
        .split(breaks)
        .map(|line| line.trim_start_matches(' '));
    lines.any(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each document, after what it is.
    fn found(text: &str, syntax: Syntax) -> Vec<String> {
        let documents = Documents::of(text, syntax, 0).documents.into_iter();
        documents
            .map(|document| {
                let kind = if document.is_json { "json" } else { "yaml" };
                let dashes = if document.is_behind_dashes { "!" } else { "" };
                format!("{kind}{dashes}: {}", &text[document.range])
            })
            .collect()
    }

    #[test]
    fn documents_of_yaml_are_distinguished_by_their_lines() {
        for (text, expected) in [
            ("", &[][..]),
            ("# nothing\n---\n\n", &[]),
            ("a: 1\n", &["yaml: a: 1\n"]),
            ("---\na: 1\n---\nb: 2", &["yaml: \na: 1\n", "yaml: \nb: 2"]),
            // kubectl reads no directives, so they are reported where they are.
            (
                "%YAML 1.2\n---\na: 1\n",
                &["yaml: %YAML 1.2\n", "yaml: \na: 1\n"],
            ),
            (
                "--- {a: 1}\n--- # c\nb: 2\n----\n",
                &["yaml!:  {a: 1}\n", "yaml:  # c\nb: 2\n", "yaml!: -\n"],
            ),
            (
                "a: 1\r\n---\r\nb: 2\r\n",
                &["yaml: a: 1\r\n", "yaml: \r\nb: 2\r\n"],
            ),
            ("a: |\n  ---\n  b\n--- ", &["yaml: a: |\n  ---\n  b\n"]),
            ("a: 1\n...\nb: 2\n", &["yaml: a: 1\n...\nb: 2\n"]),
            ("\u{e9}\u{e9}: 1\n", &["yaml: \u{e9}\u{e9}: 1\n"]),
            // What ends a comment for some reader may begin a document for it.
            ("# c\rb: 2", &["yaml: # c\rb: 2"]),
            ("# c\u{2028}b: 2", &["yaml: # c\u{2028}b: 2"]),
        ] {
            assert_eq!(found(text, Syntax::Yaml), expected, "{text:?}");
        }
    }

    #[test]
    fn a_stream_of_json_may_go_on_in_yaml() {
        for (text, expected) in [
            ("{}", &["json: {}"][..]),
            ("\u{feff}{} {\"a\": 1}\n", &["json: {}", "json: {\"a\": 1}"]),
            ("{}\n---\na: 1\n", &["json: {}", "yaml: \na: 1\n"]),
            ("{} \n---\n{\"a\": 1}", &["json: {}", "yaml: \n{\"a\": 1}"]),
            ("{a: 1}\n---\nb: 2", &["yaml: {a: 1}\n", "yaml: \nb: 2"]),
            // After two it is JSON, and after what is none nothing follows.
            ("{}{}\n---\na: 1\n", &["json: {}", "json: {}"]),
        ] {
            assert_eq!(found(text, Syntax::Json), expected, "{text:?}");
        }
        let broken = |text| Documents::of(text, Syntax::Json, 0).json_error.unwrap();
        assert_eq!(broken("{\"a\": 1,}").fallback, Some(0));
        assert_eq!(broken("{} {").fallback, Some(1));
        assert_eq!(broken("{} {} {").fallback, None);
    }
}
