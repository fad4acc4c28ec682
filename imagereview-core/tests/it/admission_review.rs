//! `AdmissionReview` in and out: what the API server sends, and what someone else could.

use imagereview_core::{
    AdmissionResponse, AdmissionReview, AllowAll, DecodeError, ImagePolicy, Language, Mode, Modes,
    NoLatestTag, Operation, Policy, PolicySource, Review, Verdict, Violation, decide,
    facts::Facts,
    mutation::{MirrorRule, Mirrors, Mutations},
    wire::{WARNING_LIMIT, WARNINGS_LIMIT},
    workload::{CustomResource, WorkloadKinds},
};
use proptest::prelude::*;
use serde::Deserialize as _;
use serde_json::{Value, json};

/// What the API server sends, after the Kubernetes documentation.
macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../data/admission/", $name, ".json"))
    };
}

fn answer(policy: &impl Policy, json: &str) -> Value {
    let request = AdmissionReview::from_slice(json.as_bytes()).expect(json);
    let verdict = decide(policy, &request.review());
    serde_json::to_value(AdmissionResponse::new(
        &request,
        &verdict,
        Language::English,
    ))
    .unwrap()
}

/// One sample, and what should come of it.
struct Row {
    json: &'static str,
    operation: Operation,
    kind: &'static str,
    user: &'static str,
    name: Option<&'static str>,
    /// Image, place, whether it was there before.
    images: &'static [(&'static str, &'static str, bool)],
    denied: &'static [&'static str],
    warned: &'static [&'static str],
}

const ADMIN: &str = "kubernetes-admin";

const SAMPLES: [Row; 10] = [
    Row {
        json: sample!("pod-create"),
        operation: Operation::Create,
        kind: "v1 Pod",
        user: ADMIN,
        name: Some("web"),
        images: &[
            (
                "nginx:1.27",
                r#"container "web", spec.containers[0].image"#,
                false,
            ),
            (
                "envoyproxy/envoy",
                r#"container "proxy", spec.containers[1].image"#,
                false,
            ),
            (
                "registry.example.com/shop/migrate:3",
                r#"container "migrate", spec.initContainers[0].image"#,
                false,
            ),
        ],
        denied: &["envoyproxy/envoy"],
        warned: &[],
    },
    Row {
        json: sample!("pod-create-by-replicaset"),
        operation: Operation::Create,
        kind: "v1 Pod",
        user: "system:serviceaccount:kube-system:replicaset-controller",
        name: None,
        images: &[(
            "nginx:1.27",
            r#"container "web", spec.containers[0].image"#,
            false,
        )],
        denied: &[],
        warned: &[],
    },
    // A terminating pod whose finalizer goes: its image was let in before.
    Row {
        json: sample!("pod-update-finalizer"),
        operation: Operation::Update,
        kind: "v1 Pod",
        user: ADMIN,
        name: Some("web"),
        images: &[(
            "nginx",
            r#"container "web", spec.containers[0].image"#,
            true,
        )],
        denied: &[],
        warned: &["nginx"],
    },
    Row {
        json: sample!("pod-update-image"),
        operation: Operation::Update,
        kind: "v1 Pod",
        user: ADMIN,
        name: Some("web"),
        images: &[(
            "redis",
            r#"container "web", spec.containers[0].image"#,
            false,
        )],
        denied: &["redis"],
        warned: &[],
    },
    // The object is the whole pod; only the ephemeral container is new.
    Row {
        json: sample!("pod-ephemeralcontainers"),
        operation: Operation::Update,
        kind: "v1 Pod",
        user: ADMIN,
        name: Some("web"),
        images: &[
            (
                "nginx",
                r#"container "web", spec.containers[0].image"#,
                true,
            ),
            (
                "busybox",
                r#"container "debugger-x2b9d", spec.ephemeralContainers[0].image"#,
                false,
            ),
        ],
        denied: &["busybox"],
        warned: &["nginx"],
    },
    Row {
        json: sample!("pod-delete"),
        operation: Operation::Delete,
        kind: "v1 Pod",
        user: "system:node:node-1",
        name: Some("web"),
        images: &[],
        denied: &[],
        warned: &[],
    },
    Row {
        json: sample!("pod-exec"),
        operation: Operation::Connect,
        kind: "v1 PodExecOptions",
        user: ADMIN,
        name: Some("web"),
        images: &[],
        denied: &[],
        warned: &[],
    },
    Row {
        json: sample!("deployment-create"),
        operation: Operation::Create,
        kind: "apps/v1 Deployment",
        user: ADMIN,
        name: Some("web"),
        images: &[
            (
                "nginx:latest",
                r#"container "web", spec.template.spec.containers[0].image"#,
                false,
            ),
            (
                "registry.example.com/shop/migrate:3",
                r#"container "migrate", spec.template.spec.initContainers[0].image"#,
                false,
            ),
        ],
        denied: &["nginx:latest"],
        warned: &[],
    },
    Row {
        json: sample!("deployment-update"),
        operation: Operation::Update,
        kind: "apps/v1 Deployment",
        user: ADMIN,
        name: Some("web"),
        images: &[
            (
                "nginx:latest",
                r#"container "web", spec.template.spec.containers[0].image"#,
                true,
            ),
            (
                "quay.example/exporter",
                r#"container "metrics", spec.template.spec.containers[1].image"#,
                false,
            ),
            (
                "registry.example.com/shop/migrate:3",
                r#"container "migrate", spec.template.spec.initContainers[0].image"#,
                true,
            ),
        ],
        denied: &["quay.example/exporter"],
        warned: &["nginx:latest"],
    },
    Row {
        json: sample!("deployment-scale"),
        operation: Operation::Update,
        kind: "autoscaling/v1 Scale",
        user: ADMIN,
        name: Some("web"),
        images: &[],
        denied: &[],
        warned: &[],
    },
];

