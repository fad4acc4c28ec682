//! Facts from a registry that the test plays: pinned, judged, in time or not.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use hyper::Request;
use serde_json::{Value, json};

use crate::{
    admission::{pod, question},
    harness::{Answer, Client, PROTOCOLS, Pki, Protocol, RequestBody, full, within},
    program::fails,
    webhook::{Metrics, Webhook},
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The digest of [`CONFIG`], and of the manifest that names it, as `sha256sum` computes them.
const CONFIG_DIGEST: &str =
    "sha256:cd25ad5b9cd8b161d2fc13853e158be1a6f7bd2ab686f5c9741083e9d35d7365";
const DIGEST: &str = "sha256:5be196dfb7b1d3661c21745f871ea3c60b35855c2ccb879c1577e41516531071";

const CONFIG: &str = r#"{"created":"2026-11-01T12:00:00Z","os":"linux","architecture":"amd64","config":{"User":"1000"}}"#;

/// A registry of plain HTTP with one image, `team/app:v1`.
struct Registry {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    /// Whether it answers.
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Registry {
    fn start() -> Self {
        let size = CONFIG.len();
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{CONFIG_DIGEST}","size":{size}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{CONFIG_DIGEST}","size":5242880}}]}}"#
        );
        let content = BTreeMap::from([
            ("/v2/team/app/manifests/v1".to_owned(), manifest.clone()),
            (format!("/v2/team/app/manifests/{DIGEST}"), manifest),
            (
                format!("/v2/team/app/blobs/{CONFIG_DIGEST}"),
                CONFIG.to_owned(),
            ),
        ]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let registry = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            gate: Arc::new((Mutex::new(true), Condvar::new())),
        };
        let (requests, gate) = (Arc::clone(&registry.requests), Arc::clone(&registry.gate));
        let content = Arc::new(content);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (requests, gate) = (Arc::clone(&requests), Arc::clone(&gate));
                let content = Arc::clone(&content);
                thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    let Some(Ok(request)) = lines.next() else {
                        return;
                    };
                    lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
                    requests.fetch_add(1, Ordering::Relaxed);
                    let (open, changed) = &*gate;
                    drop(changed.wait_while(open.lock().unwrap(), |open| !*open));
                    let mut words = request.split(' ');
                    let is_head = words.next() == Some("HEAD");
                    let found = content.get(words.next().unwrap());
                    let status = if found.is_some() {
                        "200 OK"
                    } else {
                        "404 Not Found"
                    };
                    let body = found.map_or("", |body| body);
                    let length = body.len();
                    // A client that is gone does not matter.
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status}\r\ncontent-type: {MANIFEST}\r\ncontent-length: {length}\r\n\
                         connection: close\r\n\r\n{}",
                        if is_head { "" } else { body }
                    );
                });
            }
        });
        registry
    }

    fn set_open(&self, is_open: bool) {
        let (open, changed) = &*self.gate;
        *open.lock().unwrap() = is_open;
        changed.notify_all();
    }

    fn asked(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn image(&self, tag: &str) -> String {
        format!("{}/team/app:{tag}", self.address)
    }
}

const POLICY: &str = "\
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: facts}
mutations:
  pinDigests: [{repositories: '**'}]
rules:
  - {name: not-root, facts: {tags: checkOnly, nonRoot: true}}
";

/// A webhook that may ask this registry.
async fn webhook(pki: &Pki, registry: &Registry, policy: &str, options: &[&str]) -> Webhook {
    webhook_with(pki, registry, policy, true, options).await
}

/// The same, which asks if facts are on.
async fn webhook_with(
    pki: &Pki,
    registry: &Registry,
    policy: &str,
    facts_are_on: bool,
    options: &[&str],
) -> Webhook {
    let folder = tempfile::tempdir().unwrap();
    pki.write_files(folder.path());
    let registries = format!(
        "apiVersion: imagereview/v1alpha1\nkind: Registries\nunlisted: refuse\nregistries:\n  \
         - {{host: '{}', plainHttp: true, allowAddresses: [loopback]}}\n",
        registry.address
    );
    fs::write(folder.path().join("registries.yaml"), registries).unwrap();
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let given = [
        "--tls-cert=tls.crt",
        "--tls-key=tls.key",
        "--policy=policy.yaml",
        "--registries=registries.yaml",
    ];
    let facts: &[&str] = if facts_are_on { &["--facts=auto"] } else { &[] };
    let options = [&given, facts, options].concat();
    Webhook::start_in(folder, "exec", &options, &[]).await
}

fn post(path: &str, body: &Value) -> Request<RequestBody> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(full(body.to_string()))
        .unwrap()
}

