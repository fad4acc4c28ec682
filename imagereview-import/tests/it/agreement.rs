//! The table of what the checks of other projects say of the recorded references: docs/agreement.md.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::{imported, recorded};

/// The policies of the table, and whether their engine reads a name that the node can't.
const POLICIES: &[(&str, &str, bool)] = &[
    (
        "disallow-latest-tag (ClusterPolicy)",
        "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: tags}
spec:
  rules:
  - name: tags
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {foreach: [{list: request.object.spec.containers, pattern: {image: '*:* & !*:latest'}}]}
",
        true,
    ),
    (
        "disallow-latest-tag (ValidatingPolicy)",
        "apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: tags}
spec:
  validations:
  - expression: \"object.spec.containers.all(c, c.image.contains(':'))\"
  - expression: \"object.spec.containers.all(c, !c.image.endsWith(':latest'))\"
",
        true,
    ),
    (
        "K8sDisallowedTags, tags: [latest]",
        "apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sDisallowedTags
metadata: {name: tags}
spec: {parameters: {tags: [latest]}}
",
        true,
    ),
    (
        "trusted-repos, tags.reject: [latest]",
        "apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata: {name: tags}
spec:
  module: registry://ghcr.io/kubewarden/policies/trusted-repos:v2.0.0
  settings: {tags: {reject: [latest]}}
",
        false,
    ),
    (
        "restrict-image-registries (ClusterPolicy), docker.io/*",
        "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: registries}
spec:
  rules:
  - name: registries
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {pattern: {spec: {containers: [{image: 'docker.io/*'}]}}}
",
        true,
    ),
    (
        "K8sAllowedRepos, repos: [docker.io]",
        "apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sAllowedRepos
metadata: {name: repos}
spec: {parameters: {repos: [docker.io]}}
",
        true,
    ),
    (
        "K8sAllowedReposv2, allowedImages: [docker.io/*]",
        "apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sAllowedReposv2
metadata: {name: repos}
spec: {parameters: {allowedImages: ['docker.io/*']}}
",
        true,
    ),
    (
        "trusted-repos, registries.allow: [docker.io]",
        "apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata: {name: registries}
spec:
  module: registry://ghcr.io/kubewarden/policies/trusted-repos:v2.0.0
  settings: {registries: {allow: [docker.io]}}
",
        false,
    ),
    (
        "require-image-checksum (ValidatingPolicy)",
        "apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: digests}
spec: {validations: [{expression: \"object.spec.containers.all(c, c.image.contains('@'))\"}]}
",
        true,
    ),
];

/// The answers of each check, a letter for each recorded reference.
fn table() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e/agreement/results.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("name"), text("answers"))
    });
    rows.collect()
}

#[test]
fn the_import_reads_a_policy_as_the_table_says() {
    let table = table();
    let references = recorded();
    for (name, text, reads_all) in POLICIES {
        let import = imported(text);
        let (_, answers) = table
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| panic!("{name} is not in the table"));
        assert_eq!(
            answers.len(),
            references.len(),
            "{name}: run e2e/agreement/run"
        );
        for ((image, is_read), answer) in references.iter().zip(answers.chars()) {
            if *is_read || *reads_all {
                let allows = import.original_allows(image);
                assert_eq!(allows, answer == 'a', "{name}: {image:?}");
            }
        }
    }
}
