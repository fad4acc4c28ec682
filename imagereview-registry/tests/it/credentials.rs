//! Which credentials are tried, in which order, and that they are for nobody else.

use std::fs;

use http::StatusCode;
use imagereview_core::facts::Cause;
use imagereview_registry::Keyring;

use crate::harness::{
    Registry, Store, assert_unavailable, basic, client_with, digest, facts, known, login_file,
    status,
};

#[tokio::test]
async fn those_that_are_denied_are_followed_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::private("user:right").await;
    let host = registry.address.to_string();
    let (team, other) = (format!("{host}/team"), format!("{host}/other"));
    let first = login_file(
        &folder,
        "first.json",
        &[
            (&host, "user:wrong-host"),
            (&team, "user:wrong-team"),
            (&other, "user:right"),
        ],
    );
    let second = login_file(&folder, "second.json", &[(&host, "user:right")]);
    let keyring = Keyring::new()
        .with_docker_config(&first)
        .unwrap()
        .with_docker_config(&second)
        .unwrap();
    let found = known(facts(&client_with(keyring), &registry.image("team/app:v1")).await);
    assert!(
        found.credentials.ends_with("second.json"),
        "{}",
        found.credentials
    );
    let mut tried: Vec<String> = registry
        .seen()
        .iter()
        .filter_map(|seen| seen.authorization().map(str::to_owned))
        .collect();
    tried.dedup();
    assert_eq!(
        tried,
        ["user:wrong-team", "user:wrong-host", "user:right"].map(basic),
        "the more exact first, and those for another path not at all"
    );
}

#[tokio::test]
async fn a_denial_without_a_challenge_is_followed_by_the_next() {
    // ghcr.io says 403 to a wrong login and does not say how to log in; ECR once did so with 401.
    for code in [StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED] {
        let folder = tempfile::tempdir().unwrap();
        let (login, store) = (basic("user:right"), Store::one_image());
        let registry = Registry::serve(move |seen| {
            if seen.authorization() == Some(&*login) {
                store.answer(seen)
            } else {
                status(code.as_u16())
            }
        })
        .await;
        let host = registry.address.to_string();
        let wrong = login_file(&folder, "wrong.json", &[(&host, "user:wrong")]);
        let right = login_file(&folder, "right.json", &[(&host, "user:right")]);
        let keyring = Keyring::new()
            .with_docker_config(&wrong)
            .unwrap()
            .with_docker_config(&right)
            .unwrap();
        known(facts(&client_with(keyring), &registry.image("a/b:v1")).await);
    }
}

#[tokio::test]
async fn credentials_for_a_host_are_not_for_one_that_begins_alike() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::private("user:right").await;
    let address = registry.address;
    let port = address.port();
    for server in [
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port / 10),
        format!("127.0.0.1:{port}0"),
        format!("localhost:{port}"),
        format!("{address}/a/bb"),
        format!("{address}/a/b/c"),
        "127.0.0".to_owned(),
    ] {
        let path = login_file(&folder, "config.json", &[(&server, "user:right")]);
        let client = client_with(Keyring::new().with_docker_config(&path).unwrap());
        let found = digest(&client, &registry.image("a/b:v1")).await;
        assert_unavailable(&found, Cause::Denied, "tried no credentials");
    }
    assert!(
        registry
            .seen()
            .iter()
            .all(|seen| seen.authorization().is_none())
    );
}

#[tokio::test]
async fn public_content_is_asked_for_without_credentials_where_the_registry_wants_none() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::of(Store::one_image()).await;
    let host = registry.address.to_string();
    let path = login_file(&folder, "config.json", &[(&host, "user:password")]);
    let client = client_with(Keyring::new().with_docker_config(&path).unwrap());
    let found = known(facts(&client, &registry.image("a/b:v1")).await);
    assert_eq!(&*found.credentials, "no credentials");
    assert!(
        registry
            .seen()
            .iter()
            .all(|seen| seen.authorization().is_none())
    );
}

#[tokio::test]
async fn a_token_for_the_registry_is_sent_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::one_image();
    let registry = Registry::serve(move |seen| {
        if seen.authorization() == Some("Bearer registry-token") {
            store.answer(seen)
        } else {
            status(401)
        }
    })
    .await;
    let path = folder.path().join("config.json");
    let text = format!(
        r#"{{"auths":{{"{}":{{"registrytoken":"registry-token"}}}}}}"#,
        registry.address
    );
    fs::write(&path, text).unwrap();
    let client = client_with(Keyring::new().with_docker_config(&path).unwrap());
    known(facts(&client, &registry.image("a/b:v1")).await);
}
