//! A file of variables, such as the `.env` that Docker Compose reads.
//!
//! Source: <https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax>

use std::{collections::BTreeMap, fs};

/// The variables of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EnvFile {
    pub(crate) variables: BTreeMap<String, String>,
}

impl EnvFile {
    /// Reads a file. What other readers could take differently is an error, with its line.
    pub(crate) fn read(path: &str) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut file = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |why: &str| format!("line {}: {why}", number + 1);
            let line = line.strip_prefix("export ").unwrap_or(line);
            let (name, value) = line
                .split_once('=')
                .ok_or_else(|| wrong("write NAME=VALUE; the environment is not looked at"))?;
            let name = name.trim();
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_name) {
                return Err(wrong("a name has letters, digits and _ alone"));
            }
            let value = plain_value(value.trim()).ok_or_else(|| {
                wrong("write the value without $, \\ and quotation marks, or between two of those")
            })?;
            file.variables.insert(name.to_owned(), value.to_owned());
        }
        Ok(file)
    }
}

/// A value without its quotation marks or the comment behind it; `None` of one that has more in it.
fn plain_value(value: &str) -> Option<&str> {
    let (text, is_raw) = if let Some(rest) = value.strip_prefix('\'') {
        (rest.strip_suffix('\'')?, true)
    } else if let Some(rest) = value.strip_prefix('"') {
        (rest.strip_suffix('"')?, false)
    } else if value.starts_with('#') {
        ("", false)
    } else {
        let end = value.find(" #").unwrap_or(value.len());
        (value[..end].trim_end(), false)
    };
    let is_odd = |c: char| matches!(c, '\'' | '"') || (!is_raw && matches!(c, '$' | '\\' | '`'));
    (!text.contains(is_odd)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_variable_a_line() {
        let text = "# why\n\nA=1\nexport B = two words # c\nC='a $b'\nD=\"e # f\"\r\nE=\nF=g#h\n";
        let file = EnvFile::parse(text).unwrap();
        let found: Vec<(&str, &str)> = file.variables.iter().map(|(a, b)| (&**a, &**b)).collect();
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "a $b"),
            ("D", "e # f"),
            ("E", ""),
            ("F", "g#h"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_readers_may_take_differently_is_an_error() {
        for text in [
            "A",
            "A=$B",
            "A=\"\\n\"",
            "A='b",
            "A=b'c",
            "A-B=c",
            "=c",
            "A='b' # c",
        ] {
            let error = EnvFile::parse(&format!("X=1\n{text}\n")).unwrap_err();
            assert!(error.starts_with("line 2: "), "{text}: {error}");
        }
    }
}
