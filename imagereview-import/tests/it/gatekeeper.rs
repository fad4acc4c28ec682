//! Constraints of the image templates of Gatekeeper's library.

use imagereview_core::ContainerKind;
use imagereview_import::{Cause, Source, import};

use crate::support::{Node, assert_not_weaker, assert_verdicts, imported, remarks};

fn constraint(kind: &str, parameters: &str) -> String {
    format!(
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: {kind}\nmetadata: {{name: example}}\n\
         spec:\n  parameters: {{{parameters}}}\n"
    )
}

#[test]
fn allowed_repos() {
    let import = imported(&constraint(
        "K8sAllowedRepos",
        "repos: ['openpolicyagent/']",
    ));
    assert_verdicts(&import, |node| {
        node.name().starts_with("docker.io/openpolicyagent/")
    });
    assert_not_weaker(&import, &[]);
    assert_eq!(remarks(&import), [""; 0]);

    let import = imported(&constraint(
        "K8sAllowedRepos",
        "repos: [registry.example.com/team, registry.example.com:5000]",
    ));
    assert_verdicts(&import, |node| {
        node.name() == "registry.example.com/team"
            || node.name().starts_with("registry.example.com/team/")
            || node.registry == "registry.example.com:5000"
    });
    assert_not_weaker(&import, &[]);
    assert_eq!(import.remarks().len(), 2, "{:?}", remarks(&import));
}

#[test]
fn a_prefix_that_is_a_host_is_that_host() {
    let import = imported(&constraint(
        "K8sAllowedRepos",
        "repos: [registry.example.com]",
    ));
    assert_verdicts(&import, |node| node.registry == "registry.example.com");
    let differences = import.compare(
        "registry.example.com.evil.example/app:1",
        None,
        ContainerKind::Regular,
    );
    assert!(differences[0].was_allowed());
    assert_eq!(differences[0].cause(), Cause::OtherName);
}

#[test]
fn allowed_repos_v2() {
    let import = imported(&constraint(
        "K8sAllowedReposv2",
        "allowedImages: ['registry.example.com/team/*', 'openpolicyagent/opa:0.9.2', 'nginx*']",
    ));
    assert_verdicts(&import, |node| {
        let hub = node.name();
        node.name().starts_with("registry.example.com/team/")
            || (hub == "docker.io/openpolicyagent/opa" && node.pulled_tag() == Some("0.9.2"))
            || hub.starts_with("docker.io/library/nginx")
            || (hub.starts_with("docker.io/nginx") && hub.matches('/').count() > 1)
    });
    assert_not_weaker(&import, &[]);
}

#[test]
fn disallowed_repos() {
    let import = imported(&constraint(
        "K8sDisallowedRepos",
        "repos: [old.example.com/]",
    ));
    assert_verdicts(&import, |node| {
        node.registry.to_lowercase() != "old.example.com"
            && !node.registry.to_lowercase().starts_with("old.example.com:")
    });
    assert_not_weaker(&import, &[]);
    // Without the slash, the hosts that only begin so stay denied.
    let import = imported(&constraint(
        "K8sDisallowedRepos",
        "repos: [old.example.com]",
    ));
    assert_verdicts(&import, |node| {
        !node.registry.to_lowercase().starts_with("old.example.com")
    });
    assert_not_weaker(&import, &[]);
}

#[test]
fn disallowed_tags() {
    let import = imported(&constraint("K8sDisallowedTags", "tags: [latest, dev]"));
    let is_right = |node: &Node<'_>| {
        node.digest.is_some()
            || node
                .tag
                .is_some_and(|tag| !["latest", "dev"].contains(&&*tag.to_lowercase()))
    };
    assert_verdicts(&import, is_right);
    assert_not_weaker(&import, &[]);
}

#[test]
fn exempt_images_with_a_tag_are_exempt_with_that_tag_only() {
    let import = imported(&constraint(
        "K8sDisallowedTags",
        "tags: [latest, dev], exemptImages: ['openpolicyagent/opa-exp:latest', 'registry.example.com/team/*']",
    ));
    assert_verdicts(&import, |node| {
        node.digest.is_some()
            || node.name().starts_with("registry.example.com/team/")
            || (node.name() == "docker.io/openpolicyagent/opa-exp"
                && node.pulled_tag() == Some("latest"))
            || node
                .tag
                .is_some_and(|tag| !["latest", "dev"].contains(&&*tag.to_lowercase()))
    });
    assert_not_weaker(&import, &[]);
    assert!(import.is_complete(), "{:?}", remarks(&import));
}

