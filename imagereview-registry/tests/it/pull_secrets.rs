//! Pull secrets of pods, from an API server that the test plays.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use imagereview_core::facts::Cause;
use imagereview_registry::{Client, PodSecrets, PullSecrets, PullSecretsError};
use tempfile::TempDir;

use crate::harness::{
    Registry, Store, assert_unavailable, authority, basic, challenge, client, client_of,
    client_with, facts, here, json, keyring, known, server_tls, soon, status,
};

const TOKEN: &str = "the-webhooks-token";

/// An API server with these objects by their paths below `/api/v1/namespaces/`, and the folder of a service
/// account that may get them.
struct Cluster {
    server: Registry,
    folder: TempDir,
}

impl Cluster {
    async fn start(objects: &[(&str, String)]) -> Self {
        let authority = authority();
        let objects = objects
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.clone()));
        let objects: BTreeMap<_, _> = objects.collect();
        let tls = server_tls(&authority, here(), &["h2", "http/1.1"]);
        let server = Registry::serve_tls(tls, move |seen| {
            if seen.authorization() != Some(&format!("Bearer {TOKEN}")) {
                return status(401);
            }
            let path = seen.path.strip_prefix("/api/v1/namespaces/").unwrap();
            match objects.get(path) {
                Some(text) if text == "forbidden" => status(403),
                Some(text) => json(text.clone()),
                None => status(404),
            }
        });
        let server = server.await;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.crt"), authority.certificate_pem()).unwrap();
        fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        Self { server, folder }
    }

    fn pull_secrets(&self) -> PullSecrets {
        let address = self.server.address;
        let host = address.ip().to_string();
        PullSecrets::at(&host, address.port(), self.folder.path()).unwrap()
    }
}

