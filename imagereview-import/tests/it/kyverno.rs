//! Policies of Kyverno in the form of `ClusterPolicy`, in the shapes of its library.

use imagereview_core::ContainerKind;
use imagereview_import::Cause;

use crate::support::{Node, assert_not_weaker, assert_verdicts, imported, remarks};

/// A policy with one rule about pods.
fn policy(body: &str) -> String {
    let body = body.trim_matches('\n').replace('\n', "\n    ");
    format!(
        "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {{name: example}}
spec:
  validationFailureAction: Enforce
  background: true
  rules:
  - name: check
    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}
    {body}
"
    )
}

fn is_tagged(node: &Node<'_>) -> bool {
    node.tag.is_some() || node.digest.is_some()
}

fn is_latest(node: &Node<'_>) -> bool {
    let tag = node.pulled_tag();
    tag.is_some_and(|tag| tag.eq_ignore_ascii_case("latest"))
}

#[test]
fn disallow_latest_tag() {
    let import = imported(
        "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: tags}
spec:
  rules:
  - name: a-tag
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate:
      message: 'Write a tag.'
      foreach:
      - {list: request.object.spec.containers, pattern: {image: '*:*'}}
      - {list: request.object.spec.initContainers, pattern: {image: '*:*'}}
      - {list: request.object.spec.ephemeralContainers, pattern: {image: '*:*'}}
  - name: no-latest
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate:
      message: 'latest moves'
      foreach:
      - {list: request.object.spec.containers, pattern: {image: '!*:latest'}}
      - {list: request.object.spec.initContainers, pattern: {image: '!*:latest'}}
      - {list: request.object.spec.ephemeralContainers, pattern: {image: '!*:latest'}}
",
    );
    assert_verdicts(&import, |node| is_tagged(node) && !is_latest(node));
    assert_not_weaker(&import, &[]);
    assert_eq!(remarks(&import), [""; 0]);
    assert_eq!(
        import.document(),
        "# ClusterPolicy tags, from input.yaml:1
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata:
  name: tags
mode: audit
rules:
  # from input.yaml:11 spec.rules[0].validate.foreach[0].pattern.image
  - name: a-tag
    message: \"Write a tag.\"
    tags:
      missing: deny
  # from input.yaml:19 spec.rules[1].validate.foreach[0].pattern.image
  - name: no-latest
    message: \"latest moves\"
    tags:
      deny: [latest]
"
    );
    let port = import.compare(
        "registry.example.com:5000/app",
        None,
        ContainerKind::Regular,
    );
    assert_eq!(port.len(), 2, "{port:?}");
    assert!(port[0].was_allowed());
    assert_eq!(port[0].cause(), Cause::TagMisread);
}

#[test]
fn restrict_image_registries() {
    let import = imported(&policy(
        "
validate:
  message: unknown registry
  pattern:
    spec:
      =(ephemeralContainers):
      - image: 'registry.example.com/* | quay.io/*'
      =(initContainers):
      - image: 'registry.example.com/* | quay.io/*'
      containers:
      - image: 'registry.example.com/* | quay.io/*'
",
    ));
    assert_verdicts(&import, |node| {
        ["registry.example.com", "quay.io"].contains(&node.registry)
    });
    assert_not_weaker(&import, &[]);
    assert_eq!(remarks(&import), [""; 0]);
}

#[test]
fn require_image_checksum() {
    let import = imported(&policy(
        "
validate:
  pattern:
    spec:
      containers:
      - image: '*@*'
",
    ));
    assert_verdicts(&import, |node| node.digest.is_some());
    assert_eq!(
        remarks(&import),
        [
            "input.yaml:14: stricter: ClusterPolicy example, spec.rules[0].validate.pattern.spec.containers[0].image: \
          the original does not look at initContainers and ephemeralContainers; here all images of a pod are checked"
        ]
    );
    let init = import.compare("nginx", None, ContainerKind::Init);
    assert_eq!(init[0].cause(), Cause::NotLookedAt);
}

#[test]
fn restrict_deprecated_registry() {
    let import = imported(&policy(
        "
validate:
  foreach:
  - list: request.object.spec.[initContainers, ephemeralContainers, containers][]
    deny:
      conditions:
        all:
        - {key: '{{ element.image }}', operator: Equals, value: 'old.example.com/*'}
",
    ));
    assert_verdicts(&import, |node| {
        let registry = node.registry.to_lowercase();
        registry != "old.example.com" && !registry.starts_with("old.example.com:")
    });
    assert_not_weaker(&import, &[]);
    assert_eq!(remarks(&import), [""; 0]);
}

