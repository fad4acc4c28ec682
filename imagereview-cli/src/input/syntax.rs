//! How a text is written.

use std::path::Path;

use super::{dockerfile, source::Source};

/// How much of a text is looked at, in bytes, as in kubectl.
const LOOK_LEN: usize = 4096;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Dockerfile,
    /// JSON documents, one after another; where the first or second of them is none, YAML from there on.
    Json,
    Yaml,
}

impl Syntax {
    /// What the name of a Dockerfile says, or else how a text begins: that is what kubectl looks at, whatever a file is
    /// called.
    pub(crate) fn of(source: &Source, start: &[u8]) -> Self {
        let name = source.file_name().unwrap_or_default();
        if dockerfile::is_dockerfile(name) {
            return Self::Dockerfile;
        }
        let text = String::from_utf8_lossy(&start[..start.len().min(LOOK_LEN)]);
        let text = without_mark(&text).trim_start();
        let extension = Path::new(name).extension().unwrap_or_default();
        match extension.to_str() {
            _ if text.starts_with('{') => Self::Json,
            // kubectl takes no list for an object, so its reader need not be followed.
            Some("json" | "jsonl" | "ndjson") if text.starts_with('[') => Self::Json,
            Some("json" | "jsonl" | "ndjson" | "yaml" | "yml") => Self::Yaml,
            _ if dockerfile::begins_dockerfile(start) => Self::Dockerfile,
            _ => Self::Yaml,
        }
    }
}

/// A text without the mark that some editors write before it.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}
