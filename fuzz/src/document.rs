//! Documents from the JSON Schema: whatever it allows, so that a field that is added to it is asked for
//! too.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use imagereview_core::document::json_schema;
use regex::Regex;
use serde_json::{Map, Value, json};

/// Texts of every kind that a document has; each stands where the schema's pattern takes it.
const TEXTS: [&str; 64] = [
    "a",
    "team-b",
    "prod",
    "prod-*",
    "kube-system",
    "x.image-policy.k8s.io/break-glass",
    "x.image-policy.k8s.io/a",
    "yes",
    "y*",
    "latest",
    "$mutable",
    "*-SNAPSHOT",
    "1.*",
    "[!0-9]*",
    "{edge,v*}",
    "/v[0-9]+.*/",
    "/(?i)latest/",
    ">=1.20, <2",
    "<1.0.0-rc1",
    "~2",
    "docker.io",
    "index.docker.io",
    "registry.example.com",
    "registry.example.com:5000",
    "Registry.Example.com",
    "*.example.com",
    "*.example.com:*",
    "localhost",
    "[2001:db8::1]",
    "*",
    "**",
    "nginx",
    "library/*",
    "docker.io/**",
    "docker.io/library/nginx",
    "mirror.example.com/hub/**",
    "mirror.example.com/app",
    "registry.example.com/team/**",
    "registry.example.com:5000/team/app",
    "**/app",
    "*/x",
    "Foo/**",
    "example.com/*",
    "tekton.dev/v1",
    "tekton.dev/*",
    "apps/v1",
    "Task",
    "Pod",
    "Deploy*",
    "system:serviceaccount:ci:deployer",
    "ci/*",
    "an?",
    "developers",
    "system:*",
    "spec.steps[*].image",
    "spec.template.spec",
    "spec",
    "{image} {registry} {tag} {digest} {namespace} {container} {location} {rule}",
    "{{}} {repository}",
    "2027-01-31",
    "2026-01-31T12:00:00Z",
    "image.tag != ''",
    "review.images.all(i, i.registry == image.registry) && has(review.user)",
    "review.namespace == 'prod' || image.kind == 'init'",
];

/// The schema in which each text is one of those that stand there.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = json_schema();
    choose_texts(&mut schema);
    schema
});

fn choose_texts(schema: &mut Value) {
    let choices = schema.as_object().and_then(|fields| {
        let is_open = fields.get("type")? == "string"
            && !fields.contains_key("enum")
            && !fields.contains_key("const");
        let pattern = fields.get("pattern").and_then(Value::as_str).unwrap_or("");
        let pattern = Regex::new(pattern).expect("the schema's patterns are regular expressions");
        let examples = fields.get("examples").and_then(Value::as_array);
        let texts = TEXTS.iter().filter(|text| pattern.is_match(text));
        let texts = texts.map(|text| json!(text));
        is_open.then(|| {
            texts
                .chain(examples.into_iter().flatten().cloned())
                .collect()
        })
    });
    if let Some(choices) = choices {
        *schema = json!({"enum": Value::Array(choices)});
        return;
    }
    match schema {
        Value::Object(fields) => fields.values_mut().for_each(choose_texts),
        Value::Array(parts) => parts.iter_mut().for_each(choose_texts),
        _ => {}
    }
}

/// A document that the schema allows. Its rules and exemptions have names that begin with this one,
/// and each exemption is from its own rules.
pub fn arbitrary_document(name: &str, u: &mut Unstructured<'_>) -> arbitrary::Result<Value> {
    let mut document = value(&SCHEMA, u)?;
    for (list, short) in [("rules", "r"), ("exemptions", "e")] {
        let parts = document.get_mut(list).and_then(Value::as_array_mut);
        for (index, part) in parts.into_iter().flatten().enumerate() {
            part["name"] = format!("{name}-{short}{index}").into();
            if let Some(rules) = part.get_mut("rules") {
                *rules = json!([format!("{name}-r0")]);
            }
        }
    }
    Ok(document)
}

fn value(schema: &'static Value, u: &mut Unstructured<'_>) -> arbitrary::Result<Value> {
    let of_list = |name: &str| schema.get(name).and_then(Value::as_array);
    if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
        let target = SCHEMA.pointer(path.trim_start_matches('#'));
        return value(target.expect("what is referred to is there"), u);
    }
    if let Some(only) = schema.get("const") {
        return Ok(only.clone());
    }
    if let Some(choices) = of_list("enum") {
        return u.choose(choices).cloned();
    }
    if let Some(choices) = of_list("anyOf").or(of_list("oneOf")).or(of_list("allOf")) {
        return value(u.choose(choices)?, u);
    }
    match schema["type"].as_str() {
        Some("boolean") => u.arbitrary().map(Value::Bool),
        Some("integer") => Ok(u.int_in_range(0..=4)?.into()),
        Some("array") => {
            let len = u.int_in_range(1..=3)?;
            (0..len).map(|_| value(&schema["items"], u)).collect()
        }
        Some("object") => object(schema, u),
        other => panic!("the schema has a value of another type: {other:?}"),
    }
}

fn object(schema: &'static Value, u: &mut Unstructured<'_>) -> arbitrary::Result<Value> {
    let mut object = Map::new();
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if is_required(name) || u.arbitrary::<u8>()? >= 192 {
            object.insert(name.clone(), value(schema, u)?);
        }
    }
    // Of maps whose keys are data.
    for (pattern, schema) in schema["patternProperties"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let pattern = Regex::new(pattern).expect("it is a regular expression");
        let key = TEXTS.iter().find(|text| pattern.is_match(text));
        object.insert((*key.expect("there is one")).to_owned(), value(schema, u)?);
    }
    Ok(object.into())
}
