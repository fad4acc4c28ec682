//! YAML or JSON as a tree that knows the position of each value.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

use crate::error::ImportError;

/// The longest input, in bytes: that of a policy file.
const MAX_LEN: usize = 4 * 1024 * 1024;

/// How deep an input may be nested. The deepest patterns of Kyverno, for pods within a `CronJob` within a
/// `List`, need about 20. The reader recurses, and an unoptimised build takes tens of kilobytes of stack for each
/// level.
const MAX_DEPTH: usize = 28;

/// How often anchors may be repeated in one input.
const MAX_ALIASES: usize = 256;

/// A value, and its position.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) line: u64,
    pub(crate) column: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Value {
    /// What it is, for a sentence.
    fn kind(&self) -> &'static str {
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

/// The documents of an input, without empty ones.
pub(crate) fn parse(source: &str, text: &str) -> Result<Vec<Node>, ImportError> {
    let error = |line, column, message: String| ImportError {
        source: source.to_owned(),
        line,
        column,
        field: String::new(),
        message,
    };
    if text.len() > MAX_LEN {
        let message = format!("the input has {} bytes, and may have {MAX_LEN}", text.len());
        return Err(error(1, 1, message));
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { max_aliases: MAX_ALIASES, max_depth: MAX_DEPTH },
    };
    match serde_saphyr::from_multiple_with_options::<Node>(text, options) {
        Ok(documents) => Ok(documents
            .into_iter()
            .filter(|node| !matches!(node.value, Value::Null))
            .collect()),
        Err(cause) => {
            let (line, column) = cause
                .location()
                .map_or((1, 1), |at| (at.line(), at.column()));
            let cause = cause.without_snippet().to_string();
            // The position is before the sentence already.
            let what = cause.split(" at line").next().unwrap_or_default();
            Err(error(
                line,
                column,
                format!("this is neither YAML nor JSON: {what}"),
            ))
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self {
            value: spanned.value,
            line: spanned.referenced.line(),
            column: spanned.referenced.column(),
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
            let name = match key.value {
                Value::Text(name) | Value::Number(name) => name,
                Value::Bool(name) => name.to_string(),
                other => {
                    let kind = other.kind();
                    return Err(A::Error::custom(format_args!(
                        "a field's name is text, not {kind}"
                    )));
                }
            };
            entries.push((name, map.next_value()?));
        }
        Ok(Value::Map(entries))
    }
}

/// A value of an input, where it is, and how messages name that.
#[derive(Clone, Debug)]
pub(crate) struct At<'n> {
    pub(crate) node: &'n Node,
    /// The fields that lead to it, such as `spec.rules[0]`.
    pub(crate) path: String,
    pub(crate) source: &'n str,
}

impl<'n> At<'n> {
    pub(crate) fn root(source: &'n str, node: &'n Node) -> Self {
        Self {
            node,
            path: String::new(),
            source,
        }
    }

    fn within(&self, node: &'n Node, segment: &str) -> Self {
        let dot = if self.path.is_empty() || segment.starts_with('[') {
            ""
        } else {
            "."
        };
        Self {
            node,
            path: format!("{}{dot}{segment}", self.path),
            source: self.source,
        }
    }

    /// The value of a field, if this is a map that has it with a value.
    pub(crate) fn get(&self, name: &str) -> Option<Self> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        let (_, node) = entries.iter().find(|(key, _)| key == name)?;
        (!matches!(node.value, Value::Null)).then(|| self.within(node, name))
    }

    /// The value at the end of several fields.
    pub(crate) fn at(&self, names: &[&str]) -> Option<Self> {
        names.iter().try_fold(self.clone(), |at, name| at.get(name))
    }

    /// The fields of a map; none of anything else.
    pub(crate) fn entries(&self) -> Vec<(&'n str, Self)> {
        let Value::Map(entries) = &self.node.value else {
            return Vec::new();
        };
        let entries = entries.iter();
        entries
            .map(|(name, node)| (name.as_str(), self.within(node, name)))
            .collect()
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> Vec<Self> {
        let Value::List(items) = &self.node.value else {
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .map(|(index, node)| self.within(node, &format!("[{index}]")))
            .collect()
    }

    pub(crate) fn text(&self) -> Option<&'n str> {
        match &self.node.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            _ => None,
        }
    }

    /// The text without white space, to be compared with a shape.
    pub(crate) fn dense_text(&self) -> String {
        let text = self.text().unwrap_or_default();
        text.chars().filter(|c| !c.is_whitespace()).collect()
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        match &self.node.value {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The texts of a list of texts, or the one text.
    pub(crate) fn texts(&self) -> Vec<&'n str> {
        match self.text() {
            Some(text) => vec![text],
            None => self.items().iter().filter_map(Self::text).collect(),
        }
    }

    /// The text of a field.
    pub(crate) fn text_of(&self, name: &str) -> Option<&'n str> {
        self.get(name)?.text()
    }

    /// The text of a field that must be there.
    pub(crate) fn required_text(&self, name: &str) -> Result<&'n str, ImportError> {
        match self.get(name) {
            None => Err(self.error(format!("the field {name:?} is missing"))),
            Some(at) => at
                .text()
                .ok_or_else(|| at.error(format!("this is {}, not text", at.kind()))),
        }
    }

    /// The items of a field that, if it is there, must be a list.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<Self>, ImportError> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(at) => match at.node.value {
                Value::List(_) => Ok(at.items()),
                _ => Err(at.error(format!("this is {}, not a list", at.kind()))),
            },
        }
    }

    /// The texts of a field that, if it is there, must be a list of texts.
    pub(crate) fn text_list(&self, name: &str) -> Result<Vec<&'n str>, ImportError> {
        let items = self.list(name)?;
        let texts = items.iter().map(|item| {
            let kind = item.kind();
            let wrong = || item.error(format!("this is {kind}, not text"));
            item.text().ok_or_else(wrong)
        });
        texts.collect()
    }

    /// A map that must be there.
    pub(crate) fn required_map(&self, name: &str) -> Result<Self, ImportError> {
        match self.get(name) {
            None => Err(self.error(format!("the field {name:?} is missing"))),
            Some(at) => match at.node.value {
                Value::Map(_) => Ok(at),
                _ => Err(at.error(format!("this is {}, not a map", at.kind()))),
            },
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.node.value.kind()
    }

    /// An error about this value.
    pub(crate) fn error(&self, message: impl Into<String>) -> ImportError {
        ImportError {
            source: self.source.to_owned(),
            line: self.node.line,
            column: self.node.column,
            field: self.path.clone(),
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_deep_is_an_error_and_no_overflow() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(parse("x", &nested(MAX_DEPTH - 1)).unwrap().len(), 1);
        for text in [nested(MAX_DEPTH + 1), nested(100_000), "{a: ".repeat(1000)] {
            let error = parse("x", &text).unwrap_err();
            assert!(error.to_string().starts_with("x:1:"), "{error}");
        }
        let error = parse("x", "a: 1\na: 2\n").unwrap_err();
        assert_eq!((error.line(), error.field()), (2, ""), "{error}");
    }
}
