//! Conditions of Kyverno: a key with a variable, an operator, and values.

use crate::{
    formula::{Field, Formula, LooksAt},
    sink::{Sink, digest_required},
    wildcard::Wild,
    yaml::At,
};

use super::matching::always_holds;

/// What is denied, as far as it is about images.
pub(super) struct Denial<'n> {
    pub(super) formula: Formula,
    pub(super) looks_at: LooksAt,
    pub(super) at: At<'n>,
}

/// Reads `conditions`: what is denied if `any` of some and `all` of others hold.
pub(super) fn denied<'n>(
    at: &At<'n>,
    element: Option<LooksAt>,
    sink: &mut Sink,
) -> Option<Denial<'n>> {
    let mut all = Vec::new();
    let mut looks_at = LooksAt::NONE;
    let mut place = None;
    let mut blocks = Vec::new();
    for name in ["any", "all"] {
        blocks.extend(at.get(name).map(|block| (name, block.items())));
    }
    if blocks.is_empty() {
        blocks.push(("all", at.items()));
    }
    for (name, conditions) in blocks {
        let mut formulas = Vec::new();
        for condition in &conditions {
            if name == "all" && always_holds(condition) {
                continue;
            }
            match read(condition, element, sink) {
                Ok((formula, looks)) => {
                    formulas.push(formula);
                    looks_at = looks_at.and(looks);
                    place.get_or_insert_with(|| condition.clone());
                }
                Err(reason) => sink.remarks.not_taken(condition, reason),
            }
        }
        match name {
            "any" if !formulas.is_empty() => all.push(Formula::Or(formulas)),
            _ => all.extend(formulas),
        }
    }
    let at = place?;
    Some(Denial {
        formula: Formula::And(all),
        looks_at,
        at,
    })
}

/// One condition, as what is denied.
fn read(
    condition: &At<'_>,
    element: Option<LooksAt>,
    sink: &mut Sink,
) -> Result<(Formula, LooksAt), String> {
    let key = condition
        .get("key")
        .and_then(|key| key.text())
        .ok_or("the key is no text")?;
    let (field, looks_at) = variable(key, element)
        .ok_or_else(|| format!("the import does not know the variable {key:?}"))?;
    let value = condition.get("value").ok_or("the condition has no value")?;
    let values = value.texts();
    if let Some(unknown) = values.iter().find(|value| value.contains("{{")) {
        return Err(format!(
            "the value {unknown:?} is in another object, which the import does not see"
        ));
    }
    if values.is_empty() {
        return Err("the value is neither text nor a list of texts".to_owned());
    }
    let is_one_of = |values: &[&str]| {
        Formula::Or(
            values
                .iter()
                .map(|value| match (field, *value) {
                    (Field::Digest, "") => digest_required().not(),
                    _ => Formula::atom(field, Wild::glob(value)),
                })
                .collect(),
        )
    };
    let operator = condition.text_of("operator").unwrap_or_default();
    let denied = match operator {
        "Equal" | "Equals" | "In" | "AnyIn" => is_one_of(&values),
        "NotEqual" | "NotEquals" | "NotIn" | "AnyNotIn" => is_one_of(&values).not(),
        "AllIn" | "AllNotIn" if element.is_some() => {
            let formula = is_one_of(&values);
            if operator == "AllIn" {
                formula
            } else {
                formula.not()
            }
        }
        "AllIn" | "AllNotIn" => {
            sink.remarks.stricter(
                condition,
                format!("{operator} is about all images together; here each image has to pass"),
            );
            let formula = is_one_of(&values);
            if operator == "AllIn" {
                formula
            } else {
                formula.not()
            }
        }
        _ => {
            return Err(format!(
                "the import does not know the operator {operator:?}"
            ));
        }
    };
    Ok((denied, looks_at))
}

/// The part of an image that a variable has, and the containers that it is taken from.
fn variable(key: &str, element: Option<LooksAt>) -> Option<(Field, LooksAt)> {
    let inner: String = key.chars().filter(|c| !c.is_whitespace()).collect();
    let inner = inner.strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.split("||").next()?;
    if inner.contains('|')
        || inner.contains('(')
        || inner.contains("{{") && !inner.contains("{{element.name}}")
    {
        return None;
    }
    let name = inner.trim_end_matches("[]").rsplit('.').next()?;
    let field = match name {
        "image" => Field::Written,
        "registry" => Field::Registry,
        "path" => Field::Path,
        "name" => Field::Name,
        "tag" => Field::Tag,
        "digest" => Field::Digest,
        _ => return None,
    };
    if let Some(looks_at) = element {
        let is_element = inner == format!("element.{name}");
        let is_image = inner.starts_with("images.") && inner.contains("{{element.name}}");
        // The name of an element is that of its container.
        return ((is_element && name != "name") || is_image).then_some((field, looks_at));
    }
    let is_images = inner.starts_with("images.");
    let is_object = inner.starts_with("request.object.spec.") && name == "image";
    (is_images || is_object).then(|| (field, containers(inner)))
}

/// The containers that an expression of a list names.
pub(super) fn containers(list: &str) -> LooksAt {
    let words: Vec<_> = list.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let all = list.starts_with("images.*");
    LooksAt {
        regular: all || words.contains(&"containers"),
        init: all || words.contains(&"initContainers"),
        ephemeral: all || words.contains(&"ephemeralContainers"),
    }
}
