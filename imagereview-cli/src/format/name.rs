//! The names of the formats.

use std::fmt;

use clap::ValueEnum;

/// The name of a format. This is the one place where names are declared: the command line, the
/// project file, completions and the manual read them here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    /// For people: each violation, its lines, and what to do about it
    Human,
    /// One JSON document
    Json,
    /// One line of JSON for each document
    Ndjson,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for the test reports of a CI server
    Junit,
    /// Annotations of a GitHub workflow
    Github,
    /// A table of all images
    Table,
    /// Markdown, for a comment on a change
    Markdown,
    /// One self-contained page for a browser
    Html,
}

impl FormatName {
    /// Whether it shows the position of images that break no rule too.
    pub(crate) fn shows_every_position(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson | Self::Table | Self::Html)
    }
}

impl fmt::Display for FormatName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_possible_value() {
            Some(value) => f.write_str(value.get_name()),
            None => Ok(()),
        }
    }
}
