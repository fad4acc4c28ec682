//! What an attestation says, for the interpreter.

use std::collections::HashMap;

use cel::{Value, objects::Key};
use serde_json::Value as Json;

use super::language::WORD;

/// How much a value will hold, in bytes, as the bounds count it.
pub(super) fn size_of_json(value: &Json) -> usize {
    let held: usize = match value {
        Json::String(text) => text.len(),
        Json::Array(list) => list.iter().map(size_of_json).sum(),
        Json::Object(map) => {
            let entries = map.iter();
            let sizes = entries.map(|(name, value)| WORD + name.len() + size_of_json(value));
            sizes.sum()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
    };
    WORD + held
}

/// The value as the interpreter has it. A whole number is an int, and one that is too large for that a
/// double.
pub(super) fn described(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(list) => list.iter().map(described).collect::<Vec<_>>().into(),
        Json::Object(map) => {
            let entries = map.iter();
            let entries = entries.map(|(name, value)| (Key::from(name.as_str()), described(value)));
            entries.collect::<HashMap<Key, Value>>().into()
        }
    }
}
