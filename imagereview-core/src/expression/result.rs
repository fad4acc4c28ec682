//! What an expression returns, as far as its form tells.

use cel::common::ast::{Expr, LiteralValue, operators as op};

use super::language::{ENV, MAX_BRACKETS};

/// The fields that are text or a list, and never true.
const OF_IMAGE: [&str; 10] = [
    "written",
    "registry",
    "host",
    "port",
    "repository",
    "tag",
    "digest",
    "path",
    "container",
    "kind",
];
const OF_REVIEW: [&str; 7] = [
    "namespace",
    "user",
    "groups",
    "operation",
    "kind",
    "images",
    "annotations",
];

/// Why an expression decides nothing, whatever the image; `None` if it may.
pub(crate) fn never_decides(text: &str) -> Option<String> {
    let root = ENV
        .parser()
        .max_recursion_depth(MAX_BRACKETS)
        .parse(text)
        .ok()?;
    if root.expr == Expr::Literal(LiteralValue::Boolean(true.into())) {
        return Some("it is true for every image, so the rule does nothing".to_owned());
    }
    let what = other_than_bool(&root.expr)?;
    Some(format!(
        "it returns {what} and no bool, so every image fails the rule; compare it, as in size(image.tag) > 0"
    ))
}

/// What a part returns that never returns a bool.
fn other_than_bool(part: &Expr) -> Option<&'static str> {
    match part {
        Expr::Literal(literal) => match literal {
            LiteralValue::Boolean(_) => None,
            LiteralValue::Null => Some("null"),
            LiteralValue::String(_) => Some("a text"),
            LiteralValue::Bytes(_) => Some("bytes"),
            LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => {
                Some("a number")
            }
        },
        Expr::List(_) => Some("a list"),
        Expr::Map(_) | Expr::Struct(_) => Some("a map"),
        Expr::Select(select) if !select.test => match &select.operand.expr {
            Expr::Ident(name) if name == "image" && OF_IMAGE.contains(&&*select.field) => {
                Some("a text")
            }
            Expr::Ident(name) if name == "review" && OF_REVIEW.contains(&&*select.field) => {
                Some("a field of the review")
            }
            _ => None,
        },
        Expr::Call(call) => match &*call.func_name {
            op::SUBSTRACT
            | op::MULTIPLY
            | op::DIVIDE
            | op::MODULO
            | op::NEGATE
            | "size"
            | "int"
            | "uint"
            | "double" => Some("a number"),
            op::ADD => Some("a sum"),
            "string" => Some("a text"),
            "bytes" => Some("bytes"),
            op::CONDITIONAL => match &call.args[..] {
                [_, one, other] => other_than_bool(&one.expr).and(other_than_bool(&other.expr)),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_is_never_true_is_told_from_others() {
        for (text, expected) in [
            ("true", "does nothing"),
            ("size(image.tag)", "a number"),
            ("image.tag.size()", "a number"),
            ("image.tag", "a text"),
            ("review.images", "a field of the review"),
            ("image.tag + 'a'", "a sum"),
            ("1 - 2", "a number"),
            ("'a'", "a text"),
            ("['a']", "a list"),
            ("{'a': 1}", "a map"),
            ("null", "null"),
            ("image.tag == 'a' ? 'b' : image.digest", "a text"),
            ("false", ""),
            ("has(image.kind)", ""),
            ("size(image.tag) > 0", ""),
            ("image.tag == 'a' ? true : image.digest", ""),
            ("image.labels['a']", ""),
            ("image.tag.matches('a')", ""),
            ("review.images.all(x, x.tag != '')", ""),
            ("image.foreignLayers", ""),
            ("(", ""),
        ] {
            let found = never_decides(text).unwrap_or_default();
            assert!(found.contains(expected), "{text}: {found}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{text}: {found}");
        }
    }
}