#[test]
fn image_digests() {
    let import = imported(
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sImageDigests\n\
         metadata: {name: digests}\nspec: {match: {namespaces: [prod-*]}}\n",
    );
    assert_verdicts(&import, |node| node.digest.is_some());
    assert_not_weaker(&import, &[]);
    assert!(
        import.document().contains("include: [\"prod-*\"]"),
        "{}",
        import.document()
    );
}

#[test]
fn what_a_match_selects_is_taken_or_named() {
    let import = imported(
        "apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sImageDigests
metadata: {name: digests}
spec:
  enforcementAction: dryrun
  match:
    kinds: [{apiGroups: [''], kinds: [Pod]}]
    scope: Namespaced
    excludedNamespaces: [kube-*]
    namespaceSelector:
      matchExpressions:
      - {key: kubernetes.io/metadata.name, operator: NotIn, values: [ci]}
      - {key: tier, operator: In, values: [gold]}
    labelSelector: {matchLabels: {app: web}}
    somethingNew: 1
",
    );
    assert_eq!(
        remarks(&import),
        [
            "input.yaml:7: stricter: K8sImageDigests digests, spec.match.kinds: the original looks at pods; here \
             also at what pods are made from, such as a Deployment",
            "input.yaml:13: not taken: K8sImageDigests digests, \
             spec.match.namespaceSelector.matchExpressions[1]: a document knows no labels of namespaces; the rule \
             is about all of them, so name them in scope.namespaces",
            "input.yaml:14: not taken: K8sImageDigests digests, spec.match.labelSelector: a document has no scope \
             like labelSelector; the rule is about all objects",
            "input.yaml:15: not taken: K8sImageDigests digests, spec.match.somethingNew: the import does not know \
             this field",
        ]
    );
    assert!(!import.is_complete());
    let document = import.document();
    for line in ["mode: audit\n", "exclude: [\"kube-*\", ci]\n"] {
        assert!(document.contains(line), "{document}");
    }
}

#[test]
fn an_input_that_is_broken_or_foreign_is_an_error_with_its_line() {
    for (text, expected) in [
        (
            constraint("K8sAllowedRepos", "repos: registry.example.com"),
            "input.yaml:5:23: spec.parameters.repos: this is text, not a list",
        ),
        (
            constraint("K8sAllowedRepos", "repos: []"),
            "input.yaml:5:15: spec.parameters: the parameter \"repos\" is missing or empty; K8sAllowedRepos \
             compares with nothing then",
        ),
        (
            constraint("K8sRequiredLabels", "labels: []"),
            "input.yaml:2:7: kind: a K8sRequiredLabels of constraints.gatekeeper.sh/v1beta1 is no image policy of \
             an engine that is known; docs/moving.md lists them",
        ),
        (
            "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sImageDigests\nmetadata: {name: x}\n\
             spec: {enforcementAction: refuse}\n"
                .to_owned(),
            "input.yaml:4:27: spec.enforcementAction: \"refuse\" is no enforcement action; Gatekeeper has deny, \
             warn, dryrun and scoped",
        ),
    ] {
        let error = import([Source::new("input.yaml", &text)]).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn the_document_and_its_tests_look_so() {
    let import = imported(&constraint(
        "K8sDisallowedTags",
        "tags: [latest], exemptImages: ['registry.example.com/tools/*']",
    ));
    assert_eq!(
        import.document(),
        "# K8sDisallowedTags example, from input.yaml:1
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata:
  name: example
rules:
  # from input.yaml:5 spec.parameters.tags
  - name: example
    tags:
      deny: [latest]
      missing: deny
exemptions:
  # from input.yaml:5 spec.parameters.exemptImages
  - name: exempt-from-example
    reason: \"spec.parameters.exemptImages of K8sDisallowedTags example, from input.yaml:1\"
    rules: [example]
    images: [\"registry.example.com/tools/**\"]
"
    );
    let tests = import.tests("imported.yaml").unwrap();
    assert!(
        tests.starts_with("policy: imported.yaml\ntests:\n"),
        "{tests}"
    );
    assert!(tests.contains("  - name: \"registry.example.com:5000/samples/app fails example\"\n"));
}

#[test]
fn a_value_that_no_document_can_have_is_named() {
    let import = imported(
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sImageDigests\nmetadata: {name: digests}\n\
         spec: {match: {namespaces: [Prod]}}\n",
    );
    assert_eq!(import.document(), "");
    let remarks = remarks(&import);
    assert!(
        remarks[0].starts_with(
            "input.yaml:1: not taken: K8sImageDigests digests: no document can have one of its values: "
        ),
        "{remarks:?}"
    );
}
