//! Why an expression cannot be read or decided: what `cel` says of it, in our words.

use std::fmt;

use cel::{ExecutionError, ParseErrors, Value};

use super::language::MAX_BRACKETS;
use crate::quote::Quoted;

/// Why a text is no expression that can be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ExpressionError {
    pub(crate) message: String,
    /// The line and column in the text, both from 1, where only a part of it is wrong.
    pub(crate) at: Option<(usize, usize)>,
}

impl From<String> for ExpressionError {
    fn from(message: String) -> Self {
        Self { message, at: None }
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.at {
            None => Ok(()),
            Some((line, column)) => write!(f, ", at line {line}, column {column} of it"),
        }
    }
}

/// Why a text is no expression.
pub(super) fn unparsable(errors: &ParseErrors) -> ExpressionError {
    // Only its text identifies this one.
    let is_too_deep = |message: &str| message.contains("Recursion limit");
    if errors.errors.iter().any(|error| is_too_deep(&error.msg)) {
        return format!(
            "its brackets lie more than {MAX_BRACKETS} deep within each other; make several rules of it"
        )
        .into();
    }
    match errors.errors.first() {
        None => "this is no CEL expression".to_owned().into(),
        Some(error) => ExpressionError {
            message: format!(
                "this is no CEL expression: {}",
                in_our_words(first_line(&error.msg))
            ),
            at: usize::try_from(error.pos.0)
                .ok()
                .zip(usize::try_from(error.pos.1).ok()),
        },
    }
}

/// What the parser says of a place, which names all that could be there.
fn in_our_words(message: &str) -> String {
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let token = message.split_once('\'').map(|(_, rest)| {
        let token = rest.split("' expecting").next().unwrap_or(rest);
        token.strip_suffix('\'').unwrap_or(token).trim()
    });
    match token {
        Some("<EOF>") => "it ends before it is complete".to_owned(),
        Some("=") => "\"=\" is not expected here; write == to compare".to_owned(),
        Some("|" | "&") => "one sign of || or && is missing here".to_owned(),
        Some(token) if message.starts_with("token recognition") => {
            format!("{} means nothing here", Quoted(token))
        }
        Some(token) => format!("{} is not expected here", Quoted(token)),
        None => format!("a part of it can't be read: {}", Quoted(message)),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Why an evaluation failed, by the types of the values: the values themselves can be
/// long, and a map shows its fields in another order each time.
pub(super) fn failure(error: &ExecutionError) -> String {
    use ExecutionError as E;
    match error {
        E::NoSuchKey(key) => format!("there is no field {}", Quoted(key)),
        E::UndeclaredReference(name) => format!("there is nothing named {}", Quoted(name)),
        E::NoSuchOverload(overload) => no_overload(&overload.to_string()),
        E::InvalidArgumentCount { expected, actual } => {
            format!("a function has {actual} arguments, and takes {expected}")
        }
        E::MissingArgumentOrTarget => "a function has no argument".into(),
        E::FunctionError { function, message } => {
            format!("{function} fails: {}", Quoted(first_line(message)))
        }
        E::UnexpectedType { want, .. } => format!("a value that has to be {want} is not"),
        E::UnsupportedTargetType { target } => {
            format!(
                "a function is called on {}, which it is not for",
                kind_of(target)
            )
        }
        E::NotSupportedAsMethod { method, target } => {
            format!("{} has no function {}", kind_of(target), Quoted(method))
        }
        E::UnsupportedKeyType(key) => format!("{} cannot be the key of a map", kind_of(key)),
        E::ValuesNotComparable(left, right) => {
            format!(
                "{} and {} cannot be compared",
                kind_of(left),
                kind_of(right)
            )
        }
        E::UnsupportedBinaryOperator(operator, left, right) => format!(
            "{operator:?} is not for {} and {}",
            kind_of(left),
            kind_of(right)
        ),
        E::UnsupportedIndex(index, value) => {
            format!("{} is no index of {}", kind_of(index), kind_of(value))
        }
        E::IndexOutOfBounds(_) => "an index is beyond the end of its list".into(),
        E::DuplicateKey(_) => "a map has a key twice".into(),
        E::Overflow(operator, ..) => format!("{operator:?} overflows"),
        E::DivisionByZero(_) | E::RemainderByZero(_) => "it divides by zero".into(),
        _ => "it cannot be evaluated".into(),
    }
}

/// That a function or operator is not for values of some types. `cel` shows those, and no values.
fn no_overload(message: &str) -> String {
    let quoted: Vec<&str> = message.split('\'').skip(1).step_by(2).collect();
    match quoted[..] {
        [function, types] => format!("{} is not for {types}", Quoted(function.trim_matches('_'))),
        _ => "a function or operator is used on values that it is not for".into(),
    }
}

pub(super) fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Int(_) => "an int".into(),
        value => format!("a {}", value.type_of()),
    }
}