#[test]
fn samples_are_read_and_decided() {
    SAMPLES.iter().for_each(check);
}

fn check(row: &Row) {
    let json = row.json;
    let request = AdmissionReview::from_slice(json.as_bytes()).expect(json);
    let review = request.review();
    assert_eq!(review.operation(), Some(row.operation), "{json}");
    assert_eq!(review.kind().unwrap().to_string(), row.kind, "{json}");
    assert_eq!(review.user().unwrap().name(), row.user, "{json}");
    assert!(
        review.user().unwrap().is_in("system:authenticated"),
        "{json}"
    );
    assert_eq!(review.namespace(), Some("shop"), "{json}");
    assert_eq!(review.name(), row.name, "{json}");

    let images: Vec<(&str, String, bool)> = review
        .images()
        .iter()
        .map(|image| {
            let location = image.location().to_string();
            (
                image.reference().as_written(),
                location,
                image.is_unchanged(),
            )
        })
        .collect();
    let expected = row.images.iter();
    let expected: Vec<(&str, String, bool)> = expected
        .map(|(image, location, unchanged)| (*image, (*location).to_owned(), *unchanged))
        .collect();
    assert_eq!(images, expected, "{json}");

    let verdict = decide(&NoLatestTag, &review);
    let of = |mode| -> Vec<&str> {
        let violations = verdict.violations().iter();
        let of_mode = violations.filter(|violation| violation.mode() == mode);
        let images: Option<_> = of_mode.map(Violation::image).collect();
        images.expect("every violation is of an image")
    };
    assert_eq!(of(Mode::Enforce), row.denied, "{json}");
    assert_eq!(of(Mode::Warn), row.warned, "{json}");

    let request_json: Value = serde_json::from_str(json).unwrap();
    let answer = answer(&NoLatestTag, json);
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["kind"], "AdmissionReview");
    let response = &answer["response"];
    assert_eq!(response["uid"], request_json["request"]["uid"], "{json}");
    assert_eq!(response["allowed"], row.denied.is_empty(), "{json}");
    let warnings = response["warnings"].as_array().map_or(0, Vec::len);
    assert_eq!(warnings, row.warned.len(), "{json}");
    // A validating response with either of them is an error.
    assert!(response.get("patch").is_none() && response.get("patchType").is_none());
}

