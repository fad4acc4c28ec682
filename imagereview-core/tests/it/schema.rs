//! The JSON Schema of a policy document, as it is checked in.

use std::{fs, path::PathBuf};

use imagereview_core::{ImagePolicy, PolicyErrors, PolicySource, document::json_schema};
use serde_json::{Value, json};

fn checked_in() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../schema/policy.schema.json")
}

/// With the variable `UPDATE_SCHEMA` set, it writes the file instead.
#[test]
fn the_schema_that_is_checked_in_is_current() {
    let current = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(checked_in(), &current).unwrap();
    }
    assert!(
        fs::read_to_string(checked_in()).unwrap() == current,
        "schema/policy.schema.json is old; write it anew with \
         `UPDATE_SCHEMA=1 cargo test -p imagereview-core --all-features --test it schema`"
    );
}

const EVERYTHING: &str = r"
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: everything}
mode: enforce
unreadableReferences: enforce
unchangedImages: audit
customResources:
  - {apiVersion: tekton.dev/v1, kind: Task, images: ['spec.steps[*].image'], podSpecs: [spec.podTemplate]}
mutations:
  mirrors: [{from: docker.io/**, to: mirror.example.com/hub/**}]
  fullNames: true
  impliedTags: true
  pinDigests: [{repositories: '**', kinds: [Pod], namespaces: {include: ['prod-*'], exclude: [prod-b]}}]
  pullPolicies: [{tags: [latest], policy: Always}]
  pullSecrets: [{repositories: example.com/**, secret: pull}]
scope:
  namespaces: {include: ['prod-*'], exclude: [prod-test]}
  systemNamespaces: exclude
  images: {include: ['**'], exclude: [nginx]}
  containers: [regular, init, ephemeral, volume]
  annotations: {example.image-policy.k8s.io/tier: gold}
  kinds: {include: [Pod], exclude: [Job]}
  operations: [CREATE, UPDATE]
  users: {include: ['*'], exclude: ['system:node:*']}
  groups: {include: ['*'], exclude: [admins]}
  serviceAccounts: {include: ['*/*'], exclude: [ci/deployer]}
rules:
  - name: one
    description: All that a rule can say.
    mode: warn
    scope: {}
    message: {en: '{image}', zh: '{image}'}
    remedy: ask
    tags: {allow: ['1.*'], deny: [$mutable], missing: deny, pinned: check}
    digest: {required: true, algorithms: [sha256]}
    registries: {allow: [example.com], deny: ['*.example.org']}
    repositories: {allow: ['example.com/**'], deny: [nginx]}
    maxImages: 3
    facts:
      ifUnavailable: warn
      tags: checkOnly
      onPlatforms: [linux/arm/v7]
      staleFor: 10m
      platforms: {requires: [linux/amd64]}
      maxAge: 90d
      maxSize: 500Mi
      nonRoot: true
      labels: {team: '*'}
      annotations: {org.opencontainers.image.source: 'https://git.example.com/*'}
      volumes: {deny: ['*']}
      exposedPorts: {allow: ['8080/*']}
      entrypoint: required
      mediaTypes: {deny: ['*docker*']}
      foreignLayers: deny
      baseImage: {allow: [example.com/base], deny: ['**/busybox'], digest: required}
    expression: image.tag != ''
exemptions:
  - name: out
    reason: agreed
    expires: 2027-01-31
    rules: [one]
    images: [nginx]
    namespaces: [prod-a]
    annotation: {key: example.image-policy.k8s.io/break-glass, value: 'INC-*'}
";

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&json_schema()).unwrap()
}

fn read(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn compiles(document: &Value) -> Result<ImagePolicy, PolicyErrors> {
    ImagePolicy::compile([PolicySource::new("p.json", &document.to_string())])
}

/// Every value below one, as the path of keys and indices that leads there.
fn paths(value: &Value) -> Vec<String> {
    let below = |key: &str, value: &Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        let paths = paths(value).into_iter();
        paths
            .map(move |path| format!("/{key}{path}"))
            .collect::<Vec<_>>()
    };
    let mut all = vec![String::new()];
    match value {
        Value::Object(fields) => {
            all.extend(fields.iter().flat_map(|(key, value)| below(key, value)));
        }
        Value::Array(list) => {
            let list = list.iter().enumerate();
            all.extend(list.flat_map(|(index, value)| below(&index.to_string(), value)));
        }
        _ => {}
    }
    all
}

/// A document with a mistake of structure anywhere is refused by the reader, and by the schema, so
/// that an editor shows it while it is being written.
#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let document = read(EVERYTHING);
    let validator = validator();
    assert!(compiles(&document).is_ok(), "{:?}", compiles(&document));
    assert!(validator.is_valid(&document));

    let refused = |mutant: &Value, what: &str| {
        assert!(
            compiles(mutant).is_err(),
            "the reader takes {what}\n{mutant:#}"
        );
        assert!(
            !validator.is_valid(mutant),
            "the schema takes {what}\n{mutant:#}"
        );
    };
    let mut required = Vec::new();
    for path in paths(&document) {
        let found = document.pointer(&path).unwrap();
        for wrong in [
            json!(null),
            json!(true),
            json!(7),
            json!(-1),
            json!("?!/@"),
            json!([]),
            json!({"x": 1}),
        ] {
            let is_text = |found: &Value| found.is_string() || found.is_object();
            // Texts may say anything, and a schema does not know whether it means something.
            let same_kind = match &wrong {
                Value::String(_) => {
                    is_text(found) && (found.is_string() || path.ends_with("/message"))
                }
                Value::Bool(_) => found.is_boolean(),
                Value::Number(number) => found.is_number() && number.is_u64(),
                _ => false,
            };
            if same_kind {
                continue;
            }
            let mut mutant = document.clone();
            *mutant.pointer_mut(&path).unwrap() = wrong.clone();
            refused(&mutant, &format!("{wrong} at {path:?}"));
        }
        if let Value::Object(fields) = found {
            // Images have labels and annotations of any name.
            if !path.ends_with("/facts/labels") && !path.ends_with("/facts/annotations") {
                let mut mutant = document.clone();
                mutant.pointer_mut(&path).unwrap()["nosuchfield"] = json!("x");
                refused(&mutant, &format!("an unknown field at {path:?}"));
            }
            for field in fields.keys() {
                let mut mutant = document.clone();
                let fields = mutant.pointer_mut(&path).and_then(Value::as_object_mut);
                fields.unwrap().remove(field);
                if !validator.is_valid(&mutant) {
                    refused(&mutant, &format!("{field:?} missing at {path:?}"));
                    required.push(format!("{path}/{field}"));
                }
            }
        }
    }
    assert_eq!(
        required,
        [
            "/apiVersion",
            "/kind",
            "/metadata",
            "/rules",
            "/customResources/0/apiVersion",
            "/customResources/0/kind",
            "/exemptions/0/name",
            "/exemptions/0/reason",
            "/exemptions/0/annotation/key",
            "/metadata/name",
            "/mutations/mirrors/0/from",
            "/mutations/mirrors/0/to",
            "/mutations/pinDigests/0/repositories",
            "/mutations/pullPolicies/0/policy",
            "/mutations/pullPolicies/0/tags",
            "/mutations/pullSecrets/0/repositories",
            "/mutations/pullSecrets/0/secret",
            "/rules/0/name",
            "/rules/0/facts/platforms/requires",
        ]
    );
}