async fn asks(
    client: &Client,
    webhook: &Webhook,
    protocol: Protocol,
    path: &str,
    image: &str,
) -> Answer {
    let mut connection = client.connect(webhook.address, protocol).await.unwrap();
    let body = if path.starts_with("/image_policy") {
        json!({
            "apiVersion": "imagepolicy.k8s.io/v1alpha1",
            "kind": "ImageReview",
            "spec": {"containers": [{"image": image}], "namespace": "shop"},
        })
    } else {
        question("CREATE", &pod(image), &Value::Null)
    };
    connection.send(post(path, &body)).await.unwrap()
}

/// Whether it is allowed, and why not.
fn allowed(answer: &Answer) -> (bool, String) {
    let json = answer.json();
    let (response, reason) = if json["kind"] == "ImageReview" {
        (&json["status"], &json["status"]["reason"])
    } else {
        (&json["response"], &json["response"]["status"]["message"])
    };
    let allowed = response["allowed"].as_bool().unwrap();
    (allowed, reason.as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_are_pinned_and_judged_by_what_a_registry_says() {
    let (pki, registry) = (Pki::new(), Registry::start());
    let webhook = webhook(&pki, &registry, POLICY, &[]).await;
    let client = pki.client(None);
    for protocol in PROTOCOLS {
        for path in ["/mutate", "/validate", "/image_policy"] {
            let answer = asks(&client, &webhook, protocol, path, &registry.image("v1")).await;
            let (is_allowed, reason) = allowed(&answer);
            assert!(is_allowed, "{path}: {reason}");
            let has_patch = answer.json()["response"]["patch"].is_string();
            assert_eq!(has_patch, path == "/mutate", "{path}");
        }
        // What is not there has no user.
        let answer = asks(
            &client,
            &webhook,
            protocol,
            "/validate",
            &registry.image("v2"),
        )
        .await;
        let (is_allowed, reason) = allowed(&answer);
        assert!(!is_allowed && reason.contains("not-root"), "{reason}");
        // What may not be asked is not known.
        let answer = asks(&client, &webhook, protocol, "/validate", "nginx:1.27").await;
        let (is_allowed, reason) = allowed(&answer);
        assert!(!is_allowed && reason.contains("not-root"), "{reason}");
    }
    let metrics = Metrics::of(webhook.health).await;
    assert_eq!(
        metrics.value(r#"imagereview_facts_total{outcome="known"}"#),
        6 + 2
    );
    assert_eq!(
        metrics.value(r#"imagereview_facts_total{outcome="absent"}"#),
        2
    );
    let forbidden = r#"imagereview_facts_unavailable_total{cause="forbidden"}"#;
    assert_eq!(metrics.value(forbidden), 2);
    // Only what may be asked is: by name as the registries file lists it.
    let requests = |outcome| {
        let host = registry.address;
        metrics.value(&format!(
            r#"imagereview_registry_requests_total{{registry="{host}",outcome="{outcome}"}}"#
        ))
    };
    assert_eq!(requests("absent"), 1);
    assert_eq!(
        requests("found") + requests("absent"),
        registry.asked(),
        "each request was counted"
    );
    let looked_up = |result| {
        metrics.value(&format!(
            r#"imagereview_facts_lookups_total{{result="{result}"}}"#
        ))
    };
    // Two reviews after the first of an image find it, whatever of it they need.
    assert!(looked_up("hit") >= 6, "{}", looked_up("hit"));
    assert!(looked_up("missed") <= 6, "{}", looked_up("missed"));
    // One request for what does not change, however often it was needed: tag, manifest, configuration, and
    // the tag that is not there.
    assert!(registry.asked() <= 6, "{}", registry.asked());
    webhook.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_told_in_time_is_denied_or_as_the_rule_says_and_known_later() {
    let (pki, registry) = (Pki::new(), Registry::start());
    registry.set_open(false);
    let webhook = webhook(&pki, &registry, POLICY, &["--facts-timeout=200ms"]).await;
    let client = pki.client(None);
    let image = registry.image("v1");
    let answer = asks(&client, &webhook, Protocol::Http2, "/validate", &image).await;
    let (is_allowed, reason) = allowed(&answer);
    assert!(
        !is_allowed && reason.contains("the time was over"),
        "{reason}"
    );
    // What missed its time goes on, so that the API server finds it when it asks again.
    registry.set_open(true);
    within(async {
        loop {
            let answer = asks(&client, &webhook, Protocol::Http2, "/validate", &image).await;
            if allowed(&answer).0 {
                break;
            }
        }
    })
    .await;
    webhook.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_wait_for_a_silent_registry_all_get_a_verdict() {
    const REVIEWS: usize = 300;
    let (pki, registry) = (Pki::new(), Registry::start());
    registry.set_open(false);
    let webhook = webhook(&pki, &registry, POLICY, &["--facts-timeout=500ms"]).await;
    let (webhook, client) = (Arc::new(webhook), Arc::new(pki.client(None)));
    let reviews: Vec<_> = (0..REVIEWS)
        .map(|index| {
            let (webhook, client) = (Arc::clone(&webhook), Arc::clone(&client));
            let image = registry.image(&format!("v{index}"));
            tokio::spawn(async move {
                asks(&client, &webhook, Protocol::Http2, "/mutate", &image).await
            })
        })
        .collect();
    for review in reviews {
        let answer = within(review).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let (is_allowed, reason) = allowed(&answer);
        assert!(!is_allowed && reason.contains("not-root"), "{reason}");
    }
    registry.set_open(true);
    Arc::into_inner(webhook).unwrap().stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_for_less_is_answered_in_its_time() {
    let (pki, registry) = (Pki::new(), Registry::start());
    registry.set_open(false);
    let lenient = POLICY.replace("nonRoot: true", "nonRoot: true, ifUnavailable: warn");
    // Of 100 ms a half is left; without the query it would be a minute.
    let webhook = webhook(&pki, &registry, &lenient, &["--facts-timeout=60s"]).await;
    let client = pki.client(None);
    let image = registry.image("v1");
    let path = "/validate?timeout=100ms";
    let answer = within(asks(&client, &webhook, Protocol::Http1, path, &image)).await;
    assert_eq!(allowed(&answer), (true, String::new()));
    let warnings = answer.json()["response"]["warnings"].to_string();
    assert!(warnings.contains("not-root"), "{warnings}");
    registry.set_open(true);
    webhook.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_asked_where_no_rule_needs_it_or_facts_are_off() {
    const TAGS: &str = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: tags}\n\
                        rules: [{name: tags, tags: {deny: [latest]}}]\n";
    let (pki, registry) = (Pki::new(), Registry::start());
    let image = registry.image("v1");
    for (policy, is_on, expected) in [(TAGS, true, true), (POLICY, false, false)] {
        let webhook = webhook_with(&pki, &registry, policy, is_on, &[]).await;
        let client = pki.client(None);
        for path in ["/mutate", "/validate", "/image_policy"] {
            let answer = asks(&client, &webhook, Protocol::Http2, path, &image).await;
            assert_eq!(allowed(&answer).0, expected, "{is_on}: {path}");
        }
        webhook.stops().await;
    }
    assert_eq!(registry.asked(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_has_the_facts_that_were_needed() {
    let (pki, registry) = (Pki::new(), Registry::start());
    let webhook = webhook(&pki, &registry, POLICY, &["--audit-log=audit.jsonl"]).await;
    let client = pki.client(None);
    let images = [
        registry.image("v1"),
        registry.image("v2"),
        "nginx:1.27".to_owned(),
    ];
    for image in &images {
        asks(&client, &webhook, Protocol::Http2, "/validate", image).await;
    }
    let path = webhook.folder.path().join("audit.jsonl");
    let lines = within(async {
        loop {
            let text = fs::read_to_string(&path).unwrap();
            if text.lines().count() == images.len() {
                break text;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let known = &lines[0]["facts"][0];
    assert_eq!(known["image"], images[0], "{known}");
    assert_eq!(known["digest"], DIGEST, "{known}");
    assert_eq!(known["resolvedFrom"], registry.address.to_string());
    assert_eq!(known["credentials"], "no credentials", "{known}");
    assert!(known["resolvedAt"].is_string(), "{known}");
    assert_eq!(lines[1]["facts"][0]["absent"], true, "{}", lines[1]);
    let unknown = &lines[2]["facts"][0]["unavailable"];
    assert_eq!(unknown["cause"], "forbidden", "{}", lines[2]);
    webhook.stops().await;
}

#[tokio::test]
async fn pull_secrets_need_a_service_account() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--facts=auto", "--pull-secrets=account"];
    let mut program = crate::program::unconfigured(folder.path());
    let outside = ["KUBERNETES_SERVICE_PORT is not the API server's port"];
    fails(program.args(options), 2, "outside of a cluster", &outside).await;
    let mut program = crate::program::unconfigured(folder.path());
    program
        .env("KUBERNETES_SERVICE_HOST", "192.0.2.1")
        .env("KUBERNETES_SERVICE_PORT", "443");
    let files = [
        "ca.crt: can't be read",
        "automountServiceAccountToken: true",
    ];
    fails(program.args(options), 2, "without a token", &files).await;
}
