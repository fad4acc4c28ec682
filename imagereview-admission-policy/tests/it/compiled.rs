//! Policies as objects, and what is refused.

use imagereview_admission_policy::{
    CompileError, CompiledPolicy, KubernetesVersion, LEAST_IMAGES, Options, ValidationAction,
    compile,
};
use imagereview_core::PolicySource;

/// A document of these fields, of which the first line is the fifth of the text.
fn document(fields: &str) -> String {
    format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata:\n  name: example\n{fields}"
    )
}

fn compiled(fields: &str, options: Options) -> Result<CompiledPolicy, CompileError> {
    compile(
        &[PolicySource::new("policy.yaml", &document(fields))],
        options,
    )
}

/// What is refused of a policy, a line each.
fn refused(fields: &str) -> String {
    match compiled(fields, Options::new()) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_cel_cannot_say_is_refused_with_its_rule_line_and_reason() {
    for (fields, expected) in [
        ("rules:\n- {name: a, digest: {}}\n", ""),
        (
            "rules:\n- {name: a, digest: {}}\n- {name: b, facts: {nonRoot: true}}\n",
            "policy.yaml:7: rule \"b\": facts and signatures are what a registry says",
        ),
        (
            "rules:\n- {name: a, signed: {by: {static: pass}}}\n",
            "policy.yaml:6: rule \"a\": facts and signatures are what a registry says",
        ),
        (
            "rules:\n- {name: a, attested: {predicateTypes: [spdx], by: {static: pass}}}\n",
            "policy.yaml:6: rule \"a\": facts and signatures are what a registry says",
        ),
        (
            "rules:\n- {name: a, imagePullPolicies: [Always]}\n",
            "policy.yaml:6: rule \"a\": imagePullPolicies are not compiled yet",
        ),
        (
            "rules:\n- {name: a, digest: {}, scope: {labels: {tier: gold}}}\n",
            "policy.yaml:6: rule \"a\": scope: labels are not compiled yet",
        ),
        (
            "scope: {namespaceLabels: {tier: gold}}\nrules:\n- {name: a, digest: {}}\n",
            "policy.yaml:1: document \"example\": scope: labels are not compiled yet",
        ),
        (
            "rules:\n- {name: a, registries: {allow: [a.*.example.com]}}\n",
            "policy.yaml:6: rule \"a\": registry: hosts with a star among their names are not compiled yet",
        ),
        (
            "rules:\n- {name: a, registries: {deny: [a.*.example.com]}}\n",
            "policy.yaml:6: rule \"a\": registry: hosts with a star among their names are not compiled yet",
        ),
        (
            "rules:\n- {name: a, expression: \"image.tag != ''\"}\n",
            "policy.yaml:6: rule \"a\": an expression of imagereview",
        ),
        (
            "rules:\n- {name: a, digest: {}}\nexemptions:\n- {name: e, reason: r, expires: 2027-01-31, images: [x]}\n",
            "policy.yaml:6: rule \"a\": the exemption \"e\" at line 8: it expires, and CEL has no clock",
        ),
        (
            "rules:\n- {name: a, tags: {allow: ['>=1.0.0-rc.1']}}\n",
            "policy.yaml:6: rule \"a\": tags: \">=1.0.0-rc.1\": CEL can't put pre-releases in their order",
        ),
        (
            "rules:\n- {name: a, tags: {deny: ['/a{1001}/']}}\n",
            "policy.yaml:6: rule \"a\": tags: \"/a{1001}/\": the regular expression repeats",
        ),
        (
            "rules:\n- {name: a, registries: {deny: [10.0.0.1]}}\n",
            "policy.yaml:6: rule \"a\": registry: \"10.0.0.1\": an IP address has many spellings",
        ),
        ("rules:\n- {name: a, registries: {allow: [10.0.0.1]}}\n", ""),
        (
            "rules:\n- {name: a, maxImages: 3, scope: {containers: [init]}}\n",
            "policy.yaml:6: rule \"a\": which images are too many",
        ),
        (
            "rules:\n- {name: a, maxImages: 3, digest: {}}\n",
            "policy.yaml:6: rule \"a\": maxImages is about a whole object",
        ),
        (
            "mutations: {fullNames: true}\nrules:\n- {name: a, digest: {}}\n",
            "policy.yaml:5: mutations: a ValidatingAdmissionPolicy changes nothing",
        ),
        (
            "customResources:\n- {apiVersion: a.example.com/v1, kind: Job, images: ['spec.jobs[*].steps[*].image']}\n\
             rules:\n- {name: a, digest: {}}\n",
            "policy.yaml:1: document \"example\": images are in lists of lists, which Kubernetes 1.30 can't join",
        ),
    ] {
        let found = refused(fields);
        assert!(
            if expected.is_empty() {
                found.is_empty()
            } else {
                found.starts_with(expected)
            },
            "{fields}\n{found}"
        );
    }
}

#[test]
fn what_is_left_out_is_named_and_the_rest_is_whole() {
    let fields = "rules:\n- {name: a, digest: {}}\n- {name: b, facts: {nonRoot: true}}\n";
    let partial = compiled(fields, Options::new().partially()).unwrap();
    assert_eq!(partial.left_out.len(), 1);
    assert_eq!(partial.left_out[0].subject(), "rule \"b\"");
    let alone = compiled("rules:\n- {name: a, digest: {}}\n", Options::new()).unwrap();
    let expressions = |policy: &CompiledPolicy| -> Vec<String> {
        let all = policy.validating.iter().flat_map(|one| &one.validations);
        all.map(|one| one.expression.clone()).collect()
    };
    assert_eq!(expressions(&partial), expressions(&alone));
}

#[test]
fn there_is_a_policy_for_each_mode_of_violations() {
    use ValidationAction::{Audit, Deny, Warn};

    let rule = "rules:\n- {name: a, digest: {}}\n";
    let weaker = "rules:\n- {name: a, mode: audit, digest: {}}\n";
    for (fields, policies) in [
        (
            rule,
            &[
                ("imagereview-example", true, &[Deny][..]),
                ("imagereview-example.warn", false, &[Warn, Audit]),
            ][..],
        ),
        (
            &format!("unchangedImages: enforce\n{rule}"),
            &[("imagereview-example", true, &[Deny])],
        ),
        (
            &format!("mode: warn\n{rule}"),
            &[("imagereview-example.warn", false, &[Warn, Audit])],
        ),
        (
            weaker,
            &[
                ("imagereview-example", true, &[Deny]),
                ("imagereview-example.warn", false, &[Warn, Audit]),
                ("imagereview-example.audit", false, &[Audit]),
            ],
        ),
    ] {
        let compiled = compiled(fields, Options::new()).unwrap();
        let found: Vec<_> = compiled
            .validating
            .iter()
            .map(|policy| (&*policy.name, policy.fails_closed, &*policy.actions))
            .collect();
        assert_eq!(found, policies, "{fields}");
    }
}

#[test]
fn static_manifests_have_the_names_that_the_api_server_wants() {
    let options = Options::new().as_static_manifests();
    let compiled = compiled("rules:\n- {name: a, digest: {}}\n", options).unwrap();
    for policy in &compiled.validating {
        assert!(policy.name.ends_with(".static.k8s.io"), "{}", policy.name);
        let yaml = policy.to_yaml();
        assert_eq!(
            yaml.matches(&*format!("name: {}\n", policy.name)).count(),
            2
        );
    }
}

#[test]
fn documents_of_one_name_are_refused() {
    let text = document("rules:\n- {name: a, digest: {}}\n");
    let other = document("rules:\n- {name: b, digest: {}}\n");
    let sources = [
        PolicySource::new("one.yaml", &text),
        PolicySource::new("two.yaml", &other),
    ];
    let error = compile(&sources, Options::new()).unwrap_err().to_string();
    assert!(
        error.starts_with("two.yaml:1: document \"example\": another document"),
        "{error}"
    );
}

/// A rule of many patterns.
fn patterns(count: usize, pattern: impl Fn(usize) -> String) -> String {
    let patterns: Vec<String> = (0..count).map(pattern).collect();
    format!(
        "rules:\n- name: a\n  repositories: {{allow: [{}]}}\n",
        patterns.join(", ")
    )
}

#[test]
fn patterns_by_the_thousand_are_said_until_the_api_server_would_stop() {
    let exact = |n: usize| format!("registry.example.com/team/app-{n}");
    let folders = |n: usize| format!("registry.example.com/team-{n}/**");
    let globs = |n: usize| format!("\"registry.example.com/*-{n}/app\"");
    for (pattern, fits, is_too_many) in [
        (exact as fn(usize) -> String, 2000, 3000),
        (folders, 500, 3000),
        (globs, 10, 500),
    ] {
        let compiled = compiled(&patterns(fits, pattern), Options::new()).unwrap();
        assert!(compiled.validating[0].cost.images >= LEAST_IMAGES);
        let refused = refused(&patterns(is_too_many, pattern));
        assert!(
            refused.starts_with("policy.yaml:6: rule \"a\": its patterns"),
            "{refused}"
        );
    }
}

#[test]
fn lists_of_lists_need_a_version_that_joins_them() {
    let fields = "customResources:\n\
                  - {apiVersion: a.example.com/v1, kind: Job, images: ['spec.jobs[*].steps[*].image']}\n\
                  rules:\n- {name: a, digest: {}}\n";
    let version: KubernetesVersion = "1.34".parse().unwrap();
    let compiled = compiled(fields, Options::new().for_kubernetes(version)).unwrap();
    assert!(compiled.validating[0].to_yaml().contains(".flatten()"));
}

#[test]
fn versions_of_kubernetes_are_read_or_refused() {
    for (text, read) in [
        ("1.30", Some("1.30")),
        ("v1.37.2", Some("1.37")),
        ("1.29", None),
        ("2.0", None),
        ("1", None),
        ("latest", None),
    ] {
        let version = text.parse::<KubernetesVersion>();
        let version = version.map(|version| version.to_string());
        assert_eq!(version.ok().as_deref(), read, "{text}");
    }
}
