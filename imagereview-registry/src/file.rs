//! Files that people write, and what is wrong with them.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// The most bytes of a file: 1 MiB.
const MAX_BYTES: u64 = 1 << 20;

/// A file can't be used. It says which, where in it, and what to write.
///
/// It displays as `file:line:column: field: what is wrong`, and never holds a value of the file: such
/// a file may hold credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    path: PathBuf,
    /// Line and column, from 1.
    position: Option<(u64, u64)>,
    field: Box<str>,
    message: Box<str>,
}

impl FileError {
    pub(crate) fn new(path: &Path, message: impl Into<Box<str>>) -> Self {
        Self {
            path: path.to_owned(),
            position: None,
            field: Box::default(),
            message: message.into(),
        }
    }

    pub(crate) fn at(mut self, line: u64, column: u64) -> Self {
        self.position = Some((line, column));
        self
    }

    pub(crate) fn in_field(mut self, field: impl Into<Box<str>>) -> Self {
        self.field = field.into();
        self
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The line, from 1, if the file could be read.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        self.position.map(|(line, _)| line)
    }

    /// The field, such as `registries[2].host`; empty for the file itself.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong and what to do about it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": ")?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for FileError {}

/// Reads a text file that is not too large.
pub(crate) fn read(path: &Path) -> Result<String, FileError> {
    let fail = |message: String| FileError::new(path, message);
    let metadata = fs::metadata(path).map_err(|error| fail(format!("can't be read: {error}")))?;
    if metadata.len() > MAX_BYTES {
        return Err(fail(format!("is larger than {MAX_BYTES} bytes")));
    }
    fs::read_to_string(path).map_err(|error| fail(format!("can't be read: {error}")))
}

/// Reads YAML, of which JSON is a part.
pub(crate) fn from_yaml<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, FileError> {
    let options = serde_saphyr::options! { with_snippet: false };
    let mut field = String::new();
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
        serde_path_to_error::deserialize(yaml).map_err(|error| {
            field = shown(error.path());
            error.into_inner()
        })
    });
    read.map_err(|error| {
        if let serde_saphyr::Error::SerdeUnknownField { .. } = error.without_snippet() {
            // The message names it, and it is none.
            let end = field.rfind('.').unwrap_or_default();
            field.truncate(end);
        }
        let problem = FileError::new(path, explain(&error)).in_field(field);
        match error.location() {
            Some(location) => problem.at(location.line(), location.column()),
            None => problem,
        }
    })
}

/// A field as it is shown. The key of a map may be a URL, and a URL may hold a password.
fn shown(path: &serde_path_to_error::Path) -> String {
    let text = path.to_string();
    // What ends before its key, and what keeps its position, are fields of the map above.
    let text = text.strip_suffix(".?").unwrap_or(&text);
    let text = text.strip_suffix(".value").unwrap_or(text);
    match text {
        "." | "?" => String::new(),
        text if text.contains('@') => {
            let keys = path.iter().map(ToString::to_string);
            let keys = keys.take_while(|key| !key.contains('@'));
            keys.collect::<Vec<_>>().join(".")
        }
        text => text.to_owned(),
    }
}

/// What is wrong, without what stands there.
fn explain(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;

    match error.without_snippet() {
        Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let list = expected.join(", ");
            let meant = meant(field, expected);
            format!("there is no field {field:?} here{meant}; the fields are {list}")
        }
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => {
            let list = expected.join(", ");
            format!("{variant:?} is none of {list}{}", meant(variant, expected))
        }
        Error::SerdeInvalidType { expected, .. }
        | Error::SerdeInvalidValue { expected, .. }
        | Error::SerdeInvalidLength { expected, .. } => format!("expected {expected}"),
        Error::SerdeMissingField { field, .. } => format!("the field {field:?} is missing"),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the field {key:?} stands twice")
        }
        error => without_values(&error.to_string()),
    }
}

/// `; did you mean …?` where a name is near enough to be meant.
pub(crate) fn meant(written: &str, names: &[&str]) -> String {
    let nearest = names
        .iter()
        .map(|name| {
            let distance =
                strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase());
            (distance, name)
        })
        .min();
    match nearest {
        Some((distance, name)) if distance <= 1 + name.len() / 4 => {
            format!("; did you mean {name:?}?")
        }
        _ => String::new(),
    }
}

/// Reads JSON that may hold credentials.
pub(crate) fn from_json<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, FileError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let problem = |error: &serde_json::Error, field: String| {
        FileError::new(path, without_values(&error.to_string()))
            .in_field(field)
            .at(error.line() as u64, error.column() as u64)
    };
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = shown(error.path());
        problem(error.inner(), field)
    })?;
    json.end().map_err(|error| problem(&error, String::new()))?;
    Ok(value)
}

/// What a reader says, without the value that it quotes and the place that is told already.
pub(crate) fn without_values(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or_default();
    let message = message.lines().next().unwrap_or_default();
    // `invalid type: string "…", expected a map`
    let quotes = ["invalid type", "invalid value", "invalid length"];
    let inner = quotes.iter().find_map(|kind| message.find(kind));
    match inner {
        Some(start) => match message[start..].rfind(", expected ") {
            Some(end) => format!("expected {}", &message[start + end + ", expected ".len()..]),
            None => "the value is of another kind than expected".to_owned(),
        },
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_told() {
        for (message, expected) in [
            (
                r#"invalid type: string "hunter2", expected a map at line 1 column 3"#,
                "expected a map",
            ),
            (
                r#"invalid type: string "a, expected b", expected a map"#,
                "expected a map",
            ),
            (
                "invalid value: hunter2",
                "the value is of another kind than expected",
            ),
            (
                "EOF while parsing a string at line 1 column 3",
                "EOF while parsing a string",
            ),
        ] {
            assert_eq!(without_values(message), expected);
        }
    }
}