#[test]
fn a_denial_is_what_the_api_server_reads() {
    assert_eq!(
        answer(&NoLatestTag, sample!("pod-ephemeralcontainers")),
        json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": {
                "uid": "5b1d7c2e-3a44-4d2f-9a53-0c6f3c1f7a05",
                "allowed": false,
                "status": {
                    "message": "image check failed: image \"busybox\" (container \"debugger-x2b9d\", \
                                spec.ephemeralContainers[0].image) breaks rule \"no-latest-tag\": it \
                                has no tag, which means \"latest\"; write a fixed tag or a digest",
                    "reason": "Forbidden",
                    "code": 403,
                },
                "auditAnnotations": {"denied-by": "no-latest-tag", "warned-by": "no-latest-tag"},
                "warnings": ["\"nginx\" breaks \"no-latest-tag\": it has no tag, which means \"latest\""],
            },
        })
    );
}

#[test]
fn dry_run_labels_and_annotations_are_reported() {
    let request = AdmissionReview::from_slice(sample!("deployment-create").as_bytes()).unwrap();
    let review = request.review();
    assert!(review.is_dry_run());
    assert_eq!(review.annotation("team"), Some("storefront"));
    assert_eq!(review.label("app"), Some("web"));

    let request = AdmissionReview::from_slice(sample!("pod-create").as_bytes()).unwrap();
    let review = request.review();
    assert!(!review.is_dry_run());
    assert_eq!(
        review.annotation("shop.image-policy.k8s.io/break-glass"),
        Some("INC-42")
    );

    let request =
        AdmissionReview::from_slice(sample!("pod-create-by-replicaset").as_bytes()).unwrap();
    assert_eq!(
        request.user().service_account(),
        Some(("kube-system", "replicaset-controller"))
    );
}

/// Says what becomes of images that were there before.
struct Strict(Mode);

impl Policy for Strict {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        NoLatestTag.evaluate(review)
    }

    fn modes(&self, _: &Review<'_>) -> Modes {
        Modes::default().with_unchanged(self.0)
    }
}

/// Finds nothing, and would deny what it found.
struct NothingFound;

impl Policy for NothingFound {
    fn evaluate(&self, _: &Review<'_>) -> Verdict {
        Verdict::allowed()
    }

    fn modes(&self, _: &Review<'_>) -> Modes {
        Modes::default().with_unchanged(Mode::Enforce)
    }
}

#[test]
fn a_policy_may_ask_that_unchanged_images_be_denied_or_only_recorded() {
    let json = sample!("pod-update-finalizer");
    let request = AdmissionReview::from_slice(json.as_bytes()).unwrap();
    let mode = |policy: &dyn Policy| {
        let verdict = decide(policy, &request.review());
        let modes = verdict.violations().iter().map(Violation::mode);
        modes.max().unwrap()
    };
    for strict in [Mode::Enforce, Mode::Warn, Mode::Audit] {
        assert_eq!(mode(&Strict(strict)), strict);
        assert_eq!(mode(&Strict(strict).when(|_: &Review<'_>| true)), strict);
        assert_eq!(mode(&Strict(strict).in_mode(Mode::Enforce)), strict);
        assert_eq!(mode(&vec![Strict(Mode::Audit), Strict(strict)]), strict);
        // A mode only ever weakens.
        assert_eq!(mode(&Strict(strict).in_mode(Mode::Audit)), Mode::Audit);
    }
    assert_eq!(mode(&Strict(Mode::Enforce).and(NoLatestTag)), Mode::Enforce);
    assert_eq!(mode(&Strict(Mode::Enforce).or(NoLatestTag)), Mode::Warn);
    // What one policy asks for what it finds itself hardens nothing that another finds.
    for lenient in [
        &AllowAll.and(Strict(Mode::Audit)) as &dyn Policy,
        &NoLatestTag.in_mode(Mode::Audit).and(NothingFound),
        &vec![
            Box::new(NothingFound) as Box<dyn Policy>,
            Box::new(Strict(Mode::Audit)),
        ],
    ] {
        assert_eq!(mode(lenient), Mode::Audit);
    }
    assert_eq!(mode(&NoLatestTag), Mode::Warn);
}

fn request(request: &str) -> String {
    format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{request}}}"#
    )
}

