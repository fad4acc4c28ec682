//! What a policy document says about admission: scopes by user and object, custom resources,
//! mutations, and updates that leave images alone.

use super::support::{admission_review, compile, document};
use imagereview_core::{AdmissionReview, ImagePolicy, Mode, decide, facts::Facts};
use serde::de::DeserializeSeed;
use serde_json::{Value, json};

/// A request about a Pod of one image.
fn request(image: &str) -> Value {
    json!({
        "uid": "6f0d",
        "operation": "CREATE",
        "namespace": "shop",
        "userInfo": {"username": "ana", "groups": ["developers", "system:authenticated"]},
        "object": {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": image}]}},
    })
}

fn allowed(policy: &ImagePolicy, request: &Value) -> bool {
    let bytes = admission_review(request);
    let request = AdmissionReview::from_slice_with(bytes.as_bytes(), policy.kinds()).unwrap();
    decide(policy, &request.review()).is_allowed()
}

#[test]
fn scopes_know_the_user_the_operation_and_the_kind() {
    let account = "system:serviceaccount:ci:deployer";
    for (scope, user, operation, applies) in [
        ("kinds: {include: [Pod]}", "ana", "CREATE", true),
        (
            "kinds: {include: [Deployment, '*Set']}",
            "ana",
            "CREATE",
            false,
        ),
        ("kinds: {exclude: [Pod]}", "ana", "CREATE", false),
        ("operations: [CREATE]", "ana", "CREATE", true),
        ("operations: [CREATE]", "ana", "UPDATE", false),
        ("users: {include: ['a*']}", "ana", "CREATE", true),
        ("users: {include: ['a*']}", "bob", "CREATE", false),
        (
            "users: {exclude: ['system:node:*']}",
            "system:node:a",
            "CREATE",
            false,
        ),
        ("users: {exclude: ['system:node:*']}", "ana", "CREATE", true),
        ("groups: {include: [developers]}", "ana", "CREATE", true),
        ("groups: {include: [admins]}", "ana", "CREATE", false),
        ("groups: {exclude: [developers]}", "ana", "CREATE", false),
        (
            "serviceAccounts: {include: ['ci/*']}",
            account,
            "CREATE",
            true,
        ),
        (
            "serviceAccounts: {include: ['ci/*']}",
            "ana",
            "CREATE",
            false,
        ),
        (
            "serviceAccounts: {exclude: ['ci/deployer']}",
            account,
            "CREATE",
            false,
        ),
        (
            "serviceAccounts: {exclude: ['ci/deployer']}",
            "ana",
            "CREATE",
            true,
        ),
    ] {
        let policy = document(&format!(
            "scope: {{{scope}}}\nrules: [{{name: rule, tags: {{deny: [latest]}}}}]"
        ));
        let mut request = request("nginx");
        request["operation"] = operation.into();
        request["userInfo"]["username"] = user.into();
        assert_eq!(
            allowed(&policy, &request),
            !applies,
            "{scope} {user} {operation}"
        );
    }
    // An ImageReview tells neither, and no rule is skipped for want of knowledge.
    let policy = document(
        "scope: {users: {exclude: ['*']}, kinds: {include: [None]}, operations: [UPDATE]}\nrules: [{name: rule, tags: {deny: [latest]}}]",
    );
    assert!(!decide(&policy, &["nginx"].into_iter().collect()).is_allowed());
}

#[test]
fn unchanged_images_count_for_what_the_document_says() {
    for (setting, mode) in [
        ("", Mode::Warn),
        ("unchangedImages: audit", Mode::Audit),
        ("unchangedImages: enforce", Mode::Enforce),
    ] {
        let policy = document(&format!(
            "{setting}\nrules: [{{name: rule, tags: {{deny: [latest]}}}}]"
        ));
        let mut request = request("nginx");
        request["operation"] = "UPDATE".into();
        request["oldObject"] = request["object"].clone();
        let bytes = admission_review(&request);
        let request = AdmissionReview::from_slice(bytes.as_bytes()).unwrap();
        let verdict = decide(&policy, &request.review());
        assert_eq!(verdict.violations()[0].mode(), mode, "{setting}");
    }
}

#[test]
fn custom_resources_are_looked_into_where_the_document_says() {
    let policy = document(
        "customResources:
  - {apiVersion: tekton.dev/v1, kind: Task, images: ['spec.steps[*].image']}
  - {apiVersion: argoproj.io/*, kind: Rollout, podSpecs: [spec.template.spec]}
rules: [{name: rule, tags: {deny: [latest]}}]",
    );
    for (api_version, kind, spec, denied) in [
        (
            "tekton.dev/v1",
            "Task",
            json!({"steps": [{"image": "a:1"}, {"image": "b"}]}),
            true,
        ),
        (
            "tekton.dev/v1",
            "Task",
            json!({"steps": [{"image": "a:1"}]}),
            false,
        ),
        (
            "tekton.dev/v1",
            "Other",
            json!({"steps": [{"image": "b"}]}),
            false,
        ),
        (
            "argoproj.io/v1alpha1",
            "Rollout",
            json!({"template": {"spec": {"initContainers": [{"image": "b"}]}}}),
            true,
        ),
    ] {
        let mut request = request("nginx:1");
        request["object"] = json!({"apiVersion": api_version, "kind": kind, "spec": spec});
        assert_eq!(!allowed(&policy, &request), denied, "{kind} {spec}");
    }
}

#[test]
fn mutations_apply_where_the_document_is_about_the_review() {
    let policy = document(
        "scope: {namespaces: {exclude: [dev]}}
mutations:
  mirrors: [{from: docker.io/**, to: mirror.example.com/hub/**}]
  fullNames: true
  impliedTags: true
  pullPolicies: [{tags: [latest], policy: Always}]
  pullSecrets: [{repositories: mirror.example.com/**, secret: mirror}]
rules: [{name: mirrored, registries: {allow: [mirror.example.com]}}]",
    );
    for (namespace, image, expected) in [
        (
            "shop",
            "nginx",
            json!([
                {"op": "replace", "path": "/spec/containers/0/image",
                 "value": "mirror.example.com/hub/library/nginx:latest"},
                {"op": "add", "path": "/spec/containers/0/imagePullPolicy", "value": "Always"},
                {"op": "add", "path": "/spec/imagePullSecrets", "value": [{"name": "mirror"}]},
            ]),
        ),
        (
            "shop",
            "mirror.example.com/hub/library/nginx:1",
            json!([{"op": "add", "path": "/spec/imagePullSecrets", "value": [{"name": "mirror"}]}]),
        ),
        ("dev", "nginx", json!([])),
    ] {
        let mut request_json = request(image);
        request_json["namespace"] = namespace.into();
        let bytes = admission_review(&request_json);
        let mut request = AdmissionReview::from_slice(bytes.as_bytes()).unwrap();
        let patch = policy.mutate(&mut request, &Facts::new());
        assert_eq!(
            serde_json::to_value(&patch).unwrap(),
            expected,
            "{image} in {namespace}"
        );
        assert!(
            decide(&policy, &request.review()).is_allowed(),
            "{image} in {namespace}"
        );
        assert!(
            policy.mutate(&mut request, &Facts::new()).0.is_empty(),
            "a second pass"
        );

        // The same of the object alone, which names the namespace itself.
        let mut object = request_json["object"].take();
        object["metadata"] = json!({"namespace": namespace});
        let object = object.to_string();
        let mut json = serde_json::Deserializer::from_str(&object);
        let manifest = policy.kinds().deserialize(&mut json).unwrap();
        for object in manifest {
            let patch = policy.mutate_object(&mut object.unwrap(), &Facts::new());
            let patch = serde_json::to_value(&patch).unwrap();
            assert_eq!(patch, expected, "{image} in {namespace}");
        }
    }
}

#[test]
fn a_policy_tells_whether_it_has_mutations() {
    for (mutations, expected) in [
        ("", false),
        ("mutations: {fullNames: false}\n", false),
        ("mutations: {fullNames: true}\n", true),
    ] {
        let policy = document(&format!(
            "{mutations}rules: [{{name: digest, digest: {{}}}}]"
        ));
        assert_eq!(policy.has_mutations(), expected, "{mutations}");
    }
}

#[test]
fn mistakes_in_mutations_and_custom_resources_are_reported_with_their_position() {
    let rules = "rules: [{name: a, maxImages: 1}]";
    for (declared, expected) in [
        (
            "mutations: {mirrors: [{from: docker.io/**, to: mirror.example.com/x}]}",
            "policy.yaml:4:23: mutations.mirrors[0]: docker.io/** and mirror.example.com/x do not fit",
        ),
        (
            "mutations: {mirrors: [{from: a.example/**, to: b.example/**}, {from: a.example/x/**, to: c.example/**}]}",
            "policy.yaml:4:12: mutations: the mirror of a.example/x/** never applies",
        ),
        (
            "mutations: {impliedTags: true}",
            "policy.yaml:4:12: mutations: impliedTags does nothing",
        ),
        (
            "mutations: {pullPolicies: [{tags: [latest], policy: always}]}",
            r#"policy.yaml:4:53: mutations.pullPolicies[0].policy: "always" is none of Always, IfNotPresent, Never; did you mean "Always"?"#,
        ),
        (
            "customResources: [{apiVersion: v1, kind: Task, images: [spec.image]}]",
            r#"policy.yaml:4:19: customResources[0]: "v1" is no apiVersion of a custom resource"#,
        ),
        (
            "customResources: [{apiVersion: a.example/v1, kind: Task}]",
            "policy.yaml:4:19: customResources[0]: this declares no location",
        ),
        (
            "customResources: [{apiVersion: a.example/v1, kind: Task, images: ['spec.x[0]']}]",
            "policy.yaml:4:67: customResources[0].images[0]: only [*], for every element, is allowed in brackets",
        ),
    ] {
        let found = compile(&format!("{declared}\n{rules}")).expect_err(declared);
        assert!(
            found.starts_with(expected),
            "\nfound:    {found}\nexpected: {expected}"
        );
    }
}