/// A Secret with a `user:password` for a server.
fn secret(server: &str, login: &str) -> String {
    let auth = STANDARD.encode(login);
    let config = format!(r#"{{"auths":{{"{server}":{{"auth":"{auth}"}}}}}}"#);
    let config = STANDARD.encode(config);
    format!(r#"{{"kind":"Secret","data":{{".dockerconfigjson":"{config}"}}}}"#)
}

fn pod(namespace: &str, names: &[&str]) -> PodSecrets {
    PodSecrets::new(namespace, names.iter().copied(), None).unwrap()
}

/// The client for a pod.
async fn of_pod(client: &Client, secrets: &PullSecrets, pod: &PodSecrets) -> Client {
    client.for_pod(secrets.read(pod, soon()).await)
}

#[tokio::test]
async fn a_pods_secret_comes_before_all_other_credentials() {
    let registry = Registry::private("pod:right").await;
    let host = registry.address.to_string();
    let cluster = Cluster::start(&[("team/secrets/regcred", secret(&host, "pod:right"))]).await;
    let secrets = cluster.pull_secrets();
    let folder = tempfile::tempdir().unwrap();
    let configured = client_with(keyring(&folder, &registry, "webhook:wrong"));
    let client = of_pod(&configured, &secrets, &pod("team", &["regcred"])).await;
    let found = known(facts(&client, &registry.image("a/b:v1")).await);
    assert_eq!(&*found.credentials, "Secret team/regcred");
    let sent: Vec<_> = registry.seen();
    let wrong = basic("webhook:wrong");
    assert!(
        sent.iter()
            .all(|seen| seen.authorization() != Some(&*wrong)),
        "the configured one was not tried"
    );
    assert_eq!(
        cluster.server.paths(),
        ["GET /api/v1/namespaces/team/secrets/regcred"],
        "one GET, and no list"
    );
    // It is believed for a while.
    of_pod(&configured, &secrets, &pod("team", &["regcred"])).await;
    assert_eq!(cluster.server.paths().len(), 1);
}

#[tokio::test]
async fn a_pod_without_secrets_has_those_of_its_service_account() {
    let registry = Registry::private("account:right").await;
    let host = registry.address.to_string();
    let account = r#"{"imagePullSecrets":[{"name":"of-account"},{"name":"../../x"},{}]}"#;
    let cluster = Cluster::start(&[
        ("team/serviceaccounts/builder", account.to_owned()),
        ("team/secrets/of-account", secret(&host, "account:right")),
    ])
    .await;
    let secrets = cluster.pull_secrets();
    let pod = PodSecrets::new("team", [], Some("builder")).unwrap();
    let client = of_pod(&client(), &secrets, &pod).await;
    let found = known(facts(&client, &registry.image("a/b:v1")).await);
    assert_eq!(&*found.credentials, "Secret team/of-account");
    assert_eq!(
        cluster.server.paths(),
        [
            "GET /api/v1/namespaces/team/serviceaccounts/builder",
            "GET /api/v1/namespaces/team/secrets/of-account"
        ]
    );
}

#[tokio::test]
async fn what_one_tenants_secret_opens_stays_closed_to_another() {
    let registry = Registry::private("tenant:right").await;
    let host = registry.address.to_string();
    let cluster = Cluster::start(&[
        ("one/secrets/regcred", secret(&host, "tenant:right")),
        ("two/secrets/regcred", secret(&host, "tenant:wrong")),
        ("three/serviceaccounts/default", "{}".to_owned()),
    ])
    .await;
    let (shared, secrets) = (client(), cluster.pull_secrets());
    let one = of_pod(&shared, &secrets, &pod("one", &["regcred"])).await;
    let name = registry.image("a/b:v1");
    let found = known(facts(&one, &name).await);
    let by_digest = registry.image(&format!("a/b@{}", found.digest));
    let two = of_pod(&shared, &secrets, &pod("two", &["regcred"])).await;
    let three = of_pod(&shared, &secrets, &pod("three", &[])).await;
    for (client, tried) in [
        (&two, "tried Secret two/regcred, no credentials"),
        (&three, "tried no credentials"),
        (&shared, "tried no credentials"),
    ] {
        for name in [&name, &by_digest] {
            let denied = facts(client, name).await;
            assert_unavailable(&denied, Cause::Denied, tried);
        }
    }
    known(facts(&one, &by_digest).await);
}

#[tokio::test]
async fn secrets_for_other_registries_split_no_cache() {
    let registry = Registry::of(Store::one_image()).await;
    let cluster = Cluster::start(&[
        ("one/secrets/regcred", secret("one.example.com", "a:b")),
        ("two/secrets/regcred", secret("two.example.com", "a:b")),
    ])
    .await;
    let (shared, secrets) = (client(), cluster.pull_secrets());
    for namespace in ["one", "two"] {
        let client = of_pod(&shared, &secrets, &pod(namespace, &["regcred"])).await;
        known(facts(&client, &registry.image("a/b:v1")).await);
    }
    assert_eq!(
        registry.paths().len(),
        2,
        "one manifest and one configuration"
    );
}

#[tokio::test]
async fn a_secret_is_not_sent_to_a_mirror() {
    let mirror = Registry::serve(|_| challenge("Basic")).await;
    let registry = Registry::private("pod:right").await;
    let host = registry.address.to_string();
    let cluster = Cluster::start(&[("team/secrets/regcred", secret(&host, "pod:right"))]).await;
    let text = format!(
        "registries: [{{host: '{host}', mirrors: ['{}/hub']}}]",
        mirror.address
    );
    let pod = pod("team", &["regcred"]);
    let client = of_pod(&client_of(&text), &cluster.pull_secrets(), &pod).await;
    known(facts(&client, &registry.image("a/b:v1")).await);
    assert!(!mirror.seen().is_empty());
    assert!(
        mirror
            .seen()
            .iter()
            .all(|seen| seen.authorization().is_none())
    );
}

#[tokio::test]
async fn why_a_secret_was_not_read_is_said_where_access_is_denied() {
    let registry = Registry::private("pod:right").await;
    let cluster = Cluster::start(&[
        ("team/secrets/forbidden", "forbidden".to_owned()),
        (
            "team/secrets/tls",
            r#"{"data":{"tls.key":"aHVudGVyMg=="}}"#.to_owned(),
        ),
    ])
    .await;
    for (name, message) in [
        (
            "forbidden",
            "Secret team/forbidden (which the webhook's service account may not get; grant it the verb get)",
        ),
        ("none", "Secret team/none (which does not exist)"),
        (
            "tls",
            "Secret team/tls (which is not of the type kubernetes.io/dockerconfigjson)",
        ),
    ] {
        let pod = pod("team", &[name]);
        let client = of_pod(&client(), &cluster.pull_secrets(), &pod).await;
        let denied = facts(&client, &registry.image("a/b:v1")).await;
        assert_unavailable(&denied, Cause::Denied, message);
    }
}

#[tokio::test]
async fn a_token_is_read_again_and_one_that_is_refused_is_said() {
    let registry = Registry::private("pod:right").await;
    let host = registry.address.to_string();
    let cluster = Cluster::start(&[("team/secrets/regcred", secret(&host, "pod:right"))]).await;
    let token = cluster.folder.path().join("token");
    fs::write(&token, "one-that-has-expired").unwrap();
    let (early, late) = (cluster.pull_secrets(), cluster.pull_secrets());
    let (name, pod) = (registry.image("a/b:v1"), pod("team", &["regcred"]));
    let client = client();
    let denied = facts(&of_pod(&client, &early, &pod).await, &name).await;
    let message = "Secret team/regcred (the API server does not take the webhook's token)";
    assert_unavailable(&denied, Cause::Denied, message);
    fs::write(&token, TOKEN).unwrap();
    known(facts(&of_pod(&client, &late, &pod).await, &name).await);
}

#[tokio::test]
async fn the_token_goes_to_the_clusters_own_api_server_only() {
    let cluster = Cluster::start(&[]).await;
    let other = authority();
    fs::write(
        cluster.folder.path().join("ca.crt"),
        other.certificate_pem(),
    )
    .unwrap();
    let registry = Registry::private("pod:right").await;
    let pod = pod("team", &["regcred"]);
    let client = of_pod(&client(), &cluster.pull_secrets(), &pod).await;
    let denied = facts(&client, &registry.image("a/b:v1")).await;
    let message = "the API server's certificate is not from its authority";
    assert_unavailable(&denied, Cause::Denied, message);
    assert_eq!(cluster.server.paths(), [] as [&str; 0]);
}

#[tokio::test]
async fn an_api_server_that_says_nothing_takes_no_more_than_the_time_there_is() {
    let registry = Registry::of(Store::one_image()).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = Cluster::start(&[]).await;
    let port = silent.local_addr().unwrap().port();
    let secrets = PullSecrets::at("127.0.0.1", port, cluster.folder.path()).unwrap();
    let deadline = Instant::now() + Duration::from_millis(50);
    let credentials = secrets.read(&pod("team", &["regcred"]), deadline).await;
    let shown = format!("{credentials:?}");
    assert!(shown.contains("did not tell in time"), "{shown}");
    // What everybody may read is known all the same.
    let client = client().for_pod(credentials);
    known(facts(&client, &registry.image("a/b:v1")).await);
}

#[tokio::test]
async fn a_secret_is_shown_nowhere() {
    let registry = Registry::private("pod:right").await;
    let host = registry.address.to_string();
    let cluster = Cluster::start(&[("team/secrets/regcred", secret(&host, "pod:hunter2"))]).await;
    let secrets = cluster.pull_secrets();
    let credentials = secrets.read(&pod("team", &["regcred"]), soon()).await;
    let shown = format!("{credentials:?} {secrets:?}");
    assert!(shown.contains("Secret team/regcred"), "{shown}");
    let client = client().for_pod(credentials);
    let denied = facts(&client, &registry.image("a/b:v1")).await;
    let shown = format!("{shown} {client:?} {denied:?}");
    for hidden in ["hunter2", &STANDARD.encode("pod:hunter2"), TOKEN] {
        assert!(!shown.contains(hidden), "{hidden} is in {shown}");
    }
}

#[test]
fn files_that_are_missing_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = PullSecrets::at("10.0.0.1", 443, folder.path()).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, PullSecretsError::ServiceAccount(_)));
    assert!(message.contains("ca.crt: can't be read"), "{message}");
    fs::write(folder.path().join("ca.crt"), authority().certificate_pem()).unwrap();
    let error = PullSecrets::at("10.0.0.1", 443, folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("token: can't be read"),
        "{error}"
    );
}
