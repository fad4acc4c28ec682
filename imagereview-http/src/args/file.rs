//! The file of options. Its values become the defaults of the flags, so that one table of options
//! says what there is, how it is read and what is wrong with it.

use std::{collections::BTreeMap, error::Error, fmt, fs, path::Path};

use clap::{
    ArgAction, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use serde::{Deserialize, de::IgnoredAny};

/// The value of an option, as YAML reads it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    One(Scalar),
    Many(Vec<Scalar>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Integer(u64),
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// The command with the file's values as defaults.
///
/// # Errors
///
/// The file can't be read or is no map, or there are options in it that don't exist or values that
/// can't be used. The error holds all of them.
pub(super) fn with_defaults(mut command: Command, path: &Path) -> Result<Command, clap::Error> {
    let name = path.display();
    let mut fail = |message: String| command.error(ErrorKind::ValueValidation, message);
    let text = fs::read_to_string(path)
        .map_err(|error| fail(format!("cannot read the options in {name}: {error}")))?;
    let options = read(&text).map_err(|problem| fail(format!("{name}:{problem}")))?;
    let mut problems = Vec::new();
    let checked = command.clone();
    for (option, value) in options {
        match check(&checked, &option, &value) {
            Err(problem) => problems.push(format!("{name}: {option}: {problem}")),
            Ok((id, values)) => {
                command = command.mut_arg(id, |argument| argument.default_values(values));
            }
        }
    }
    if problems.is_empty() {
        Ok(command)
    } else {
        Err(command.error(ErrorKind::ValueValidation, problems.join("\n")))
    }
}

/// Reads the map. An error begins with its line and column.
fn read(text: &str) -> Result<BTreeMap<String, Value>, String> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error
            .location()
            .map_or((1, 1), |location| (location.line(), location.column()));
        let problem = match error.without_snippet() {
            serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
                format!("the option {key:?} is given twice; delete one")
            }
            _ => "this is no map of options in YAML; write one option a line, such as \
                  listen: 0.0.0.0:8443"
                .to_owned(),
        };
        format!("{line}:{column}: {problem}")
    })
}

/// Whether the flag of this name takes this value; gives clap's name for it, and its values.
fn check(command: &Command, option: &str, value: &Value) -> Result<(String, Vec<String>), String> {
    let argument = command
        .get_arguments()
        .filter(|argument| {
            matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
                && argument.get_long() != Some("config")
        })
        .find(|argument| argument.get_long() == Some(option))
        .ok_or("there is no such option; --help lists them, and their names here have no dashes before them")?;
    let values: Vec<String> = match value {
        Value::One(value) => vec![value.to_string()],
        Value::Many(values) => values.iter().map(ToString::to_string).collect(),
        Value::Other(_) => {
            return Err(
                "write a text, a whole number, true or false, or a list of them".to_owned(),
            );
        }
    };
    if values.len() != 1 && matches!(argument.get_action(), ArgAction::Set) {
        return Err("give one value and no list".to_owned());
    }
    let flags = values.iter().map(|value| format!("--{option}={value}"));
    let words = std::iter::once(command.get_name().to_owned()).chain(flags);
    match command.clone().try_get_matches_from(words) {
        Ok(_) => Ok((argument.get_id().to_string(), values)),
        Err(error) => Err(problem(&error)),
    }
}

/// What is wrong with the value of one flag, without clap's advice about the command line.
fn problem(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let value = text(ContextKind::InvalidValue);
    let valid = text(ContextKind::ValidValue);
    match error.source() {
        // The option's own parser.
        Some(advice) => format!("invalid value {value:?}: {advice}"),
        None if value.is_empty() => "give a value that is not empty".to_owned(),
        None => format!("invalid value {value:?}: write one of {valid}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Args;

    #[test]
    fn each_mistake_says_what_to_write() {
        let rows = [
            (
                "- a\n",
                "1:1: this is no map of options in YAML; write one option a line, such as listen: 0.0.0.0:8443",
            ),
            ("listen: [a\n", "this is no map of options in YAML"),
            ("listen: a: b\n", "this is no map of options in YAML"),
            (
                "policy: a\npolicy: b\n",
                "the option \"policy\" is given twice; delete one",
            ),
            (
                "listen: {a: b}\n",
                "listen: write a text, a whole number, true or false, or a list of them",
            ),
            ("policy: [[a]]\n", "policy: write a text"),
            ("listen: null\n", "listen: write a text"),
            ("listen: ''\n", "listen: "),
            (
                "listen: 8443\n",
                "listen: invalid value \"8443\": write an IP address and a port",
            ),
            (
                "max-streams: 0\n",
                "max-streams: invalid value \"0\": write a whole number from 1 to 10000",
            ),
            (
                "body-timeout: 10\n",
                "body-timeout: invalid value \"10\": write a number with a unit",
            ),
            (
                "log-format: xml\n",
                "log-format: invalid value \"xml\": write one of text, json",
            ),
            (
                "log-level: loud\n",
                "log-level: invalid value \"loud\": write error, warn",
            ),
            (
                "language: [en, zh]\n",
                "language: give one value and no list",
            ),
            ("man: x\n", "man: there is no such option"),
        ];
        for (text, named) in rows {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let error = with_defaults(Args::command(), file.path()).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(named), "{text:?}: {message}");
            let name = file.path().display().to_string();
            assert!(message.contains(&name), "{text:?}: {message}");
        }
    }
}