#[test]
fn allowed_image_repos_compare_the_last_part_of_the_name() {
    let import = imported(&policy(
        "
validate:
  deny:
    conditions:
      all:
      - key: '{{ images.[containers, initContainers, ephemeralContainers][].*.name[] }}'
        operator: AnyNotIn
        value: [myknownimage, nginx]
",
    ));
    let last = |node: &Node<'_>| node.path.rsplit('/').next().unwrap_or_default().to_owned();
    assert_verdicts(&import, |node| {
        ["myknownimage", "nginx"].contains(&&*last(node))
    });
    assert_not_weaker(&import, &[]);
    assert_eq!(import.remarks().len(), 2, "{:?}", remarks(&import));
}

#[test]
fn conditions_on_the_registry_and_the_tag_that_hold_together() {
    let import = imported(&policy(
        "
preconditions:
  all:
  - {key: \"{{request.operation || 'BACKGROUND'}}\", operator: NotEquals, value: DELETE}
validate:
  deny:
    conditions:
      all:
      - {key: '{{ images.containers.*.registry }}', operator: AnyIn, value: [docker.io]}
      - {key: '{{ images.containers.*.tag }}', operator: AnyIn, value: [latest, dev]}
",
    ));
    assert_verdicts(&import, |node| {
        let tags = ["latest", "dev"];
        let tag = node.tag.or(if node.digest.is_some() {
            None
        } else {
            Some("latest")
        });
        let hub = [
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
            "registry.hub.docker.com",
            "hub.docker.com",
        ];
        let registry = node.registry.to_lowercase();
        let host = registry.split(':').next().unwrap_or_default().to_owned();
        !hub.contains(&&*host) || !tag.is_some_and(|tag| tags.contains(&&*tag.to_lowercase()))
    });
    assert_not_weaker(&import, &[]);
    assert!(import.is_complete(), "{:?}", remarks(&import));
}

#[test]
fn no_ephemeral_containers() {
    let import = imported(&policy(
        "
validate:
  pattern:
    spec:
      X(ephemeralContainers): 'null'
",
    ));
    assert!(
        import
            .document()
            .contains("!has(image.kind) || image.kind != 'ephemeral'"),
        "{}",
        import.document()
    );
    assert!(import.is_complete());
    assert_eq!(
        import.compare("nginx:1", None, ContainerKind::Ephemeral),
        []
    );
    assert_eq!(import.compare("nginx:1", None, ContainerKind::Regular), []);
}

#[test]
fn alternatives_with_a_negation_are_an_expression() {
    let import = imported(&policy(
        "
validate:
  anyPattern:
  - spec: {containers: [{image: 'registry.example.com/*'}]}
  - spec: {containers: [{image: '*@sha256:*'}]}
",
    ));
    assert_verdicts(&import, |node| {
        node.registry == "registry.example.com"
            || node
                .digest
                .is_some_and(|digest| digest.starts_with("sha256:"))
    });
    assert_not_weaker(&import, &[]);
}

#[test]
fn expressions_in_a_cluster_policy() {
    let import = imported(&policy(
        "
validate:
  cel:
    variables:
    - name: allContainers
      expression: object.spec.containers + object.spec.?initContainers.orValue([]) + object.spec.?ephemeralContainers.orValue([])
    expressions:
    - expression: \"variables.allContainers.all(container, container.image.startsWith('registry.example.com/') || container.image.startsWith('quay.io/'))\"
      message: unknown registry
",
    ));
    assert_verdicts(&import, |node| {
        ["registry.example.com", "quay.io"].contains(&node.registry)
    });
    assert_not_weaker(&import, &[]);
    assert_eq!(remarks(&import), [""; 0]);
}

#[test]
fn replaced_registries_are_mirrors_of_docker_hub_and_the_others_are_named() {
    for body in [
        "
mutate:
  foreach:
  - list: request.object.spec.containers
    patchStrategicMerge:
      spec:
        containers:
        - name: '{{ element.name }}'
          image: \"{{ regex_replace_all('^(localhost/|(?:[a-z0-9]+[.])+[a-z0-9]+/)?(.*)$', '{{element.image}}', 'mirror.example.com/hub/$2' )}}\"
",
        "
mutate:
  foreach:
  - list: request.object.spec.containers
    patchStrategicMerge:
      spec:
        containers:
        - name: '{{ element.name }}'
          image: mirror.example.com/hub/{{ images.containers.\"{{element.name}}\".path}}:{{images.containers.\"{{element.name}}\".tag}}
",
    ] {
        let import = imported(&policy(body));
        let document = import.document();
        assert!(
            document.contains("    - from: \"docker.io/**\"\n      to: \"mirror.example.com/hub/**\"\n"),
            "{document}"
        );
        assert!(document.contains("mode: audit\n"), "{document}");
        assert_eq!(import.remarks().len(), 1);
        assert!(!import.is_complete());
    }
}

#[test]
fn resolved_digests_are_pinned() {
    let import = imported(&policy(
        "
mutate:
  foreach:
  - list: request.object.spec.containers
    context:
    - name: resolvedRef
      imageRegistry: {reference: '{{ element.image }}', jmesPath: resolvedImage}
    patchStrategicMerge:
      spec:
        containers:
        - name: '{{ element.name }}'
          image: '{{ resolvedRef }}'
",
    ));
    assert!(
        import
            .document()
            .contains("  pinDigests:\n    - repositories: \"**\"\n"),
        "{}",
        import.document()
    );
    assert!(import.is_complete(), "{:?}", remarks(&import));
}

#[test]
fn pull_secrets_and_pull_policies_are_mutations() {
    let import = imported(&policy(
        "
mutate:
  patchStrategicMerge:
    spec:
      containers:
      - <(image): registry.example.com/*
      imagePullSecrets:
      - name: my-secret
",
    ));
    assert!(
        import
            .document()
            .contains("- repositories: \"registry.example.com/**\"\n      secret: my-secret\n"),
        "{}",
        import.document()
    );
    let import = imported(&policy(
        "
mutate:
  patchStrategicMerge:
    spec:
      containers:
      - (image): '*:latest | !*:*'
        imagePullPolicy: Always
",
    ));
    assert!(
        import
            .document()
            .contains("- tags: [latest]\n      policy: Always\n"),
        "{}",
        import.document()
    );
}

#[test]
fn an_exception_for_namespaces_is_an_exemption() {
    let text = policy("validate: {pattern: {spec: {containers: [{image: '*@*'}]}}}")
        + "---
apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: let-ci, namespace: platform}
spec:
  exceptions: [{policyName: example, ruleNames: [check]}]
  match: {any: [{resources: {kinds: [Pod], namespaces: ['ci-*']}}]}
---
apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: let-tool}
spec:
  exceptions: [{policyName: example, ruleNames: [check]}]
  match: {any: [{resources: {kinds: [Pod], names: ['tool*'], namespaces: [tools]}}]}
---
apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: let-other}
spec:
  exceptions: [{policyName: other, ruleNames: [check]}]
  match: {any: [{resources: {kinds: [Pod], namespaces: [tools]}}]}
";
    let import = imported(&text);
    let document = import.document();
    assert!(document.contains("  - name: let-ci\n"), "{document}");
    assert!(
        document.contains("    rules: [check]\n    namespaces: [\"ci-*\"]\n"),
        "{document}"
    );
    assert!(!document.contains("let-tool"), "{document}");
    let remarks = remarks(&import);
    assert_eq!(remarks.len(), 3, "{remarks:?}");
    assert!(
        remarks[1].starts_with("input.yaml:24: not taken: PolicyException let-tool, spec.match: "),
        "{remarks:?}"
    );
    assert_eq!(
        remarks[2],
        "input.yaml:26: not taken: PolicyException let-other: no rule that was taken is of the policy \"other\"; name its file too"
    );
}

#[test]
fn what_a_rule_selects_is_taken_or_named() {
    let import = imported(
        "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: example}
spec:
  validationFailureAction: Audit
  emitWarning: true
  rules:
  - name: check
    match:
      any:
      - resources: {kinds: [Pod], namespaces: [prod-*], selector: {matchLabels: {app: web}}}
    exclude:
      any:
      - resources: {namespaces: [prod-test]}
      - subjects: [{kind: User, name: admin}, {kind: ServiceAccount, name: bot, namespace: ci}]
      - resources: {namespaces: [prod-x], names: [tool]}
    preconditions:
      all:
      - {key: '{{ request.object.metadata.labels.tier }}', operator: Equals, value: gold}
    validate:
      message: 'for {{ request.object.metadata.name }}'
      pattern:
        metadata: {labels: {app: '?*'}}
        spec: {containers: [{image: '*@*', imagePullPolicy: Always}]}
    verifyImages:
    - imageReferences: ['*']
  - name: signed
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages: [{imageReferences: ['*']}]
",
    );
    let fields: Vec<_> = import
        .remarks()
        .iter()
        .map(|remark| remark.field().to_owned())
        .collect();
    assert_eq!(
        fields,
        [
            "spec.rules[0].match.any[0].resources.selector",
            "spec.rules[0].exclude.any[2]",
            "spec.rules[0].preconditions.all[0]",
            "spec.rules[0].validate.pattern.metadata.labels.app",
            "spec.rules[0].validate.pattern.spec.containers[0].imagePullPolicy",
            "spec.rules[0].validate.pattern.spec.containers[0].image",
            "spec.rules[0].verifyImages[0]",
            "spec.rules[1].verifyImages[0]",
        ]
    );
    let document = import.document();
    for line in [
        "mode: warn\n",
        "include: [\"prod-*\"]\n",
        "exclude: [prod-test]\n",
        "exclude: [admin]\n",
        "exclude: [ci/bot]\n",
    ] {
        assert!(document.contains(line), "{line}{document}");
    }
    assert!(!document.contains("message"), "{document}");
}
