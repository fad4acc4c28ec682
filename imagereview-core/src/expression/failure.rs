//! Why an expression cannot be read or decided: what `cel` says of it, in our words.

use cel::{ExecutionError, ParseErrors, Value};

use super::language::MAX_BRACKETS;
use crate::quote::Quoted;

/// Why a text is no expression.
pub(super) fn unparsable(errors: &ParseErrors) -> String {
    // Nothing but the text tells this one from others.
    let is_too_deep = |message: &str| message.contains("Recursion limit");
    if errors.errors.iter().any(|error| is_too_deep(&error.msg)) {
        return format!(
            "its brackets lie more than {MAX_BRACKETS} deep within each other; make several rules of it"
        );
    }
    match errors.errors.first() {
        None => "this is no CEL expression".into(),
        Some(error) => {
            let (line, column) = error.pos;
            let message = Quoted(first_line(&error.msg));
            format!("this is no CEL expression: {message}, at line {line}, column {column} of it")
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Why an evaluation failed, by the kinds of the values in question: the values themselves can be
/// long, and a map shows its fields in another order each time.
pub(super) fn failure(error: &ExecutionError) -> String {
    use ExecutionError as E;
    match error {
        E::NoSuchKey(key) => format!("there is no field {}", Quoted(key)),
        E::UndeclaredReference(name) => format!("there is nothing named {}", Quoted(name)),
        E::NoSuchOverload(overload) => overload.to_string(),
        E::InvalidArgumentCount { .. } | E::MissingArgumentOrTarget => error.to_string(),
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

pub(super) fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Int(_) => "an int".into(),
        value => format!("a {}", value.type_of()),
    }
}
