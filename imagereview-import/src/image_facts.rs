//! What Kyverno asks registries, in the shapes of its library: the size, the age and the volumes of images.

use crate::{
    cel_reading::Variables,
    draft::{Checks, Document, Scope},
    formula::{Formula, LooksAt},
    sink::{Sink, Taking},
    write::quoted,
    yaml::At,
};

/// Takes an expression that is about what a registry tells of images. Says whether it is one.
pub(crate) fn take_expression(
    name: &str,
    at: &At<'_>,
    variables: &Variables,
    scope: &Scope,
    document: &mut Document,
    sink: &mut Sink,
) -> bool {
    let Some(place) = at.get("expression") else {
        return false;
    };
    let mut text: String = place.text().unwrap_or_default().to_owned();
    if !text.contains("image.GetMetadata(") {
        return false;
    }
    // The limit may be in a variable, and that in another.
    for _ in 0..3 {
        for (name, value) in variables {
            text = text.replace(&format!("variables.{name}"), value);
        }
        if text.len() > 16_384 {
            return false;
        }
    }
    text.retain(|c| !c.is_whitespace());
    let line = if text.contains(".manifest.layers") && text.contains(".sum()<=") {
        digits(&text, ".sum()<=").map(|bytes| format!("maxSize: {}", quoted(&bytes)))
    } else if text.contains(".config.created") && text.contains("time.now()-duration(string(") {
        digits(&text, "duration(string(")
            .map(|hours| format!("maxAge: {}", quoted(&format!("{hours}h"))))
    } else if text.contains(".config.Volumes") && text.contains("==0") {
        Some("volumes: {deny: [\"*\"]}".to_owned())
    } else {
        None
    };
    let Some(line) = line else {
        sink.remarks.not_taken(
            &place,
            "the import does not know this question to a registry; see facts in docs/policy.md",
        );
        return true;
    };
    sink.take(
        document,
        Taking {
            message: at.text_of("message").map(str::to_owned),
            checks: Some(vec![of_fact(line)]),
            ..Taking::new(
                name,
                &place,
                Formula::And(Vec::new()),
                LooksAt::CONTAINERS,
                scope,
            )
        },
    );
    true
}

/// Takes the conditions of a `foreach` whose context asks a registry. Says whether they are such.
pub(crate) fn take_conditions(at: &At<'_>, sink: &mut Sink) -> Option<Vec<Checks>> {
    let asks = at
        .get("context")
        .iter()
        .flat_map(At::items)
        .any(|item| item.get("imageRegistry").is_some());
    if !asks {
        return None;
    }
    let deny = at.at(&["deny", "conditions"]);
    let conditions: Vec<_> = deny
        .iter()
        .flat_map(|deny| ["all", "any"].map(|block| deny.get(block)))
        .flatten()
        .flat_map(|block| block.items())
        .collect();
    let mut checks = Vec::new();
    if let [condition] = &conditions[..] {
        let key = condition.text_of("key").unwrap_or_default();
        let value = condition.text_of("value").unwrap_or_default();
        let operator = condition.text_of("operator").unwrap_or_default();
        let context = at
            .get("context")
            .map(|context| all_text(&context))
            .unwrap_or_default();
        let line = match operator {
            "LessThan" if context.contains("manifest.layers[*].size") && !key.contains("{{") => {
                Some(format!("maxSize: {}", quoted(key)))
            }
            "GreaterThan" if key.contains("time_since") && key.contains("created") => {
                Some(format!("maxAge: {}", quoted(value)))
            }
            "GreaterThan" if key.contains("config.Volumes") && value == "0" => {
                Some("volumes: {deny: [\"*\"]}".to_owned())
            }
            _ => None,
        };
        checks.extend(line.map(of_fact));
    }
    if checks.is_empty() {
        sink.remarks.not_taken(
            at,
            "the import does not know this question to a registry; see facts in docs/policy.md",
        );
    }
    Some(checks)
}

fn of_fact(line: String) -> Checks {
    Checks {
        // The original asks what the tag means at that moment.
        facts: vec!["tags: checkOnly".to_owned(), line],
        ..Checks::default()
    }
}

/// All texts below a value.
fn all_text(at: &At<'_>) -> String {
    let mut text = at.text().unwrap_or_default().to_owned();
    let below = at.entries().into_iter().map(|(_, value)| value);
    for value in below.chain(at.items()) {
        text.push(' ');
        text.push_str(&all_text(&value));
    }
    text
}

/// The number behind a text.
fn digits(text: &str, before: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then_some(number)
}
