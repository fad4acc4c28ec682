//! Selections of namespaces by their labels.

use crate::{draft::Names, error::ImportError, sink::Sink, yaml::At};

/// The label that every namespace has, with its name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Namespaces that are selected by the label with their name.
pub(crate) fn namespace_selector(
    at: &At<'_>,
    namespaces: &mut Names,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let mut not_taken = |at: &At<'_>| {
        sink.remarks.not_taken(
            at,
            "a document knows no labels of namespaces; the rule is about all of them, so name them in scope.namespaces",
        );
    };
    for (key, value) in at.get("matchLabels").iter().flat_map(At::entries) {
        match value.text() {
            Some(name) if key == NAME_LABEL => namespaces.include.push(name.to_owned()),
            _ => not_taken(&value),
        }
    }
    for item in at.list("matchExpressions")? {
        let values = item.text_list("values")?.into_iter().map(str::to_owned);
        match (item.text_of("key"), item.text_of("operator")) {
            (Some(NAME_LABEL), Some("In")) if namespaces.include.is_empty() => {
                namespaces.include.extend(values);
            }
            (Some(NAME_LABEL), Some("NotIn")) => namespaces.exclude.extend(values),
            _ => not_taken(&item),
        }
    }
    Ok(())
}
