//! Policies that are expressions: the new kinds of Kyverno's library, and those of Kubernetes.

use crate::support::{assert_not_weaker, assert_verdicts, compiled, imported, remarks};

const ALL: &str = "  variables:
  - name: allContainers
    expression: object.spec.containers + object.spec.?initContainers.orValue([]) + object.spec.?ephemeralContainers.orValue([])
";

fn policy(kind: &str, body: &str) -> String {
    let group = if kind.contains("Admission") {
        "admissionregistration.k8s.io/v1"
    } else {
        "policies.kyverno.io/v1"
    };
    format!(
        "apiVersion: {group}
kind: {kind}
metadata: {{name: example}}
spec:
  matchConstraints:
    resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}}]
{body}"
    )
}

fn validating(expression: &str) -> String {
    let expression = expression.replace('"', "\\\"");
    policy(
        "ValidatingPolicy",
        &format!(
            "  validationActions: [Audit]\n{ALL}  validations:\n  - expression: \"{expression}\"\n    message: no\n"
        ),
    )
}

#[test]
fn a_tag_that_is_not_latest() {
    let import = imported(&policy(
        "ValidatingPolicy",
        "  validationActions: [Warn, Audit]
  validations:
  - expression: \"object.spec.containers.all(container, container.image.contains(':'))\"
    message: a tag is required
  - expression: \"object.spec.containers.all(container, !container.image.endsWith(':latest'))\"
",
    ));
    assert_verdicts(&import, |node| {
        (node.tag.is_some() || node.digest.is_some())
            && node
                .pulled_tag()
                .is_none_or(|tag| !tag.eq_ignore_ascii_case("latest"))
    });
    assert_not_weaker(&import, &[]);
    assert!(
        import.document().contains("mode: warn\n"),
        "{}",
        import.document()
    );
    assert!(import.is_complete());
}

#[test]
fn registries_digests_and_names() {
    let import = imported(&validating(
        "variables.allContainers.all(container, container.image.startsWith('registry.example.com/') || container.image.startsWith('quay.io/'))",
    ));
    assert_verdicts(&import, |node| {
        ["registry.example.com", "quay.io"].contains(&node.registry)
    });
    assert_not_weaker(&import, &[]);
    let import = imported(&validating(
        "variables.allContainers.all(container, container.image.contains('@'))",
    ));
    assert_verdicts(&import, |node| node.digest.is_some());
    let import = imported(&validating(
        "variables.allContainers.all(container, !container.image.startsWith('old.example.com/'))",
    ));
    assert_verdicts(&import, |node| {
        let registry = node.registry.to_lowercase();
        registry != "old.example.com" && !registry.starts_with("old.example.com:")
    });
    assert_not_weaker(&import, &[]);
    let import = imported(&validating(
        "variables.allContainers.all(container, ['myknownimage', 'nginx'].exists(repo, (container.image.contains('/') ? container.image.split('/')[container.image.split('/').size() - 1].split(':')[0] : container.image.split(':')[0]) == repo))",
    ));
    assert_verdicts(&import, |node| {
        ["myknownimage", "nginx"].contains(&node.path.rsplit('/').next().unwrap_or_default())
    });
    let import = imported(&validating(
        "object.spec.?ephemeralContainers.orValue([]).size() == 0",
    ));
    assert!(
        import.document().contains("image.kind != 'ephemeral'"),
        "{}",
        import.document()
    );
}

#[test]
fn questions_to_registries_are_facts() {
    for (variables, expression, expected) in [
        (
            "  - {name: maxSizeBytes, expression: '2147483648'}\n",
            "variables.allContainers.all(container, image.GetMetadata(container.image).manifest.layers.map(layer, layer.size).sum() <= variables.maxSizeBytes)",
            "maxSize: \"2147483648\"\n",
        ),
        (
            "  - {name: maxAgeHours, expression: '4380'}\n  - {name: maxAge, expression: duration(string(variables.maxAgeHours) + 'h')}\n  - {name: cutoff, expression: time.now() - variables.maxAge}\n",
            "variables.allContainers.all(container, !has(image.GetMetadata(container.image).config.created) || timestamp(image.GetMetadata(container.image).config.created) >= variables.cutoff)",
            "maxAge: \"4380h\"\n",
        ),
        (
            "",
            "variables.allContainers.all(container, !has(image.GetMetadata(container.image).config.Volumes) || size(image.GetMetadata(container.image).config.?Volumes.orValue({})) == 0)",
            "volumes: {deny: [\"*\"]}\n",
        ),
    ] {
        let text = validating(expression).replace(ALL, &format!("{ALL}{variables}"));
        let import = imported(&text);
        assert!(
            import.document().contains(expected),
            "{}",
            import.document()
        );
        assert!(import.is_complete(), "{:?}", remarks(&import));
        assert!(compiled(&import).uses_facts());
    }
    let import = imported(&validating(
        "object.spec.containers.all(c, image.GetMetadata(c.image).config.architecture == 'arm64')",
    ));
    assert!(!import.is_complete());
}

