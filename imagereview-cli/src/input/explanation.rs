//! What is wrong with a value, in words for whoever wrote it.
//!
//! The readers of YAML and JSON have words for their programmers: "unit value", "struct Case". Here
//! those become words that need no knowledge of Rust.

/// How long a name may be that is compared with known ones, in bytes.
const MAX_COMPARED_LEN: usize = 64;

/// A value is of another type than expected. Both descriptions are those of serde.
pub(super) fn mismatch(found: &str, expected: &str) -> String {
    let expected = match expected {
        "a boolean" => "true or false",
        "a map" | "a mapping start" => "a mapping (name: value)",
        "a sequence" => "a list",
        expected => expected,
    };
    let quoted = |name: &str| Some(found.strip_prefix(name)?.trim_matches('`').to_owned());
    let found = match found {
        "unit value" | "null" | "Option value" => "nothing".to_owned(),
        "map" => "a mapping".to_owned(),
        "sequence" => "a list".to_owned(),
        found => quoted("boolean ")
            .or_else(|| Some(format!("the number {}", quoted("integer ")?)))
            .or_else(|| Some(format!("the number {}", quoted("floating point ")?)))
            .or_else(|| Some(format!("the text {}", found.strip_prefix("string ")?)))
            .unwrap_or_else(|| found.to_owned()),
    };
    format!("expected {expected}, found {found}")
}

/// A field has none of the names that are known there.
pub(super) fn unknown_field(name: &str, known: &[&str]) -> String {
    format!(
        "unknown field {name:?}{}; the fields are {}",
        near(name, known),
        known.join(", ")
    )
}

/// A value is none of those that are known there.
pub(super) fn unknown_value(value: &str, known: &[&str]) -> String {
    format!(
        "unknown value {value:?}{}; write {}",
        near(value, known),
        known.join(" or ")
    )
}

pub(super) fn missing_field(name: &str) -> String {
    format!("the field {name:?} is missing")
}

pub(super) fn repeated_field(name: &str) -> String {
    format!("the field {name:?} appears twice; delete one")
}

/// `; did you mean …?` where a known name is near enough to be meant.
pub(crate) fn near(written: &str, known: &[&str]) -> String {
    if written.len() > MAX_COMPARED_LEN {
        return String::new();
    }
    let distance =
        |name: &str| strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase());
    let nearest = known.iter().map(|name| (distance(name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= 1 + name.len() / 4 => {
            format!("; did you mean {name:?}?")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_plain_names() {
        for (found, expected, says) in [
            ("unit value", "a list", "expected a list, found nothing"),
            (
                "integer `5`",
                "a string",
                "expected a string, found the number 5",
            ),
            (
                "floating point `1.5`",
                "a map",
                "expected a mapping (name: value), found the number 1.5",
            ),
            (
                "boolean `true`",
                "a sequence",
                "expected a list, found true",
            ),
            (
                "string \"a `b`\"",
                "a boolean",
                "expected true or false, found the text \"a `b`\"",
            ),
            ("map", "a string", "expected a string, found a mapping"),
            ("sequence", "a string", "expected a string, found a list"),
        ] {
            assert_eq!(mismatch(found, expected), says);
        }
    }

    #[test]
    fn a_name_that_is_near_is_suggested() {
        let known = ["policy", "exclude"];
        for (written, says) in [
            ("polcy", "; did you mean \"policy\"?"),
            ("Exclude", "; did you mean \"exclude\"?"),
            ("inputs", ""),
            (&"x".repeat(65), ""),
        ] {
            assert_eq!(near(written, &known), says, "{written}");
        }
    }
}
