//! What the head of a report says of the run: when, of what, and by which policy.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is escaped in the path of a URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path as it is in a URI.
pub(super) fn percent_encoded(path: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(path, PATH)
}

/// What the head of a report says of the run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    /// In RFC 3339.
    pub(crate) time: String,
    /// The name of the policy, and its hash where it has one.
    pub(crate) policy: String,
    pub(crate) inputs: Vec<String>,
    pub(crate) commit: Option<String>,
    pub(crate) source_url: Option<SourceUrl>,
}

/// Where people look a place up: a URL with the path and line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceUrl(String);

impl SourceUrl {
    /// A URL with `{path}` and `{line}` in it; they are added where it has no path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url = if text.contains("{path}") {
            text.to_owned()
        } else {
            format!("{}/{{path}}#L{{line}}", text.trim_end_matches('/'))
        };
        // Nothing that a browser would run.
        match url::Url::parse(&url) {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Ok(Self(url)),
            _ => Err(format!(
                "{text:?} is not the URL of a web page; write one such as https://git.example.com/app/blob/main/{{path}}#L{{line}}"
            )),
        }
    }

    /// The same, as the script of a page reads it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The link to a line of a file. What is outside the folder of the run has none.
    pub(crate) fn link(&self, file: &str, line: usize) -> Option<String> {
        let is_below = |file: &str| {
            !file.is_empty()
                && !file.starts_with(['/', '<'])
                && !file.split('/').any(|step| step == "..")
        };
        if !is_below(file) {
            return None;
        }
        let path = percent_encoded(file).to_string();
        let line = line.max(1).to_string();
        Some(self.0.replace("{path}", &path).replace("{line}", &line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_links() {
        let link = |url: &str, file: &str, line| SourceUrl::parse(url).unwrap().link(file, line);
        for (url, file, line, expected) in [
            (
                "https://a.example/b",
                "c d/é.yaml",
                5,
                Some("https://a.example/b/c%20d/%C3%A9.yaml#L5"),
            ),
            (
                "https://a.example/b/",
                "c.yaml",
                0,
                Some("https://a.example/b/c.yaml#L1"),
            ),
            (
                "http://a.example/?f={path}&l={line}",
                "c",
                2,
                Some("http://a.example/?f=c&l=2"),
            ),
            ("https://a.example", "/etc/a.yaml", 1, None),
            ("https://a.example", "../a.yaml", 1, None),
            ("https://a.example", "<stdin>", 1, None),
        ] {
            assert_eq!(link(url, file, line).as_deref(), expected, "{url} {file}");
        }
        for url in [
            "",
            "a.example",
            "javascript:alert(1)//{path}",
            "file:///{path}",
        ] {
            assert!(SourceUrl::parse(url).is_err(), "{url}");
        }
    }
}
