//! Reading JSON with one meaning only.
//!
//! The programs that make signatures are written in Go. One of its readers takes field names without
//! regard to case and the last of several; another takes two spellings of each name. What two
//! readers could read differently is refused.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use crate::malformed::Malformed;

/// Reads one document. No object of it may have a name twice, whether or not the name is known.
pub(crate) fn parse(bytes: &[u8], what: &'static str) -> Result<Value, Malformed> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Malformed::new(format!("{what} is not UTF-8, which JSON must be")))?;
    match serde_json::from_str::<Strict>(text) {
        Ok(Strict(value)) => Ok(value),
        Err(error) => Err(Malformed::new(format!("{what} is not JSON: {error}"))),
    }
}

/// A value in which no object has a name twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(value)) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(de::Error::custom("an object has one name twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// An object of which some fields are read. Its other fields are ignored, unless a reader that
/// ignores case or underscores would take one of them for one that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a> {
    fields: &'a Map<String, Value>,
    what: &'static str,
}

impl<'a> Object<'a> {
    /// Takes a value for an object of which these fields are read.
    pub(crate) fn new(
        value: &'a Value,
        what: &'static str,
        names: &[&str],
    ) -> Result<Self, Malformed> {
        let Value::Object(fields) = value else {
            return Err(Malformed::new(format!("{what} is not a JSON object")));
        };
        for found in fields.keys() {
            if names.contains(&found.as_str()) {
                continue;
            }
            if let Some(name) = names.iter().find(|name| folded(found).eq(folded(name))) {
                return Err(Malformed::new(format!(
                    "{what} has a field that some readers take for {name:?} and others don't"
                )));
            }
        }
        Ok(Self { fields, what })
    }

    /// The value of a field, if there is one that is not `null`.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// The value of a field.
    pub(crate) fn need(&self, name: &str) -> Result<&'a Value, Malformed> {
        self.get(name).ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// The string of a field, if there is one.
    pub(crate) fn string(&self, name: &str) -> Result<Option<&'a str>, Malformed> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "is not a string")),
        }
    }

    /// The string of a field.
    pub(crate) fn need_string(&self, name: &str) -> Result<&'a str, Malformed> {
        self.string(name)?
            .ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// The list of a field, empty if there is none.
    pub(crate) fn list(&self, name: &str, limit: usize) -> Result<&'a [Value], Malformed> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(list)) if list.len() <= limit => Ok(list),
            Some(Value::Array(_)) => {
                Err(self.wrong(name, &format!("has more than {limit} entries")))
            }
            Some(_) => Err(self.wrong(name, "is not a list")),
        }
    }

    /// The entries of a field that are strings, none if there is no such field. Others are left out: a
    /// condition on them would compare a number or an object with a text.
    pub(crate) fn strings(
        &self,
        name: &str,
        limit: usize,
    ) -> Result<BTreeMap<String, String>, Malformed> {
        let entries = match self.get(name) {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(entries)) if entries.len() <= limit => entries.iter(),
            Some(_) => {
                let problem = format!("is not a JSON object of at most {limit} entries");
                return Err(self.wrong(name, &problem));
            }
        };
        let texts =
            entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.into())));
        Ok(texts.collect())
    }

    /// An error about a field.
    pub(crate) fn wrong(&self, name: &str, problem: &str) -> Malformed {
        Malformed::new(format!("{name} of {} {problem}", self.what))
    }
}

/// A name as readers that ignore case, or that know names with underscores too, compare it.
fn folded(name: &str) -> impl Iterator<Item = char> {
    let letters = name.chars().filter(|c| *c != '_');
    letters.map(|c| match c {
        // The two letters that Go takes for ones of ASCII.
        'ſ' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_with_two_readings_are_refused() {
        for (json, error) in [
            (r#"{"a": 1, "b": [1.5, -2, true, null, "x"]}"#, ""),
            (r#"{"a": 1, "A": 2}"#, ""),
            (r#"{"a": 1, "a": 1}"#, "one name twice"),
            (r#"[{"x": {"a": 1, "\u0061": 1}}]"#, "one name twice"),
            ("{} {}", "trailing characters"),
            ("{}\0", "trailing characters"),
            ("", "EOF"),
            (r#"{"a": 1e999}"#, "number out of range"),
            (r#"{"a": "\ud800"}"#, "hex escape"),
        ] {
            match parse(json.as_bytes(), "it") {
                Ok(value) => {
                    assert_eq!(error, "", "{json}");
                    assert_eq!(
                        value,
                        serde_json::from_str::<Value>(json).unwrap(),
                        "{json}"
                    );
                }
                Err(found) => {
                    let found = found.to_string();
                    assert!(
                        !error.is_empty() && found.contains(error),
                        "{json}: {found}"
                    );
                }
            }
        }
        assert!(parse(b"\"\xff\"", "it").is_err());
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(parse(deep.as_bytes(), "it").is_err());
    }

    #[test]
    fn fields_that_another_reader_takes_for_known_ones_are_refused() {
        for (json, is_accepted) in [
            (r#"{"payloadType": "a", "other": 1, "OTHER": 2}"#, true),
            (r#"{"payloadType": "a", "PayloadType": "b"}"#, false),
            (r#"{"payloadType": "a", "payload_type": "b"}"#, false),
            (r#"{"payload_type": "b"}"#, false),
            ("[]", false),
            ("null", false),
        ] {
            let value = serde_json::from_str(json).unwrap();
            let object = Object::new(&value, "it", &["payloadType"]);
            assert_eq!(object.is_ok(), is_accepted, "{json}");
        }
        let value = serde_json::json!({"a": null, "b": 1, "c": [1, 2]});
        let object = Object::new(&value, "it", &["a", "b", "c"]).unwrap();
        assert!(object.string("a").unwrap().is_none());
        assert_eq!(
            object.need("a").unwrap_err().to_string(),
            "a of it is missing"
        );
        assert!(object.string("b").is_err() && object.list("b", 9).is_err());
        assert_eq!(object.list("c", 2).unwrap().len(), 2);
        assert!(object.list("c", 1).is_err());
    }
}
