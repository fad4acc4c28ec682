//! Logins by token, and where a registry may not send us for one.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use imagereview_core::facts::Cause;
use imagereview_registry::Keyring;

use crate::harness::{
    Answer, Registry, Seen, Store, assert_unavailable, basic, challenge, client, client_of,
    client_with, digest, facts, json, keyring, known, status,
};

/// A registry that wants a token of its own, which is given to these credentials; to all if there
/// are none.
async fn registry(login: Option<&str>, token: &'static str) -> Registry {
    let login = login.map(basic);
    let store = Store::one_image();
    Registry::serve(move |seen| {
        if seen.path == "/token" {
            return match &login {
                Some(login) if seen.authorization() != Some(login) => status(401),
                _ => json(token),
            };
        }
        guarded(seen, &store)
    })
    .await
}

fn guarded(seen: &Seen, store: &Store) -> Answer {
    if seen.authorization() == Some("Bearer t0ken") {
        store.answer(seen)
    } else {
        let host = seen.header("host").unwrap();
        challenge(&format!(
            r#"Bearer realm="http://{host}/token",service="the registry",scope="repository:a/b:pull,push registry:catalog:*""#
        ))
    }
}

#[tokio::test]
async fn a_token_to_pull_is_asked_for_once_for_a_repository() {
    let registry = registry(None, r#"{"token":"t0ken","expires_in":300}"#).await;
    let client = client();
    known(facts(&client, &registry.image("a/b:v1")).await);
    known(facts(&client, &registry.image("a/c:v1")).await);
    let tokens: Vec<Seen> = registry
        .seen()
        .into_iter()
        .filter(|seen| seen.path == "/token")
        .collect();
    let queries: Vec<&str> = tokens.iter().map(|seen| &*seen.query).collect();
    assert_eq!(
        queries,
        [
            "service=the+registry&scope=repository%3Aa%2Fb%3Apull",
            "service=the+registry&scope=repository%3Aa%2Fc%3Apull",
        ],
        "whatever the challenge asks for"
    );
}

#[tokio::test]
async fn a_token_is_given_for_a_password_and_those_without_are_denied() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(Some("user:right"), r#"{"access_token":"t0ken"}"#).await;
    let name = registry.image("a/b:v1");
    let right = client_with(keyring(&folder, &registry, "user:right"));
    let found = known(facts(&right, &name).await);
    assert!(
        found.credentials.ends_with("config.json"),
        "{}",
        found.credentials
    );
    let wrong = client_with(keyring(&folder, &registry, "user:wrong"));
    let denied = digest(&wrong, &name).await;
    assert_unavailable(&denied, Cause::Denied, "config.json, no credentials");
    assert_unavailable(
        &digest(&client(), &name).await,
        Cause::Denied,
        "no credentials",
    );
}

#[tokio::test]
async fn a_token_that_was_taken_back_is_asked_for_anew() {
    let round = Arc::new(AtomicUsize::new(0));
    let store = Store::one_image();
    let registry = {
        let round = Arc::clone(&round);
        Registry::serve(move |seen| {
            let now = round.load(Ordering::SeqCst);
            if seen.path == "/token" {
                return json(format!(r#"{{"token":"t{now}","expires_in":300}}"#));
            }
            if seen.authorization() == Some(&*format!("Bearer t{now}")) {
                store.answer(seen)
            } else {
                let host = seen.header("host").unwrap();
                challenge(&format!(r#"Bearer realm="http://{host}/token""#))
            }
        })
        .await
    };
    let client = client();
    known(facts(&client, &registry.image("a/b:v1")).await);
    round.store(1, Ordering::SeqCst);
    let v1 = registry.image("a/b:v2");
    assert_eq!(
        digest(&client, &v1).await,
        imagereview_core::facts::Fact::Absent
    );
}

#[tokio::test]
async fn an_identity_token_is_exchanged_by_post() {
    let store = Store::one_image();
    let registry = Registry::serve(move |seen| {
        if seen.path == "/token" {
            let form = String::from_utf8_lossy(&seen.body).into_owned();
            let is_right = seen.method == http::Method::POST
                && form.contains("grant_type=refresh_token")
                && form.contains("refresh_token=identity")
                && form.contains("scope=repository%3Aa%2Fb%3Apull");
            return if is_right {
                json(r#"{"access_token":"t0ken"}"#)
            } else {
                status(401)
            };
        }
        guarded(seen, &store)
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let text = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"identity"}}}}}}"#,
        registry.address
    );
    fs::write(&path, text).unwrap();
    let client = client_with(Keyring::new().with_docker_config(&path).unwrap());
    known(facts(&client, &registry.image("a/b:v1")).await);
    assert!(
        registry
            .seen()
            .iter()
            .all(|seen| !seen.query.contains("identity"))
    );
}

#[tokio::test]
async fn credentials_are_not_sent_to_another_host() {
    let thief = Registry::of(Store::new()).await;
    let port = thief.address.port();
    for realm in [
        // Another host, although it is the same machine.
        format!("http://localhost:{port}/token"),
        format!("https://127.0.0.2:{port}/token"),
        "https://127.0.0.1.example.com/token".to_owned(),
        "https://evil.example/token".to_owned(),
        format!("http://user:password@127.0.0.1:{port}/token"),
    ] {
        let challenged = format!(r#"Bearer realm="{realm}",service="x""#);
        let registry = Registry::serve(move |_| challenge(&challenged)).await;
        let folder = tempfile::tempdir().unwrap();
        let client = client_with(keyring(&folder, &registry, "user:password"));
        let found = digest(&client, &registry.image("a/b:v1")).await;
        assert_unavailable(&found, Cause::Forbidden, "tokenRealms");
        let seen = registry.seen();
        assert_eq!(seen.len(), 1, "{realm}");
        assert_eq!(seen[0].authorization(), None, "{realm}");
    }
    assert_eq!(thief.paths(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_realm_at_a_metadata_service_is_not_asked() {
    for realm in [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
    ] {
        let challenged = format!(r#"Bearer realm="{realm}""#);
        let registry = Registry::serve(move |_| challenge(&challenged)).await;
        let found = digest(&client(), &registry.image("a/b:v1")).await;
        assert_unavailable(&found, Cause::Forbidden, "another domain");
    }
    // Not even where the file allows the name: the address is another matter.
    let registry =
        Registry::serve(|_| challenge(r#"Bearer realm="http://169.254.169.254/token""#)).await;
    let client = client_of(&format!(
        "registries: [{{host: '{}', tokenRealms: ['http://169.254.169.254']}}]",
        registry.address
    ));
    let found = digest(&client, &registry.image("a/b:v1")).await;
    assert_unavailable(&found, Cause::Forbidden, "metadata");
}

#[tokio::test]
async fn a_realm_that_the_file_names_is_asked() {
    let auth = Registry::serve(|_| json(r#"{"token":"t0ken"}"#)).await;
    let realm = format!("http://localhost:{}/token", auth.address.port());
    let challenged = format!(r#"Bearer realm="{realm}""#);
    let store = Store::one_image();
    let registry = Registry::serve(move |seen| {
        if seen.authorization() == Some("Bearer t0ken") {
            store.answer(seen)
        } else {
            challenge(&challenged)
        }
    })
    .await;
    let client = client_of(&format!(
        "registries: [{{host: '{}', tokenRealms: ['{realm}']}}]",
        registry.address
    ));
    known(facts(&client, &registry.image("a/b:v1")).await);
}

#[tokio::test]
async fn a_token_that_can_not_be_used_is_refused() {
    for (answer, text) in [
        (
            r#"{"token":"a\r\nhost: evil"}"#,
            "does not fit into a header",
        ),
        (r#"{"token":"a b"}"#, "does not fit into a header"),
        (r#"{"token":""}"#, "holds none"),
        ("{}", "holds none"),
        ("[]", "holds none"),
        (r#"{"token":7}"#, "can't be read"),
    ] {
        let registry = registry(None, answer).await;
        let found = digest(&client(), &registry.image("a/b:v1")).await;
        assert_unavailable(&found, Cause::Denied, text);
    }
    let long: &'static str = format!(r#"{{"token":"{}"}}"#, "x".repeat(20_000)).leak();
    let registry = registry(None, long).await;
    let found = digest(&client(), &registry.image("a/b:v1")).await;
    assert_unavailable(&found, Cause::Denied, "does not fit");
    let huge: &'static str = format!(r#"{{"token":"{}"}}"#, "x".repeat(1 << 20)).leak();
    let registry = self::registry(None, huge).await;
    let found = digest(&client(), &registry.image("a/b:v1")).await;
    assert_unavailable(&found, Cause::TooLarge, "a token");
}

#[tokio::test]
async fn challenges_that_can_not_be_read_are_refused() {
    for (header, cause) in [
        (r#"Bearer service="x""#, Cause::Malformed),
        (r#"Bearer realm="x"#, Cause::Malformed),
        (r#"Bearer realm="a",realm="b""#, Cause::Malformed),
        (r#"Bearer realm="not a url""#, Cause::Malformed),
        ("Negotiate", Cause::Denied),
    ] {
        let registry = Registry::serve(move |_| challenge(header)).await;
        let found = digest(&client(), &registry.image("a/b:v1")).await;
        assert_unavailable(&found, cause, "login");
    }
}

#[tokio::test]
async fn a_realm_that_redirects_is_not_followed() {
    let thief = Registry::of(Store::new()).await;
    let target = format!("http://{}/", thief.address);
    let store = Store::one_image();
    let registry = Registry::serve(move |seen| {
        if seen.path == "/token" {
            crate::harness::redirect(&target)
        } else {
            guarded(seen, &store)
        }
    })
    .await;
    let found = digest(&client(), &registry.image("a/b:v1")).await;
    assert_unavailable(&found, Cause::Forbidden, "redirects a token");
    assert_eq!(thief.paths(), [] as [&str; 0]);
}