/// A request about a Pod with these members.
fn pod_request(operation: &str, object: &str, old: &str) -> String {
    request(&format!(
        r#"{{"uid":"u","kind":{{"group":"","version":"v1","kind":"Pod"}},"operation":"{operation}","object":{object},"oldObject":{old}}}"#
    ))
}

fn pod(image: &str) -> String {
    format!(r#"{{"apiVersion":"v1","kind":"Pod","spec":{{"containers":[{{"image":"{image}"}}]}}}}"#)
}

#[test]
fn what_is_new_is_distinguished_from_the_old_object_of_an_update_alone() {
    let moved = r#"{"apiVersion":"v1","kind":"Pod","spec":{"initContainers":[{"image":"nginx"}]}}"#;
    for (operation, object, old, unchanged) in [
        ("UPDATE", pod("nginx"), pod("nginx"), true),
        ("UPDATE", pod("nginx"), moved.to_owned(), false),
        // The same to the node, but not as written: whoever writes it can write it right.
        ("UPDATE", pod("nginx:latest"), pod("nginx"), false),
        ("UPDATE", pod("nginx"), pod("redis"), false),
        ("UPDATE", pod("nginx"), "null".to_owned(), false),
        (
            "UPDATE",
            pod("nginx"),
            r#"{"apiVersion":"v1","kind":"Pod","spec":7}"#.to_owned(),
            false,
        ),
        ("UPDATE", pod("Foo/x"), pod("Foo/x"), true),
        ("UPDATE", pod("Foo/x"), pod("nginx"), false),
        ("CREATE", pod("nginx"), pod("nginx"), false),
        ("PATCH", pod("nginx"), pod("nginx"), false),
    ] {
        let json = pod_request(operation, &object, &old);
        let allowed = &answer(&NoLatestTag, &json)["response"]["allowed"];
        assert_eq!(*allowed, unchanged, "{json}");
    }
}

/// What was let in at one place is not let in at another.
#[test]
fn an_image_that_stood_elsewhere_in_the_object_is_new() {
    let app = r#""containers":[{"name":"app","image":"nginx"}]"#;
    let volume = r#""volumes":[{"name":"v","image":{"reference":"redis"}}]"#;
    for (what, old, new, allowed) in [
        ("nothing changes", app.to_owned(), app.to_owned(), true),
        (
            "containers change places",
            r#""containers":[{"name":"a","image":"nginx"},{"name":"b","image":"redis"}]"#.into(),
            r#""containers":[{"name":"b","image":"redis"},{"name":"a","image":"nginx"}]"#.into(),
            true,
        ),
        (
            "an ephemeral container has the image of the pod",
            app.into(),
            format!(r#"{app},"ephemeralContainers":[{{"name":"debug","image":"nginx"}}]"#),
            false,
        ),
        (
            "an ephemeral container is named like the one whose image it has",
            app.into(),
            format!(r#"{app},"ephemeralContainers":[{{"name":"app","image":"nginx"}}]"#),
            false,
        ),
        (
            "a container has the image of a volume",
            format!(r#""containers":[{{"name":"app","image":"a:1"}}],{volume}"#),
            format!(r#""containers":[{{"name":"app","image":"redis"}}],{volume}"#),
            false,
        ),
        (
            "a container is added",
            app.into(),
            r#""containers":[{"name":"app","image":"nginx"},{"name":"b","image":"nginx"}]"#.into(),
            false,
        ),
        (
            "a container has the image of another",
            r#""containers":[{"name":"a","image":"a:1"},{"name":"b","image":"nginx"}]"#.into(),
            r#""containers":[{"name":"a","image":"nginx"},{"name":"b","image":"nginx"}]"#.into(),
            false,
        ),
    ] {
        let pod = |spec| format!(r#"{{"apiVersion":"v1","kind":"Pod","spec":{{{spec}}}}}"#);
        let json = pod_request("UPDATE", &pod(new), &pod(old));
        let answer = &answer(&NoLatestTag, &json)["response"];
        assert_eq!(answer["allowed"], allowed, "{what}");
    }
}

/// A terminating object loses its finalizers by an update, however it got in.
#[test]
fn an_object_that_was_as_unreadable_before_is_not_denied_for_it() {
    let pod = |spec: &str, finalizers: &str| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"finalizers":{finalizers}}},"spec":{spec}}}"#
        )
    };
    let (broken, other) = (
        r#"{"containers":{"image":7}}"#,
        r#"{"containers":{"image":7},"initContainers":[{"image":"nginx"}]}"#,
    );
    for (operation, old, new, allowed) in [
        ("UPDATE", broken, broken, true),
        // The error is the same, and what is behind it is not.
        ("UPDATE", broken, other, false),
        ("UPDATE", r#"{"containers":[]}"#, broken, false),
        ("CREATE", broken, broken, false),
        // Of what has two readings nobody can say that it is the same.
        (
            "UPDATE",
            r#"{"containers":[{"image":"a:1","Image":"b:1"}]}"#,
            r#"{"containers":[{"image":"a:1","Image":"c:1"}]}"#,
            false,
        ),
    ] {
        let json = pod_request(
            operation,
            &pod(new, "[]"),
            &pod(old, r#"["example.com/f"]"#),
        );
        let answer = &answer(&NoLatestTag, &json)["response"];
        assert_eq!(answer["allowed"], allowed, "{operation} {old} {new}");
    }
}

/// What a request omits puts it into no scope, and out of none.
#[test]
fn what_a_request_does_not_tell_counts_as_a_match() {
    let scoped = |scope: &str| {
        let text = format!(
            r#"{{"apiVersion": "imagereview/v1alpha1", "kind": "ImagePolicy", "metadata": {{"name": "p"}},
            "scope": {scope}, "rules": [{{"name": "r", "tags": {{"deny": ["latest"]}}}}]}}"#
        );
        ImagePolicy::compile([PolicySource::new("p.json", &text)]).unwrap()
    };
    let untyped = r#"{"spec":{"containers":[{"image":"nginx"}]}}"#;
    for (what, scope, json) in [
        (
            "annotations of an object that cannot be read",
            r#"{"annotations": {"t.image-policy.k8s.io/tier": "gold"}}"#,
            pod_request(
                "CREATE",
                r#"{"apiVersion":"v1","kind":"Pod","spec":7}"#,
                "null",
            ),
        ),
        (
            "its kind",
            r#"{"kinds": {"include": ["Pod"]}}"#,
            request(&format!(
                r#"{{"uid":"u","operation":"CREATE","object":{untyped}}}"#
            )),
        ),
        (
            "its user",
            r#"{"users": {"include": ["ana"]}}"#,
            pod_request("CREATE", &pod("nginx"), "null"),
        ),
        (
            "its groups",
            r#"{"groups": {"include": ["developers"]}}"#,
            pod_request("CREATE", &pod("nginx"), "null"),
        ),
        ("its object", "{}", pod_request("CREATE", "null", "null")),
        (
            "its object",
            "{}",
            pod_request("UPDATE", "null", &pod("a:1")),
        ),
        (
            "neither its object nor the one before",
            "{}",
            pod_request("UPDATE", "null", "null"),
        ),
        ("everything", "{}", request(r#"{"uid":"u"}"#)),
    ] {
        let policy = scoped(scope);
        let answer = &answer(&policy, &json)["response"];
        assert_eq!(answer["allowed"], false, "{what}");
    }
    // Of a kind without images nothing is asked.
    let config_map = r#"{"uid":"u","operation":"CREATE","object":null,
        "kind":{"group":"","version":"v1","kind":"ConfigMap"}}"#;
    let answer = &answer(&scoped("{}"), &request(config_map))["response"];
    assert_eq!(answer["allowed"], true);
}

#[test]
fn operations_that_run_no_image_are_allowed_whatever_the_object_is() {
    for operation in ["DELETE", "CONNECT"] {
        for object in [
            pod("nginx"),
            pod("Foo/x"),
            "null".into(),
            r#"{"spec":7}"#.into(),
            "7".into(),
        ] {
            let json = pod_request(operation, &object, &object);
            assert_eq!(
                answer(&NoLatestTag, &json)["response"]["allowed"],
                true,
                "{json}"
            );
        }
    }
}

#[test]
fn an_object_whose_images_cannot_be_known_is_denied_with_its_reason() {
    for (object, says) in [
        (r#"{"apiVersion":"v1","kind":"Pod"}"#, "spec is missing"),
        ("7", "the object is a number, expected an object"),
        (
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":7}]}}"#,
            "spec.containers[0].image is a number, expected a string",
        ),
        (
            r#"{"apiVersion":"v1","kind":"ConfigMap"}"#,
            "the object is \"v1 ConfigMap\", but the request says \"v1 Pod\"",
        ),
        (
            r#"{"apiVersion":"v2","kind":"Pod","spec":{}}"#,
            "the object is \"v2 Pod\", but the request says \"v1 Pod\"",
        ),
        (
            r#"{"apiVersion":"v1","kind":7}"#,
            "kind is a number, expected a string",
        ),
        // Without a kind of its own it is what the request says.
        (r#"{"spec":[]}"#, "spec is a list, expected an object"),
    ] {
        let json = pod_request("CREATE", object, "null");
        let response = &answer(&AllowAll, &json)["response"];
        assert_eq!(response["allowed"], false, "{json}");
        let message = response["status"]["message"].as_str().unwrap();
        let expected = format!("image check failed: the images cannot be known: {says}");
        assert_eq!(message, expected, "{json}");
        assert_eq!(
            response["auditAnnotations"]["denied-by"],
            "unreadable-object"
        );

        // A policy that is being tried out lets it pass, and says so.
        let response = &answer(&AllowAll.in_mode(Mode::Warn), &json)["response"];
        assert_eq!(response["allowed"], true, "{json}");
        let warning = response["warnings"][0].as_str().unwrap();
        assert!(
            warning.starts_with("the images cannot be known: "),
            "{warning}"
        );
    }
}

#[test]
fn yaml_is_read_as_json_is() {
    let json = sample!("deployment-update");
    let value: Value = serde_json::from_str(json).unwrap();
    let yaml = serde_saphyr::to_string(&value).unwrap();
    let yaml = serde_saphyr::with_deserializer_from_str(&yaml, |yaml| {
        let request = AdmissionReview::deserialize_with(yaml, WorkloadKinds::builtin())?;
        let verdict = decide(&NoLatestTag, &request.review());
        Ok(verdict.reason(Language::English).into_owned())
    });
    let request = AdmissionReview::deserialize(&value).unwrap();
    let verdict = decide(&NoLatestTag, &request.review());
    assert_eq!(yaml.unwrap(), verdict.reason(Language::English));
    assert_eq!(verdict.denials().count(), 1);
}

#[test]
fn kinds_are_those_that_the_policy_declares() {
    let task = CustomResource::new("tekton.dev/*", "Task").unwrap();
    let task = task.with_image("spec.steps[*].image".parse().unwrap());
    let kinds = WorkloadKinds::new([task]).unwrap();
    let json = request(
        r#"{"uid":"u","kind":{"group":"tekton.dev","version":"v1","kind":"Task"},"operation":"CREATE",
            "object":{"apiVersion":"tekton.dev/v1","kind":"Task","spec":{"steps":[{"image":"golang"}]}}}"#,
    );
    let request = AdmissionReview::from_slice_with(json.as_bytes(), &kinds).unwrap();
    let verdict = decide(&NoLatestTag, &request.review());
    assert_eq!(
        verdict.violations()[0].location().to_string(),
        "spec.steps[0].image"
    );

    let request = AdmissionReview::from_slice(json.as_bytes()).unwrap();
    assert!(decide(&NoLatestTag, &request.review()).is_allowed());
}

#[test]
fn fields_may_be_absent_null_unknown_or_in_any_order() {
    for (members, images) in [
        (r#"{"uid":"u"}"#.to_owned(), 0),
        (
            r#"{"uid":null,"kind":null,"userInfo":null,"dryRun":null,"object":null}"#.to_owned(),
            0,
        ),
        (
            r#"{"userInfo":{"groups":null},"uid":"u","new":[{}]}"#.to_owned(),
            0,
        ),
        (
            format!(
                r#"{{"object":{},"uid":"u","operation":"CREATE"}}"#,
                pod("a")
            ),
            1,
        ),
        (
            format!(
                r#"{{"object":{},"kind":{{"kind":"Pod","version":"v1"}},"uid":"u"}}"#,
                pod("a").replace(r#""apiVersion":"v1","kind":"Pod","#, "")
            ),
            1,
        ),
    ] {
        let json = request(&members);
        let request = AdmissionReview::from_slice(json.as_bytes()).expect(&json);
        assert_eq!(request.review().images().len(), images, "{json}");
    }
}

#[test]
fn what_is_no_admission_review_is_an_error_that_says_where() {
    let wrong_version = r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"}"#;
    for (json, says) in [
        ("", "EOF while parsing"),
        ("[]", "expected an object"),
        ("{}", "kind is missing, expected \"AdmissionReview\""),
        (r#"{"kind":"Pod","apiVersion":"v1"}"#, "kind is \"Pod\""),
        (wrong_version, "expected \"admission.k8s.io/v1\""),
        (&request("null"), "request is missing"),
        (&request("{}"), "request is missing"),
        (
            &request("7"),
            "request: invalid type: integer `7`, expected an object",
        ),
        (&request(r#"{"uid":7}"#), "request.uid: invalid type"),
        (
            &request(r#"{"uid":"a","uid":"b"}"#),
            "duplicate field `uid`",
        ),
        (
            &request(r#"{"UID":"a"}"#),
            "differs from \"uid\" only in case",
        ),
        (
            &request(r#"{"oldobject":{}}"#),
            "differs from \"oldObject\" only in case",
        ),
        (
            &request(r#"{"userInfo":{"groups":"admins"}}"#),
            "request.userInfo.groups: invalid type",
        ),
        (
            &request(r#"{"object":{"kind":"#),
            "request.object.kind: expected value",
        ),
        (
            &format!("{} 1", request(r#"{"uid":"u"}"#)),
            "trailing characters",
        ),
    ] {
        let error = AdmissionReview::from_slice(json.as_bytes()).expect_err(json);
        let error = error.to_string();
        assert!(
            error.contains(says),
            "{json}\n says: {error}\n wanted: {says}"
        );
    }
    let error = AdmissionReview::from_slice(b"\xff").unwrap_err();
    assert!(
        matches!(error, DecodeError::NotUtf8 { valid_up_to: 0 }),
        "{error}"
    );
}

/// Breaks a rule with a reason of some length for each image.
struct Wordy(String);

impl Policy for Wordy {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        let violation = |image| Violation::new("wordy", image, self.0.clone()).in_mode(Mode::Warn);
        review.images().iter().map(violation).collect()
    }
}

#[test]
fn warnings_have_the_size_that_the_api_server_accepts() {
    for (reason, images) in [
        ("short", 1),
        ("short", 200),
        ("a reason of a great many words\nand more than one line", 60),
        (&"word ".repeat(80), 40),
        (&"镜像".repeat(200), 40),
        (&"x".repeat(500), 33),
    ] {
        let containers: Vec<Value> = (0..images)
            .map(|index| json!({"image": format!("image-{index}:1")}))
            .collect();
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}});
        let json = pod_request("CREATE", &pod.to_string(), "null");
        for language in [Language::English, Language::Chinese] {
            let request = AdmissionReview::from_slice(json.as_bytes()).unwrap();
            let verdict = decide(&Wordy(reason.to_owned()), &request.review());
            let answer = AdmissionResponse::new(&request, &verdict, language);
            let answer = serde_json::to_value(answer).unwrap();
            let warnings = answer["response"]["warnings"].as_array().unwrap();
            let warnings: Vec<&str> = warnings.iter().map(|w| w.as_str().unwrap()).collect();
            let len = |text: &str| text.chars().count();
            assert!(
                warnings.iter().all(|w| len(w) <= WARNING_LIMIT),
                "{reason} {warnings:?}"
            );
            assert!(
                warnings.iter().map(|w| len(w)).sum::<usize>() <= WARNINGS_LIMIT,
                "{reason}"
            );
            assert!(
                !warnings.iter().any(|w| w.contains(char::is_control)),
                "{warnings:?}"
            );
            assert!(warnings[0].contains("image-0:1"), "{warnings:?}");
            let (last, before) = warnings.split_last().unwrap();
            if warnings.len() < images {
                let left = images - before.len();
                let more = match language {
                    Language::Chinese => format!("另有{left}项"),
                    _ => format!("and {left} more"),
                };
                assert_eq!(*last, more);
            } else {
                assert_eq!(warnings.len(), images);
            }
        }
    }
}

#[test]
fn a_patch_goes_out_as_base64_with_an_approval_alone() {
    let mirrors = MirrorRule::new("docker.io/**", "mirror.example.com/hub/**").unwrap();
    let mutations = Mutations::new().with_rewrite(Mirrors::new([mirrors]).unwrap());
    for (image, patch, allowed) in [
        (
            "redis:7",
            Some(
                r#"[{"op":"replace","path":"/spec/containers/0/image","value":"mirror.example.com/hub/library/redis:7"}]"#,
            ),
            true,
        ),
        ("quay.example/redis:7", None, true),
        ("redis", None, false),
    ] {
        let json = pod_request("CREATE", &pod(image), "null");
        let mut request = AdmissionReview::from_slice(json.as_bytes()).unwrap();
        let made = mutations.apply(&mut request, &Facts::new());
        let verdict = decide(&NoLatestTag, &request.review());
        let answer =
            AdmissionResponse::new(&request, &verdict, Language::English).with_patch(&made);
        let answer = serde_json::to_value(answer).unwrap();
        let response = &answer["response"];
        assert_eq!(response["allowed"], allowed, "{image}");
        assert_eq!(
            response.get("patchType").is_some(),
            patch.is_some(),
            "{image}"
        );
        match patch {
            None => assert!(response.get("patch").is_none(), "{image}"),
            Some(patch) => {
                use base64::Engine as _;
                let sent = response["patch"].as_str().unwrap();
                let sent = base64::engine::general_purpose::STANDARD
                    .decode(sent)
                    .unwrap();
                assert_eq!(String::from_utf8(sent).unwrap(), patch, "{image}");
                assert_eq!(response["patchType"], "JSONPatch");
            }
        }
    }
}

#[test]
fn what_is_validated_is_what_results() {
    let mirror = MirrorRule::new("docker.io/**", "mirror.example.com/hub/**").unwrap();
    let mutations = Mutations::new().with_rewrite(Mirrors::new([mirror]).unwrap());
    let json = pod_request("CREATE", &pod("nginx:1.27"), "null");
    let mut request = AdmissionReview::from_slice(json.as_bytes()).unwrap();
    let registry = |request: &AdmissionReview<'_>| {
        request.review().images()[0]
            .reference()
            .registry()
            .to_owned()
    };
    assert_eq!(registry(&request), "docker.io");
    let _ = mutations.apply(&mut request, &Facts::new());
    assert_eq!(registry(&request), "mirror.example.com");
}

proptest! {
    #[test]
    fn any_images_get_a_well_formed_response(
        images in prop::collection::vec(any::<String>(), 0..9),
        old in prop::collection::vec(any::<String>(), 0..3),
        uid in any::<String>(),
    ) {
        let pod = |images: &[String]| {
            let containers: Vec<Value> = images.iter().map(|image| json!({"image": image})).collect();
            json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}})
        };
        let all: Vec<String> = images.iter().chain(&old).cloned().collect();
        let json = json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
            "uid": uid, "operation": "UPDATE", "object": pod(&all), "oldObject": pod(&old),
        }});
        let json = json.to_string();
        let request = AdmissionReview::from_slice(json.as_bytes()).unwrap();
        let verdict = decide(&NoLatestTag, &request.review());
        for language in [Language::English, Language::Chinese] {
            let answer = AdmissionResponse::new(&request, &verdict, language);
            let answer = serde_json::to_value(answer).unwrap();
            prop_assert_eq!(&answer["response"]["uid"], &json!(uid));
            prop_assert_eq!(&answer["response"]["allowed"], &json!(verdict.is_allowed()));
        }
        // What was there before is never denied; what is new is denied as if nothing had.
        let fresh: Review<'_> = images.iter().filter(|image| !old.contains(image)).map(|i| &**i).collect();
        prop_assert_eq!(verdict.is_allowed(), decide(&NoLatestTag, &fresh).is_allowed());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>()) {
        let _ = AdmissionReview::from_slice(&bytes).map(|request| request.review().images().len());
    }
}
