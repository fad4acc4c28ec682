//! The JSON Schema of a policy document.

use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Value, json};

use super::declaration::Document;

/// The JSON Schema of a policy document, for editors and other tools.
///
/// It knows the fields and what kind of value each takes; what a pattern may be, only
/// [`ImagePolicy::compile`](super::ImagePolicy::compile) knows. It is of draft 7, which every editor
/// reads.
///
/// ```
/// let schema = imagereview_core::document::json_schema();
/// assert_eq!(schema["properties"]["kind"]["const"], "ImagePolicy");
/// ```
#[must_use]
pub fn json_schema() -> Value {
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(as_the_reader));
    let mut schema = settings.into_generator().into_root_schema_for::<Document>();
    schema.insert("title".into(), "imagereview policy".into());
    schema.to_value()
}

/// Says of a value what the reader does: `null` is not the same as a field that is left out, a list
/// is not empty, and a number has no width.
fn as_the_reader(schema: &mut Schema) {
    let null = json!("null");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| *name != null);
        if let [only] = &mut types[..] {
            let only = only.take();
            schema.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&null));
        if choices.len() == 1 {
            // Beside a reference draft 7 passes over everything else, so it stays in a list.
            if let Some(choices) = schema.remove("anyOf") {
                schema.insert("allOf".into(), choices);
            }
        }
    }
    // The lines of a comment are broken for those who read the code.
    if let Some(Value::String(description)) = schema.get_mut("description") {
        let paragraphs: Vec<String> = description
            .split("\n\n")
            .map(|paragraph| paragraph.replace('\n', " "))
            .collect();
        *description = paragraphs.join("\n\n");
    }
    if schema.get("type") == Some(&json!("array")) {
        schema.insert("minItems".into(), json!(1));
    }
    if schema.get("type") == Some(&json!("integer")) {
        schema.remove("format");
    }
}
