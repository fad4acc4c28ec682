//! A YAML or JSON document as a tree that knows where each value stands.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

use super::{
    problem::{Position, Problems},
    yaml_error,
};

/// The longest document that is read, in bytes: many times what 10,000 patterns need, and little
/// enough that a mistaken path (a log, a dump) is refused before it is parsed.
const MAX_LEN: usize = 4 * 1024 * 1024;

/// How often anchors may be repeated in one document. A policy has little to repeat; a document
/// that unfolds far beyond its own length is refused.
const MAX_ALIASES: usize = 256;

/// How deep a document may be nested: twice what the deepest field needs. The reader recurses, and
/// an unoptimised build takes tens of kilobytes of stack for each level.
const MAX_DEPTH: usize = 16;

/// A value, and its location.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) position: Position,
}

#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// A number, as it would be written back.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Position, Node)>),
}

impl Value {
    /// What it is, for a sentence.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// The documents of a text, empty ones left out. What is not YAML is recorded as a problem.
pub(super) fn parse(text: &str, problems: &mut Problems) -> Vec<Node> {
    if text.len() > MAX_LEN {
        let len = text.len();
        problems.add(
            Position::START,
            format!("the file has {len} bytes; a policy may have at most {MAX_LEN}"),
        );
        return Vec::new();
    }
    // Tags of one's own and merge keys are not of YAML 1.2: what they mean depends on the reader.
    let options = serde_saphyr::options! {
        with_snippet: false,
        reject_unsupported_tags: true,
        merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
        budget: serde_saphyr::budget! { max_aliases: MAX_ALIASES, max_depth: MAX_DEPTH },
    };
    match serde_saphyr::from_multiple_with_options::<Node>(text, options) {
        Ok(documents) => {
            let is_empty = |node: &Node| matches!(node.value, Value::Null);
            documents
                .into_iter()
                .filter(|node| !is_empty(node))
                .collect()
        }
        Err(error) => {
            let position = error.location().map_or(Position::START, Position::from);
            problems.add(position, yaml_error::explain(&error));
            Vec::new()
        }
    }
}

impl From<serde_saphyr::Location> for Position {
    fn from(location: serde_saphyr::Location) -> Self {
        Self {
            line: location.line(),
            column: location.column(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self {
            value: spanned.value,
            position: spanned.referenced.into(),
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = seq.next_element()? {
            list.push(node);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Node>()? {
            let Value::Text(name) = key.value else {
                let kind = key.value.kind();
                return Err(A::Error::custom(format_args!(
                    "a field's name is text, not {kind}"
                )));
            };
            entries.push((name, key.position, map.next_value()?));
        }
        Ok(Value::Map(entries))
    }
}
