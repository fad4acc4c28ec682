//! What an object is called in results: its kind, namespace and name.

use serde_json::Value as Json;

/// What an object is that could not be read for this path in a document.
pub(super) fn title_of_unreadable(document: &Json, path: &str) -> String {
    let item = path.strip_prefix("items[").and_then(|rest| {
        let (index, _) = rest.split_once(']')?;
        document["items"].get(index.parse::<usize>().ok()?)
    });
    let object = item.unwrap_or(document);
    let metadata = |field: &str| object["metadata"][field].as_str();
    match object["kind"].as_str() {
        Some(kind) => title(kind, metadata("namespace"), metadata("name")),
        None => "an object".to_owned(),
    }
}

/// The kind, namespace and name of an object.
pub(super) fn title(kind: &str, namespace: Option<&str>, name: Option<&str>) -> String {
    match (namespace, name) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        (Some(namespace), None) => format!("{kind} in {namespace}"),
        (None, None) => kind.to_owned(),
    }
}
