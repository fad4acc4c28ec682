//! `/validate` and `/mutate`.

use hyper::{Request, StatusCode};
use imagereview_core::{Policy, Review, Verdict};
use imagereview_http::{AuditLog, AuditTarget, ServerPolicy};
use serde_json::{Value, json};

use crate::harness::{PROTOCOLS, Pki, RequestBody, TestServer, file, full, metrics_say, within};

const POLICY: &str = "\
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: mirrored}
mutations:
  mirrors: [{from: docker.io/**, to: mirror.example.com/hub/**}]
rules:
  - {name: own-registry, registries: {allow: [mirror.example.com]}}
";

pub(crate) fn pod(image: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"containers": [{"name": "web", "image": image}]},
    })
}

/// What an API server asks about this Pod.
pub(crate) fn question(operation: &str, pod: &Value, old: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "6f0d",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": "web",
            "namespace": "shop",
            "operation": operation,
            "userInfo": {"username": "ana", "groups": ["developers"]},
            "object": pod,
            "oldObject": old,
            "dryRun": false,
        },
    })
}

fn post(path: &str, question: &Value) -> Request<RequestBody> {
    Request::post(format!("{path}?timeout=10s"))
        .header("content-type", "application/json")
        .body(full(question.to_string()))
        .unwrap()
}

#[tokio::test]
async fn objects_are_admitted_changed_or_denied() {
    let none = Value::Null;
    // What is asked, whether /validate and /mutate admit it, and whether /mutate has a patch.
    let rows = [
        (
            "another's",
            question("CREATE", &pod("quay.io/x:1"), &none),
            false,
            false,
            false,
        ),
        (
            "a mirrored one",
            question("CREATE", &pod("nginx:1.27"), &none),
            false,
            true,
            true,
        ),
        (
            "ours",
            question(
                "CREATE",
                &pod("mirror.example.com/hub/library/nginx:1.27"),
                &none,
            ),
            true,
            true,
            false,
        ),
        (
            "no reference",
            question("CREATE", &pod("UPPER CASE"), &none),
            false,
            false,
            false,
        ),
        (
            "deletion",
            question("DELETE", &none, &pod("quay.io/x:1")),
            true,
            true,
            false,
        ),
        (
            "an update of other things",
            question("UPDATE", &pod("quay.io/x:1"), &pod("quay.io/x:1")),
            true,
            true,
            false,
        ),
    ];
    let policy = file(POLICY);
    let pki = Pki::new();
    let policy = ServerPolicy::Files(vec![policy.path().to_owned()]);
    let server = TestServer::start_serving(pki.config(), policy).await;
    for protocol in PROTOCOLS {
        let mut connection = pki
            .client(None)
            .connect(server.address, protocol)
            .await
            .unwrap();
        for (name, question, valid, admitted, patched) in &rows {
            for (path, allowed, patched) in [
                ("/validate", *valid, false),
                ("/mutate", *admitted, *patched),
            ] {
                let answer = connection.send(post(path, question)).await.unwrap();
                assert_eq!(answer.status, StatusCode::OK, "{name} {path}: {answer:?}");
                let json = answer.json();
                assert_eq!(
                    json["apiVersion"], "admission.k8s.io/v1",
                    "{name} {path}: {json}"
                );
                assert_eq!(json["kind"], "AdmissionReview", "{name} {path}: {json}");
                let response = &json["response"];
                assert_eq!(response["uid"], "6f0d", "{name} {path}: {json}");
                assert_eq!(response["allowed"], allowed, "{name} {path}: {json}");
                assert_eq!(
                    response["patch"].is_string(),
                    patched,
                    "{name} {path}: {json}"
                );
                assert_eq!(
                    response["status"]["code"] == 403,
                    !allowed,
                    "{name} {path}: {json}"
                );
                let policy = response["auditAnnotations"]["policy"]
                    .as_str()
                    .unwrap_or_default();
                assert!(
                    policy.starts_with("mirrored@sha256:"),
                    "{name} {path}: {json}"
                );
            }
        }
    }
    for (endpoint, allowed, denied) in [("validate", 6, 6), ("mutate", 8, 4)] {
        for (outcome, count) in [("allowed", allowed), ("denied", denied)] {
            let labels = format!("{{endpoint=\"{endpoint}\",outcome=\"{outcome}\"}}");
            metrics_say(
                server.health,
                &format!("imagereview_reviews_total{labels} {count}"),
            )
            .await;
        }
    }
}

#[tokio::test]
async fn the_audit_log_says_who_does_what_to_which_object() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit");
    let pki = Pki::new();
    let mut config = pki.config();
    config.audit = Some(AuditLog::new(AuditTarget::File(audit.clone())));
    let server = TestServer::start(config).await;
    let mut connection = pki
        .client(None)
        .connect(server.address, PROTOCOLS[1])
        .await
        .unwrap();
    let question = question("CREATE", &pod("quay.io/x"), &Value::Null);
    connection.send(post("/validate", &question)).await.unwrap();
    within(server.stop()).await.unwrap();
    let line: Value = serde_json::from_slice(&std::fs::read(audit).unwrap()).unwrap();
    let expected = json!({
        "endpoint": "validate", "uid": "6f0d", "user": "ana", "operation": "CREATE", "kind": "Pod",
        "namespace": "shop", "name": "web", "images": ["quay.io/x"], "allowed": false,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&line[field], value, "{field}: {line}");
    }
}

#[tokio::test]
async fn what_is_no_admission_review_is_refused_and_a_large_one_is_read() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.max_body_bytes = 4096;
    let server = TestServer::start(config).await;
    let review = question("CREATE", &pod("a:1"), &Value::Null);
    let padded = |length: usize| {
        let text = review.to_string();
        let padding = length - text.len();
        text + &" ".repeat(padding)
    };
    let rows = [
        (
            "an ImageReview",
            crate::harness::image_review_json(&["a:1"]),
            StatusCode::BAD_REQUEST,
        ),
        ("twice the limit", padded(8192), StatusCode::OK),
        (
            "more than that",
            padded(8193),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ];
    for protocol in PROTOCOLS {
        for path in ["/validate", "/mutate"] {
            for (name, body, status) in &rows {
                let mut connection = pki
                    .client(None)
                    .connect(server.address, protocol)
                    .await
                    .unwrap();
                let request = Request::post(path).body(full(body.clone())).unwrap();
                let answer = connection.send(request).await.unwrap();
                assert_eq!(answer.status, *status, "{name} {path}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_policy_that_panics_denies() {
    struct Panics;

    impl Policy for Panics {
        fn evaluate(&self, _review: &Review<'_>) -> Verdict {
            panic!("secret detail");
        }
    }

    let pki = Pki::new();
    let server = TestServer::start_with(pki.config(), Panics).await;
    let mut connection = pki
        .client(None)
        .connect(server.address, PROTOCOLS[1])
        .await
        .unwrap();
    for path in ["/validate", "/mutate"] {
        let question = question("CREATE", &pod("a:1"), &Value::Null);
        let json = connection.send(post(path, &question)).await.unwrap().json();
        let response = &json["response"];
        assert_eq!(response["allowed"], false, "{path}: {json}");
        let message = response["status"]["message"].as_str().unwrap();
        assert!(message.contains("the policy failed"), "{path}: {message}");
        assert!(!message.contains("secret"), "{path}: {message}");
        assert_eq!(
            response["auditAnnotations"]["denied-by"], "undecided",
            "{path}: {json}"
        );
    }
    metrics_say(server.health, "imagereview_panics_total 2").await;
}
