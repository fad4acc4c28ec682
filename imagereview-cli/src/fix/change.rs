//! What is to change in an object, whatever it takes to get there.

use std::collections::{BTreeMap, btree_map::Entry};

use imagereview_core::mutation::Patch;
use json_patch::PatchOperation;
use serde_json::Value;

use super::refusal::Reason;

/// One field of a document, and what it is to hold: what all operations of a patch on it come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The names and indices that lead to the field.
    pub(super) path: Vec<String>,
    /// Whether the field holds something now.
    pub(super) is_there: bool,
    pub(super) target: Target,
    /// Why the text that holds it can't be changed, where that is known beforehand.
    pub(super) refusal: Option<Reason>,
    /// The operations, which are done one after the other.
    pub(super) operations: Vec<PatchOperation>,
}

/// What a field is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// This text.
    Text(String),
    /// References to secrets of these names, behind those that are there.
    Secrets(Vec<String>),
    /// What no mutation writes.
    Other,
}

impl Change {
    /// What a patch changes, in its order.
    pub(super) fn all_of(patch: &Patch) -> Vec<Self> {
        let mut changes: Vec<Self> = Vec::new();
        let mut known: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        for operation in &patch.0 {
            let change = Self::of(operation);
            match known.entry(change.path.clone()) {
                Entry::Occupied(index) => changes[*index.get()].go_on(change),
                Entry::Vacant(entry) => {
                    entry.insert(changes.len());
                    changes.push(change);
                }
            }
        }
        changes
    }

    fn of(operation: &PatchOperation) -> Self {
        let tokens = operation.path().tokens();
        let mut path: Vec<String> = tokens.map(|token| token.decoded().into_owned()).collect();
        let (value, mut is_there) = match operation {
            PatchOperation::Add(add) => (&add.value, false),
            PatchOperation::Replace(replace) => (&replace.value, true),
            _ => (&Value::Null, true),
        };
        let target = match value {
            Value::String(text) => Some(Target::Text(text.clone())),
            Value::Array(secrets) => {
                let names = secrets.iter().map(secret_name).collect::<Option<_>>();
                names.map(Target::Secrets)
            }
            // A dash is behind the end of a list.
            secret if path.last().is_some_and(|last| last == "-") => {
                path.pop();
                is_there = true;
                secret_name(secret).map(|name| Target::Secrets(vec![name]))
            }
            _ => None,
        };
        Self {
            path,
            is_there,
            target: target.unwrap_or(Target::Other),
            refusal: None,
            operations: vec![operation.clone()],
        }
    }

    /// Adds what a later operation does to the same field.
    fn go_on(&mut self, later: Self) {
        match (&mut self.target, later.target) {
            (Target::Secrets(names), Target::Secrets(more)) => names.extend(more),
            (target, later) => *target = later,
        }
        self.operations.extend(later.operations);
    }

    /// The name of the field.
    pub(super) fn field(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The text that the field is to hold, if it is a text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.target {
            Target::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What the field is to hold, for people.
    pub(super) fn value(&self) -> String {
        match &self.target {
            Target::Text(text) => text.clone(),
            Target::Secrets(names) => names.join(", "),
            Target::Other => "something else".to_owned(),
        }
    }
}

fn secret_name(reference: &Value) -> Option<String> {
    Some(reference.get("name")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_on_one_field_are_one_change() {
        let patch: Patch = serde_json::from_value(serde_json::json!([
            {"op": "replace", "path": "/spec/containers/0/image", "value": "a/x"},
            {"op": "add", "path": "/spec/imagePullSecrets", "value": [{"name": "a"}]},
            {"op": "replace", "path": "/spec/containers/0/image", "value": "b/x"},
            {"op": "add", "path": "/spec/imagePullSecrets/-", "value": {"name": "b"}},
            {"op": "add", "path": "/items/0/spec/imagePullSecrets/-", "value": {"name": "c"}},
            {"op": "remove", "path": "/metadata"},
            {"op": "add", "path": "/metadata/labels", "value": 7},
        ]))
        .unwrap();
        let changes = Change::all_of(&patch);
        let found: Vec<_> = changes
            .iter()
            .map(|change| {
                let (place, value) = (change.path.join("."), change.value());
                (place, change.is_there, value, change.operations.len())
            })
            .collect();
        let row = |path: &str, is_there, value: &str, operations| {
            (path.to_owned(), is_there, value.to_owned(), operations)
        };
        assert_eq!(
            found,
            [
                row("spec.containers.0.image", true, "b/x", 2),
                row("spec.imagePullSecrets", false, "a, b", 2),
                row("items.0.spec.imagePullSecrets", true, "c", 1),
                row("metadata", true, "something else", 1),
                row("metadata.labels", false, "something else", 1),
            ]
        );
        assert_eq!(changes[3].target, Target::Other);
    }
}