#[test]
fn questions_to_registries_of_a_cluster_policy_are_facts() {
    for (context, condition, expected) in [
        (
            "imageRegistry: {reference: '{{ element.image }}', jmesPath: 'to_string(sum(manifest.layers[*].size))'}",
            "{key: 2Gi, operator: LessThan, value: '{{size}}'}",
            "maxSize: \"2Gi\"\n",
        ),
        (
            "imageRegistry: {reference: '{{ element.image }}'}",
            "{key: \"{{ time_since('', '{{ size.configData.created }}', '') }}\", operator: GreaterThan, value: 4380h}",
            "maxAge: \"4380h\"\n",
        ),
        (
            "imageRegistry: {reference: '{{ element.image }}'}",
            "{key: \"{{ size.configData.config.Volumes || '' | length(@) }}\", operator: GreaterThan, value: 0}",
            "volumes: {deny: [\"*\"]}\n",
        ),
    ] {
        let import = imported(&format!(
            "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {{name: example}}
spec:
  rules:
  - name: check
    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}
    validate:
      foreach:
      - list: request.object.spec.containers
        context: [{{name: size, {context}}}]
        deny: {{conditions: {{all: [{condition}]}}}}
"
        ));
        assert!(
            import.document().contains(expected),
            "{}",
            import.document()
        );
        assert!(import.is_complete(), "{:?}", remarks(&import));
        compiled(&import);
    }
}

#[test]
fn a_binding_gives_the_mode_and_the_namespaces() {
    let text = policy(
        "ValidatingAdmissionPolicy",
        "  validations:\n  - expression: \"object.spec.containers.all(c, c.image.contains('@'))\"\n",
    ) + "---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: binding}
spec:
  policyName: example
  validationActions: [Warn]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: prod}}}
";
    let import = imported(&text);
    for line in ["mode: warn\n", "include: [prod]\n", "digest: {}\n"] {
        assert!(import.document().contains(line), "{}", import.document());
    }
    assert!(import.is_complete(), "{:?}", remarks(&import));
}

#[test]
fn changes_that_are_expressions() {
    let mutating = |expression: &str| {
        policy(
            "MutatingPolicy",
            &format!(
                "  mutations:\n  - patchType: ApplyConfiguration\n    applyConfiguration:\n      expression: >-\n        {expression}\n"
            ),
        )
    };
    let import = imported(&mutating(
        "Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, image: 'mirror.example.com/' + c.image})}}",
    ));
    assert!(
        import
            .document()
            .contains("to: \"mirror.example.com/**\"\n"),
        "{}",
        import.document()
    );
    let import = imported(&mutating(
        "Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, image: image.GetMetadata(c.image).resolvedImage})}}",
    ));
    assert!(
        import.document().contains("pinDigests:\n"),
        "{}",
        import.document()
    );
    let import = imported(&mutating(
        "Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, imagePullPolicy: 'Always'})}}",
    ));
    assert!(!import.is_complete());
}

#[test]
fn portieris_allows_the_repositories_that_it_names() {
    let import = imported(
        "apiVersion: portieris.cloud.ibm.com/v1
kind: ClusterImagePolicy
metadata: {name: default}
spec:
  repositories:
  - {name: 'registry.example.com/*', policy: }
  - {name: 'quay.io/*', policy: {simple: {requirements: [{type: insecureAcceptAnything}]}}}
  - {name: 'registry.example.com/team/*', policy: {simple: {requirements: [{type: reject}]}}}
",
    );
    assert_verdicts(&import, |node| {
        let name = node.name();
        (node.registry == "registry.example.com" && !name.starts_with("registry.example.com/team/"))
            || node.registry == "quay.io"
    });
    assert_not_weaker(&import, &[]);
    assert!(import.is_complete(), "{:?}", remarks(&import));
}
