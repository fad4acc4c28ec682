//! How a text is written.

use std::path::Path;

use super::{dockerfile, source::Source};

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Dockerfile,
    /// JSON documents, one after another.
    Json,
    Yaml,
}

impl Syntax {
    /// What the name of the source says, or else how its text begins.
    pub(crate) fn of(source: &Source, start: &[u8]) -> Self {
        let name = source.file_name().unwrap_or_default();
        let extension = Path::new(name).extension().unwrap_or_default();
        if dockerfile::is_dockerfile(name) {
            return Self::Dockerfile;
        }
        // JSON may not begin with the mark that some editors write, and YAML may.
        let has_mark = start.starts_with("\u{feff}".as_bytes());
        match extension.to_str() {
            Some("json" | "jsonl" | "ndjson") if !has_mark => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            _ if dockerfile::begins_dockerfile(start) => Self::Dockerfile,
            // An object of YAML could begin with a brace too, but is hardly ever written so.
            _ => match start.trim_ascii_start().strip_prefix(b"{") {
                Some(rest) if rest.trim_ascii_start().starts_with(b"\"") => Self::Json,
                Some(rest) if rest.trim_ascii_start().starts_with(b"}") => Self::Json,
                _ => Self::Yaml,
            },
        }
    }
}
