//! What is wrong with a text of JSON.

use serde_json::error::Category;

use super::explanation::{mismatch, missing_field, repeated_field};

/// What is wrong, without the line and column: those of a document may not be those of the file.
pub(crate) fn json_error(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&end).unwrap_or(&text);
    match error.classify() {
        Category::Data => explain_data(text),
        // The text has been read before.
        Category::Io => text.to_owned(),
        Category::Eof | Category::Syntax => {
            format!("this is not valid JSON: {}", explain_syntax(text))
        }
    }
}

/// serde has kinds for these, of which `serde_json` keeps the text alone.
fn explain_data(text: &str) -> String {
    let types = ["invalid type: ", "invalid value: "].into_iter();
    let mut types = types.filter_map(|start| text.strip_prefix(start)?.rsplit_once(", expected "));
    if let Some((found, expected)) = types.next() {
        return mismatch(found, expected);
    }
    let name = |start: &str| text.strip_prefix(start)?.strip_suffix('`');
    if let Some(name) = name("missing field `") {
        return missing_field(name);
    }
    if let Some(name) = name("duplicate field `") {
        return repeated_field(name);
    }
    text.to_owned()
}

fn explain_syntax(text: &str) -> &str {
    match text {
        "EOF while parsing a list" => "the text ends within a list",
        "EOF while parsing an object" => "the text ends within an object",
        "EOF while parsing a string" => "the text ends within a string",
        "EOF while parsing a value" => "the text ends where a value should follow",
        "expected `:`" => "write a colon behind the key",
        "expected `,` or `]`" => "write a comma before the next element, or close the list with ]",
        "expected `,` or `}`" => "write a comma before the next key, or close the object with }",
        "expected ident" => "write true, false or null",
        "expected value" => {
            "write a value here: a text in quotation marks, a number, true, false, null, a list or an object"
        }
        "expected `\"`" | "key must be a string" => "write the key in double quotation marks",
        "invalid escape" => r"this escape is unknown; write \\ for a backslash",
        "invalid number" => "this is no number of JSON; write one such as 1 or -2.5",
        "number out of range" => "the number is too large",
        r"control character (\u0000-\u001F) found while parsing a string" => {
            r"a string contains a control character; write an escape, such as \n for a line break"
        }
        "invalid unicode code point"
        | "lone leading surrogate in hex escape"
        | "unexpected end of hex escape" => r"this \u escape is no whole character",
        "trailing comma" => "delete the comma before the closing bracket",
        "trailing characters" => "delete the text behind the end of the document",
        "recursion limit exceeded" => "it is nested too deeply; 127 levels are read",
        text => text,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Each text of `serde_json` that a text from outside can cause has words of this program.
    #[test]
    fn each_mistake_is_explained() {
        let deep = "[".repeat(200);
        for (json, says) in [
            ("[1", "the text ends within a list"),
            ("{\"a\": 1", "the text ends within an object"),
            ("{\"a", "the text ends within a string"),
            ("{\"a\": ", "the text ends where a value should follow"),
            ("", "the text ends where a value should follow"),
            ("{\"a\" 1}", "write a colon behind the key"),
            (
                "[1 2]",
                "write a comma before the next element, or close the list with ]",
            ),
            (
                "{\"a\": 1 2}",
                "write a comma before the next key, or close the object with }",
            ),
            ("tree", "write true, false or null"),
            ("oops", "write a value here"),
            ("{a: 1}", "write the key in double quotation marks"),
            (r#""\d""#, "this escape is unknown"),
            ("-", "the text ends where a value should follow"),
            ("1.x", "this is no number of JSON"),
            ("1e999", "the number is too large"),
            ("\"a\nb\"", "a string contains a control character"),
            (r#""\ud800x""#, r"this \u escape is no whole character"),
            ("[1,]", "delete the comma before the closing bracket"),
            ("1 2", "delete the text behind the end of the document"),
            (&deep, "it is nested too deeply"),
        ] {
            let error = serde_json::from_str::<serde_json::Value>(json).unwrap_err();
            let message = json_error(&error);
            let expected = format!("this is not valid JSON: {says}");
            assert!(message.starts_with(&expected), "{json}: {message}");
        }
        let error = serde_json::from_str::<BTreeMap<String, String>>("{\"a\": 5}").unwrap_err();
        assert_eq!(json_error(&error), "expected a string, found the number 5");
    }

    #[test]
    fn mistakes_about_fields_are_explained() {
        #[derive(Debug, serde::Deserialize)]
        struct Named {
            #[allow(dead_code, reason = "its type is what counts")]
            name: String,
        }
        for (json, says) in [
            ("{}", "the field \"name\" is missing"),
            (
                "{\"name\": \"\", \"name\": \"\"}",
                "the field \"name\" appears twice; delete one",
            ),
            ("{\"name\": null}", "expected a string, found nothing"),
        ] {
            let error = serde_json::from_str::<Named>(json).unwrap_err();
            assert_eq!(json_error(&error), says, "{json}");
        }
    }
}
