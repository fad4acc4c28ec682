//! Reading typed values from the tree, recording every problem rather than the first.

use std::collections::BTreeMap;

use super::{
    node::{Node, Value},
    problem::{Position, Problems},
};
use crate::{quote::Quoted, suggestion::suggestion};

/// A value that can be read from a document.
pub(super) trait Read: Sized {
    /// Reads the value. `None` means that it has a problem, which is recorded.
    fn read(node: &Node, problems: &mut Problems) -> Option<Self>;

    /// The value of a field that is not there; `None` where it must be.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: Read> Read for Option<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        T::read(node, problems).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Value::List(list) = &node.value else {
            return wrong_kind(node, "a list", problems);
        };
        // One that matches nothing is never meant, and as a scope it would switch its rule off.
        if list.is_empty() {
            problems.add(
                node.position,
                "the list is empty; leave the field out, or say what it is to hold",
            );
            return None;
        }
        // Every element is read, whatever is wrong with those before it.
        let read = |(index, node)| {
            problems.within(format_args!("[{index}]"), |problems| {
                T::read(node, problems)
            })
        };
        let all: Vec<Option<T>> = list.iter().enumerate().map(read).collect();
        all.into_iter().collect()
    }
}

impl Read for bool {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match node.value {
            Value::Bool(value) => Some(value),
            _ => wrong_kind(node, "true or false", problems),
        }
    }
}

impl Read for usize {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Number(number) if number.parse::<Self>().is_ok() => number.parse().ok(),
            _ => wrong_kind(node, "a whole number, 0 or more", problems),
        }
    }
}

impl Read for String {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            _ => wrong_kind(node, "text", problems),
        }
    }
}

/// Keys that are read from text, with values.
impl<K: Read + Ord, T: Read> Read for BTreeMap<K, T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            return wrong_kind(node, "a map", problems);
        };
        let read = |(name, position, node): &(String, Position, Node)| {
            problems.within(format_args!(".{name}"), |problems| {
                let key = Node {
                    value: Value::Text(name.clone()),
                    position: *position,
                };
                let (key, value) = (K::read(&key, problems), T::read(node, problems));
                Some((key?, value?))
            })
        };
        let all: Vec<Option<(K, T)>> = entries.iter().map(read).collect();
        all.into_iter().collect()
    }
}

/// Records that the value is of another kind than expected.
pub(super) fn wrong_kind<T>(node: &Node, expected: &str, problems: &mut Problems) -> Option<T> {
    let found = node.value.kind();
    let message = match &node.value {
        // YAML reads 1.20 as the number 1.2: the text is lost, and only quotes keep it.
        Value::Number(number) if expected == "text" => format!(
            "expected text, found the number {number}; write it in quotes, since YAML does not keep \
             how a number was written"
        ),
        Value::Bool(value) if expected == "text" => {
            format!("expected text, found {value}; write it in quotes")
        }
        _ => format!("expected {expected}, found {found}"),
    };
    problems.add(node.position, message);
    None
}

/// Reads text and makes a value of it; an error is recorded where the text stands.
pub(super) fn parsed<T, E: std::fmt::Display>(
    node: &Node,
    problems: &mut Problems,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let text = String::read(node, problems)?;
    match parse(&text) {
        Ok(value) => Some(value),
        Err(error) => {
            problems.add(node.position, error.to_string());
            None
        }
    }
}

/// Reads one of a few words; a near miss is named.
pub(super) fn one_of<T: Copy>(
    node: &Node,
    problems: &mut Problems,
    words: &[(&str, T)],
) -> Option<T> {
    parsed(node, problems, |text| {
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        Err(format!(
            "{} is none of {}{}",
            Quoted(text),
            names.join(", "),
            suggestion(text, &names)
        ))
    })
}

/// The fields of a map, taken one after another.
pub(super) struct Fields<'n> {
    entries: &'n [(String, Position, Node)],
    position: Position,
}

impl<'n> Fields<'n> {
    /// The fields of a map; one that is not known is recorded, with the nearest name that is.
    pub(super) fn of(node: &'n Node, known: &[&str], problems: &mut Problems) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            return wrong_kind(node, "a map", problems);
        };
        for (name, position, _) in entries {
            if !known.contains(&name.as_str()) {
                problems.add_with(*position, || {
                    let near = suggestion(name, known);
                    let all = known.join(", ");
                    let name = Quoted(name);
                    format!("there is no field {name} here{near}; the fields are {all}")
                });
            }
        }
        Some(Self {
            entries,
            position: node.position,
        })
    }

    /// Reads one field.
    pub(super) fn take<T: Read>(&self, name: &str, problems: &mut Problems) -> Option<T> {
        let entry = self.entries.iter().find(|(found, _, _)| found == name);
        if let Some((_, _, node)) = entry {
            return problems.within(format_args!(".{name}"), |problems| T::read(node, problems));
        }
        let absent = T::absent();
        if absent.is_none() {
            problems.add(self.position, format!("the field {name:?} is missing"));
        }
        absent
    }
}
