//! `policy import`: what it writes passes `policy validate`, and its test cases pass `policy test`.

use std::fs;

use crate::support::{POD, run_in, run_with_stdin};

const POLICIES: &[(&str, &str)] = &[
    (
        "gatekeeper.yaml",
        "apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sAllowedRepos
metadata: {name: repos}
spec: {match: {namespaces: [prod-*]}, parameters: {repos: [registry.example.com, team/]}}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sDisallowedTags
metadata: {name: tags}
spec: {parameters: {tags: [latest], exemptImages: ['team/tool:latest', 'team/other*']}}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sDisallowedRepos
metadata: {name: old}
spec: {enforcementAction: warn, parameters: {repos: [old.example.com/]}}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sImageDigests
metadata: {name: digests}
spec: {match: {namespaces: [pinned]}}
",
    ),
    (
        "kyverno.yaml",
        "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: images}
spec:
  validationFailureAction: Enforce
  rules:
  - name: registries
    match: {any: [{resources: {kinds: [Pod]}}]}
    exclude: {any: [{resources: {namespaces: [kube-system]}}]}
    validate:
      message: use \"our\" registry {please}
      pattern:
        spec:
          containers: [{image: 'registry.example.com/* | *.cdn.example.com/*'}]
          =(initContainers): [{image: 'registry.example.com/* | *.cdn.example.com/*'}]
          =(ephemeralContainers): [{image: 'registry.example.com/* | *.cdn.example.com/*'}]
  - name: mirror
    match: {any: [{resources: {kinds: [Pod]}}]}
    mutate:
      patchStrategicMerge:
        spec:
          containers: [{<(image): registry.example.com/*}]
          imagePullSecrets: [{name: secret}]
",
    ),
    (
        "kubewarden.yaml",
        "apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata: {name: trusted}
spec:
  module: registry://ghcr.io/kubewarden/policies/trusted-repos:v2.0.0
  settings: {registries: {reject: [old.example.org]}, tags: {reject: [latest, dev]}, images: {reject: [nginx]}}
",
    ),
];

#[test]
fn what_it_writes_is_valid_and_passes_its_tests() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let theirs = folder.join("theirs");
    fs::create_dir(&theirs).unwrap();
    for (name, text) in POLICIES {
        fs::write(theirs.join(name), text).unwrap();
    }
    let (status, stdout, stderr) = run_in(
        folder,
        &["policy", "import", "--output", "ours.yaml", "theirs"],
    );
    assert_eq!((status, &*stdout), (Some(0), ""), "{stderr}");
    assert!(
        stderr.contains("stricter: K8sAllowedRepos repos"),
        "{stderr}"
    );
    let (status, rules, stderr) = run_in(folder, &["policy", "validate", "ours.yaml"]);
    assert_eq!((status, &*stderr), (Some(0), ""));
    assert_eq!(rules.lines().count(), 11, "{rules}");
    let (status, stdout, stderr) = run_in(folder, &["policy", "test", "ours_test.yaml"]);
    assert_eq!((status, &*stderr), (Some(0), ""), "{stdout}");
    assert!(
        !stdout.contains("FAILED") && stdout.lines().count() == 19,
        "{stdout}"
    );
}

#[test]
fn the_status_says_whether_all_was_taken() {
    let constraint = |spec: &str| {
        format!(
            "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sImageDigests\nmetadata: {{name: x}}\n\
             spec: {{{spec}}}\n"
        )
    };
    for (text, expected, says) in [
        (constraint(""), Some(0), ""),
        (
            constraint("match: {labelSelector: {}}"),
            Some(1),
            "imagereview: <stdin>:4: not taken: K8sImageDigests x, spec.match.labelSelector: a document has no \
             scope like labelSelector; the rule is about all objects\nimagereview: 1 part was not taken\n",
        ),
        (
            constraint("match: []]"),
            Some(2),
            "imagereview: <stdin>:4:7: this is neither YAML nor JSON: ",
        ),
        (
            POD.to_owned(),
            Some(2),
            "imagereview: <stdin>:2:7: kind: a Pod of v1 is no image policy of an engine that is known; \
             docs/moving.md lists them\n",
        ),
    ] {
        let (status, stdout, stderr) = run_with_stdin(&["policy", "import", "-"], &text);
        assert_eq!(status, expected, "{text}\n{stderr}");
        assert!(
            stderr.starts_with(says) && says.is_empty() == stderr.is_empty(),
            "{stderr}"
        );
        assert_eq!(stdout.contains("digest: {}"), status != Some(2), "{stdout}");
    }
}

#[test]
fn differences_are_listed_by_cause() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(
        folder.join("repos.yaml"),
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sAllowedRepos\nmetadata: {name: repos}\n\
         spec: {parameters: {repos: [registry.example.com, nginx]}}\n",
    )
    .unwrap();
    fs::write(
        folder.join("references.txt"),
        "registry.example.com.evil.example/x\nregistry.example.com/x\ndocker.io/library/nginx\n\n",
    )
    .unwrap();
    fs::write(
        folder.join("pod.yaml"),
        POD.replace("image: nginx", "image: nginx.evil.example/x"),
    )
    .unwrap();
    let arguments = [
        "policy",
        "import",
        "repos.yaml",
        "--references",
        "references.txt",
        "--compare",
        "pod.yaml",
    ];
    let (status, stdout, _) = run_in(folder, &arguments);
    assert_eq!(status, Some(0));
    assert_eq!(
        stdout,
        "was allowed, and is denied: the original compares the string, and the registry or repository that the \
         node pulls from is another\n  nginx.evil.example/x  (repos) Pod web in pod.yaml:4:29\n  \
         registry.example.com.evil.example/x  (repos)\n\
         was denied, and is allowed: the same image is written in another way, which the original compares as \
         another string\n  docker.io/library/nginx  (repos)\n4 images: 3 differences\n"
    );
}
