//! The custom resources of well-known projects.
//!
//! `tests/data/known_resources` has an object of each kind, with a field for each path at which the
//! project's own definition has an image. Every text there that begins with [`IMAGES`] is one.

use std::{collections::BTreeSet, fs, path::Path};

use imagereview_core::{
    ImagePolicy, PolicySource,
    workload::{KnownResources, Manifest, WorkloadKinds},
};
use serde::de::DeserializeSeed;

const IMAGES: &str = "registry.example.com/";

fn policy(fields: &str) -> String {
    format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: known}}\n{fields}\n\
         rules: [{{name: versions, tags: {{deny: [latest]}}}}]\n"
    )
}

fn compile(fields: &str) -> ImagePolicy {
    ImagePolicy::compile([PolicySource::new("policy.yaml", &policy(fields))]).unwrap()
}

fn manifest<'a>(kinds: &'a WorkloadKinds, json: &'a str) -> Manifest<'a> {
    kinds
        .deserialize(&mut serde_json::Deserializer::from_str(json))
        .unwrap()
}

#[test]
fn each_image_of_each_kind_of_each_set_is_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/known_resources");
    let mut files = BTreeSet::new();
    for set in KnownResources::all() {
        let name = set.name();
        let text = fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        files.insert(format!("{name}.yaml"));
        let policy = compile(&format!("knownResources: [{name}]"));
        let mut kinds = BTreeSet::new();
        for document in text.split("---\n").skip(1) {
            let object: serde_json::Value = serde_saphyr::from_str(document).unwrap();
            let text = object.to_string();
            let expected: BTreeSet<&str> = text
                .split('"')
                .filter(|text| text.starts_with(IMAGES))
                .collect();
            let manifest = manifest(policy.kinds(), &text);
            let object = manifest.into_iter().next().unwrap().unwrap();
            let found: BTreeSet<&str> = object.images().map(|(image, _)| image).collect();
            assert_eq!(found, expected, "{name}: {document}");
            assert!(!expected.is_empty(), "{name}: {document}");
            let kind = object.kind();
            kinds.insert((kind.group().to_owned(), kind.name().to_owned()));
        }
        let of_set: BTreeSet<(String, String)> = set
            .resources()
            .map(|resource| (resource.group().to_owned(), resource.kind().to_owned()))
            .collect();
        assert_eq!(kinds, of_set, "{name}");
    }
    let there = fs::read_dir(folder).unwrap();
    let there: BTreeSet<String> = there
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, files);
}

#[test]
fn what_a_policy_declares_of_a_known_kind_is_added() {
    let text = r#"{"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": {
        "steps": [{"image": "step:1"}], "other": {"image": "other:2"}}}"#;
    let known = "knownResources: [tekton, keda]";
    for api_version in ["tekton.dev/*", "tekton.dev/v1"] {
        let declared = format!(
            "{known}\ncustomResources: [{{apiVersion: {api_version}, kind: Task, \
             images: [spec.other.image, 'spec.steps[*].image']}}]"
        );
        for (fields, expected) in [
            (known, &["step:1"][..]),
            (&declared, &["other:2", "step:1"]),
        ] {
            let policy = compile(fields);
            let manifest = manifest(policy.kinds(), text);
            let object = manifest.into_iter().next().unwrap().unwrap();
            let found: Vec<&str> = object.images().map(|(image, _)| image).collect();
            assert_eq!(found, expected, "{fields}");
        }
    }
}

#[test]
fn documents_of_a_policy_may_name_the_same_set() {
    let one = policy("knownResources: [tekton]");
    let two = policy("knownResources: [tekton, keda]")
        .replace("name: known", "name: other")
        .replace("name: versions", "name: other-versions");
    let policy = ImagePolicy::compile([
        PolicySource::new("one.yaml", &one),
        PolicySource::new("two.yaml", &two),
    ])
    .unwrap();
    assert!(policy.kinds().has_images("tekton.dev/v1", "Task"));
    assert!(policy.kinds().has_images("keda.sh/v1alpha1", "ScaledJob"));
}

#[test]
fn a_set_that_is_not_there_is_an_error_with_the_name_that_was_meant() {
    let text = policy("knownResources: [tektn]");
    let errors = ImagePolicy::compile([PolicySource::new("policy.yaml", &text)]).unwrap_err();
    let errors = errors.to_string();
    assert!(errors.contains(r#"did you mean "tekton"?"#), "{errors}");
    assert!(
        errors.starts_with("policy.yaml:4:18: knownResources[0]"),
        "{errors}"
    );
}

#[test]
fn the_page_about_policies_lists_each_kind_of_each_set() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy.md");
    let page = fs::read_to_string(page).unwrap();
    for set in KnownResources::all() {
        let kinds: Vec<String> = set
            .resources()
            .map(|resource| resource.kind().to_owned())
            .collect();
        let row = format!("| `{}` | {} |\n", set.name(), kinds.join(", "));
        assert!(page.contains(&row), "{row}");
    }
}
