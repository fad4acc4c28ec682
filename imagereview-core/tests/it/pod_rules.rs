//! Rules over what a pod and its namespace say beside their images: pull policies and labels.

use imagereview_core::{
    Language, Location, Review, StringMap, decide,
    workload::{Manifest, Workload},
};

use super::support::{compile, document};

/// Decides each image of a manifest: the reason where it is denied, or nothing.
fn reasons(fields: &str, manifest: &str) -> Vec<String> {
    let policy = document(fields);
    let manifest: Manifest<'_> = serde_json::from_str(manifest).unwrap();
    let objects: Vec<Workload<'_>> = manifest.into_iter().collect::<Result<_, _>>().unwrap();
    let verdict = decide(&policy, &objects[0].review());
    let denials = verdict.denials();
    denials
        .map(|denial| {
            let path = denial.location().path().to_string();
            format!("{path}: {}", denial.reason().text(Language::English))
        })
        .collect()
}

const PODS: &str = r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"labels": {"team": "object"}},
    "spec": {"template": {"metadata": {"labels": {"team": "shop"}}, "spec": {
        "initContainers": [{"image": "a:latest"}, {"image": "a:1", "imagePullPolicy": ""}],
        "containers": [
            {"image": "a", "imagePullPolicy": "IfNotPresent"}, {"image": "a:1", "imagePullPolicy": "Always"},
            {"image": "a:1", "imagePullPolicy": "always"}, {"image": "a:LATEST"},
            {"image": "a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
            {"image": "a:latest@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}],
        "volumes": [{"image": {"reference": "a:1"}}, {"image": {"reference": "a:1", "pullPolicy": "Always"}}]}}}}"#;

#[test]
fn a_pull_policy_is_what_is_written_or_what_kubernetes_puts_there() {
    let rule = |allowed: &str| format!("rules: [{{name: r, imagePullPolicies: [{allowed}]}}]");
    let spec = "spec.template.spec";
    let of = |lists: &[(&str, &str)]| {
        let reasons = lists.iter();
        let reasons =
            reasons.map(|(path, policy)| format!("{spec}.{path}: its imagePullPolicy is {policy}"));
        reasons.collect::<Vec<_>>()
    };
    let not_always = of(&[
        ("containers[0].image", "IfNotPresent"),
        ("containers[2].image", "always"),
        ("containers[3].image", "IfNotPresent"),
        ("containers[4].image", "IfNotPresent"),
        ("initContainers[1].image", "IfNotPresent"),
        ("volumes[0].image.reference", "IfNotPresent"),
    ]);
    assert_eq!(reasons(&rule("Always"), PODS), not_always);
    assert_eq!(
        reasons(&rule("Always, IfNotPresent"), PODS),
        of(&[("containers[2].image", "always")])
    );
    assert_eq!(reasons(&rule("Never"), PODS).len(), 10);
}

/// An `ImageReview`, a Compose file and a bare reference have no containers.
#[test]
fn a_pull_policy_that_is_not_known_is_denied() {
    let policy = document("rules: [{name: r, imagePullPolicies: [Always, IfNotPresent, Never]}]");
    let review = Review::new().with_image("a:1", Location::new("spec.containers", 0, "image"));
    let verdict = decide(&policy, &review);
    let denial = verdict.denials().next().unwrap();
    assert_eq!(
        denial.reason().text(Language::English),
        "its imagePullPolicy is not known in this review"
    );
    let errors = compile("rules: [{name: r, imagePullPolicies: [always]}]").unwrap_err();
    assert!(errors.contains("did you mean \"Always\""), "{errors}");
}

/// A label that is known not to match puts a rule out of scope, and one that is not known does not.
#[test]
fn labels_limit_a_rule_as_far_as_they_are_known() {
    let deny = "maxImages: 0";
    let rule = |scope: &str| document(&format!("rules: [{{name: r, {deny}, scope: {{{scope}}}}}]"));
    let labels: StringMap<'_> = [("team", "shop"), ("long", &*"x".repeat(5_000))]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    let plain = Review::new().with_image("a:1", Location::new("IMAGE", 0, ""));
    for (pattern, is_in_scope) in [
        ("{team: shop}", true),
        ("{team: 's*'}", true),
        ("{team: other}", false),
        ("{Team: shop}", false),
        ("{env: '*'}", false),
        ("{team: shop, env: prod}", false),
        // What is too long to be compared may match.
        ("{long: z}", true),
    ] {
        let pod = rule(&format!("labels: {pattern}"));
        let namespace = rule(&format!("namespaceLabels: {pattern}"));
        let denied = |policy, review: &Review<'_>| !decide(policy, review).is_allowed();
        let of_pod = plain.clone().with_labels(&labels);
        let of_namespace = plain.clone().with_namespace_labels(&labels);
        assert_eq!(denied(&pod, &of_pod), is_in_scope, "{pattern}");
        assert_eq!(denied(&namespace, &of_namespace), is_in_scope, "{pattern}");
        assert!(denied(&pod, &of_namespace), "{pattern}");
        assert!(denied(&namespace, &of_pod), "{pattern}");
    }
    // Those of the pod, not of what creates it.
    for (team, denials) in [("shop", 10), ("object", 0)] {
        let fields = format!("rules: [{{name: r, {deny}, scope: {{labels: {{team: {team}}}}}}}]");
        assert_eq!(reasons(&fields, PODS).len(), denials, "{team}");
    }
}

#[test]
fn only_a_rule_that_says_so_can_be_exempted_from_by_a_comment() {
    let policy = document(
        "rules: [{name: a, maxImages: 1, inlineExemptions: allow}, {name: b, maxImages: 1}, \
         {name: c, maxImages: 1, inlineExemptions: deny}]",
    );
    for (rule, expected) in [("a", true), ("b", false), ("c", false), ("d", false)] {
        assert_eq!(policy.allows_inline_exemption(rule), expected, "{rule}");
    }
}
