//! Why an expression could not be decided.

use cel::{ExecutionError, Value};

use super::first_line;
use crate::quote::Quoted;

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
