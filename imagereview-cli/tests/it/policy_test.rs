//! The cases of `policy test`: what of a request they can give.

use std::fs;

use crate::support::run_in;

/// Each case is the reason for its verdict: without what it gives, the other would come.
#[test]
fn a_case_can_give_all_that_a_rule_may_depend_on() {
    let folder = tempfile::tempdir().unwrap();
    let rule = |name: &str, scope: &str| {
        format!("- {{name: {name}, scope: {{{scope}}}, repositories: {{deny: ['**/{name}']}}}}\n")
    };
    let policy = format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\nrules:\n{}{}{}{}{}{}",
        rule("container", "containers: [init]"),
        rule("kind", "kinds: {include: [Deployment]}"),
        rule("operation", "operations: [UPDATE]"),
        rule("label", "labels: {tier: gold}"),
        rule("namespace", "namespaceLabels: {env: prod}"),
        "- {name: user, expression: 'review.user == \"alice\" && \"ops\" in review.groups'}\n\
         - {name: old, repositories: {deny: ['**/old']}}\n\
         - {name: pull, scope: {images: {include: ['**/pull']}}, imagePullPolicies: [Always]}\n",
    );
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let cases = [
        ("container", "container: init", "denied"),
        ("container", "container: regular", "allowed"),
        ("kind", "kind: Deployment, apiVersion: apps/v1", "denied"),
        ("kind", "kind: Pod", "allowed"),
        ("operation", "operation: UPDATE", "denied"),
        ("operation", "operation: CREATE", "allowed"),
        ("label", "labels: {tier: gold}", "denied"),
        ("label", "labels: {tier: free}", "allowed"),
        ("label", "namespace: a", "denied"),
        ("namespace", "namespaceLabels: {env: prod}", "denied"),
        ("namespace", "namespaceLabels: {}", "allowed"),
        ("pull", "imagePullPolicy: Always", "allowed"),
        ("pull", "imagePullPolicy: Never", "denied"),
        ("pull", "kind: Pod", "denied"),
        ("old", "oldImages: []", "denied"),
        ("old", "oldImages: [old:1]", "allowed"),
        ("old", "oldImages: [old:1], operation: UPDATE", "allowed"),
        ("user", "user: alice, groups: [ops]", "allowed"),
        ("user", "user: alice, groups: [dev]", "denied"),
        ("user", "user: bob, groups: [ops]", "denied"),
    ];
    let case = |(n, (image, given, verdict)): (usize, &(&str, &str, &str))| {
        // What else a rule asks for must not decide.
        let user = if *image == "user" {
            ""
        } else {
            "user: alice, groups: [ops], "
        };
        format!(
            "- {{name: 'case {n}: {given}', images: ['{image}:1'], {user}{given}, expect: {verdict}}}\n"
        )
    };
    let tests = cases
        .iter()
        .enumerate()
        .map(case)
        .collect::<Vec<_>>()
        .concat();
    fs::write(
        folder.path().join("p_test.yaml"),
        format!("policy: policy.yaml\ntests:\n{tests}"),
    )
    .unwrap();
    let (status, stdout, stderr) = run_in(folder.path(), &["policy", "test"]);
    assert_eq!((status, &*stderr), (Some(0), ""), "{stdout}");
    assert!(stdout.ends_with("20 passed, 0 failed\n"), "{stdout}");

    let wrong = "policy: policy.yaml\ntests:\n- {name: a, images: [a], container: sidecar, expect: denied}\n";
    fs::write(folder.path().join("p_test.yaml"), wrong).unwrap();
    let (status, _, stderr) = run_in(folder.path(), &["policy", "test"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("sidecar"), "{stderr}");
}
