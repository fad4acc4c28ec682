//! Reasons and remedies as expressions.

use crate::{cel::string, scope::NAMESPACE};

/// The location of `image`: its container and path.
pub(crate) const LOCATION: &str = "(image.list in ['containers', 'initContainers', 'ephemeralContainers', 'volumes'] ? \
     variables.podSpecPath + '.' + image.list + '[' + \
     string(variables.podSpec[image.list].map(one, one.name).indexOf(image.container)) + \
     (image.kind == 'volume' ? '].image.reference' : '].image') : image.list)";

/// A text with parts that are filled in for `image`, as an expression.
pub(crate) fn template(rule: &str, text: &str) -> String {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        literal.push_str(&rest[..brace]);
        let after = &rest[brace..];
        if after.starts_with("{{") || after.starts_with("}}") {
            literal.push_str(&after[..1]);
            rest = &after[2..];
            continue;
        }
        let Some(end) = after.find('}') else {
            break;
        };
        let value = match &after[1..end] {
            "image" => "image.written",
            "registry" => "image.registry",
            "repository" => "image.repository",
            "tag" => "(image.tag == '' ? '-' : image.tag)",
            "digest" => "(image.digest == '' ? '-' : image.digest)",
            "namespace" => {
                // As an expression of its own, so that a template reads as one.
                literal = flush(&mut parts, &literal);
                parts.push(format!("({NAMESPACE} == '' ? '-' : {NAMESPACE})"));
                rest = &after[end + 1..];
                continue;
            }
            "container" => "(image.container == '' ? '-' : image.container)",
            "location" => LOCATION,
            _ => {
                literal.push_str(rule);
                rest = &after[end + 1..];
                continue;
            }
        };
        literal = flush(&mut parts, &literal);
        parts.push(value.into());
        rest = &after[end + 1..];
    }
    literal.push_str(rest);
    flush(&mut parts, &literal);
    if parts.is_empty() {
        parts.push(string(""));
    }
    parts.join(" + ")
}

/// Adds a literal before an expression, if there is one.
fn flush(parts: &mut Vec<String>, literal: &str) -> String {
    if !literal.is_empty() {
        // A message has one line, or the API server drops it.
        parts.push(string(&literal.replace(['\n', '\r'], " ")));
    }
    String::new()
}

/// How many of the allowed patterns are named to someone whose image matches none, as in imagereview-core.
const MAX_SHOWN: usize = 3;

/// How many characters of each are shown.
const MAX_SHOWN_CHARS: usize = 100;

/// What is allowed, shortened.
pub(crate) fn allowed<'p>(patterns: impl ExactSizeIterator<Item = &'p str>) -> String {
    let more = patterns.len().saturating_sub(MAX_SHOWN);
    let shown: Vec<String> = patterns
        .take(MAX_SHOWN)
        .map(
            |pattern| match pattern.char_indices().nth(MAX_SHOWN_CHARS) {
                None => pattern.to_owned(),
                Some((end, _)) => format!("{}…", &pattern[..end]),
            },
        )
        .collect();
    let shown = shown.join(", ");
    match more {
        0 => format!("allowed: {shown}"),
        more => format!("allowed: {shown} (and {more} more)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_an_expression() {
        for (text, expression) in [
            ("no", "'no'"),
            ("{image} is not ours", "image.written + ' is not ours'"),
            ("in {{braces}}: {rule}", "'in {braces}: own'"),
            (
                "{registry}/{repository}",
                "image.registry + '/' + image.repository",
            ),
            ("two\nlines", "'two lines'"),
        ] {
            assert_eq!(template("own", text), expression);
        }
    }
}
