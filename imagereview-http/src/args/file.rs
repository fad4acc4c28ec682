//! The file of options. Its values become the defaults of the flags, so that one table of options
//! says what there is, how it is read and what is wrong with it.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use clap::{ArgAction, Command, error::ErrorKind};
use serde::Deserialize;

/// The value of an option, as YAML reads it.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a text, a number, true or false, or a list of them"
)]
enum Value {
    One(Scalar),
    Many(Vec<Scalar>),
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
/// can't be used: all of them are told.
pub(super) fn with_defaults(mut command: Command, path: &Path) -> Result<Command, clap::Error> {
    let name = path.display();
    let mut fail = |message: String| command.error(ErrorKind::ValueValidation, message);
    let text = fs::read_to_string(path)
        .map_err(|error| fail(format!("cannot read the options in {name}: {error}")))?;
    let options: BTreeMap<String, Value> = serde_saphyr::from_str(&text)
        .map_err(|error| fail(format!("cannot use the options in {name}: {error}")))?;
    let mut problems = Vec::new();
    let checked = command.clone();
    for (option, value) in options {
        let values: Vec<String> = match value {
            Value::One(value) => vec![value.to_string()],
            Value::Many(values) => values.iter().map(ToString::to_string).collect(),
        };
        match check(&checked, &option, &values) {
            Err(problem) => problems.push(format!("{name}: {option}: {problem}")),
            Ok(id) => command = command.mut_arg(id, |argument| argument.default_values(values)),
        }
    }
    if problems.is_empty() {
        Ok(command)
    } else {
        Err(command.error(ErrorKind::ValueValidation, problems.join("\n")))
    }
}

/// Whether the flag of this name takes these values; gives clap's name for it.
fn check(command: &Command, option: &str, values: &[String]) -> Result<String, String> {
    let argument = command
        .get_arguments()
        .filter(|argument| {
            matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
                && argument.get_long() != Some("config")
        })
        .find(|argument| argument.get_long() == Some(option))
        .ok_or("there is no such option; --help lists them, and their names here have no dashes before them")?;
    if values.len() != 1 && matches!(argument.get_action(), ArgAction::Set) {
        return Err("give one value and no list".to_owned());
    }
    let flags = values.iter().map(|value| format!("--{option}={value}"));
    let words = std::iter::once(command.get_name().to_owned()).chain(flags);
    match command.clone().try_get_matches_from(words) {
        Ok(_) => Ok(argument.get_id().to_string()),
        Err(error) => {
            // What follows the first line is advice about the command line.
            let message = error.to_string();
            let line = message.lines().next().unwrap_or_default();
            Err(line.trim_start_matches("error: ").to_owned())
        }
    }
}
