//! Redirects: one, for blobs, without credentials.

use imagereview_core::facts::Cause;

use crate::harness::{
    Registry, Store, assert_unavailable, challenge, client, client_of, client_with, digest, facts,
    keyring, known, redirect,
};

/// A registry whose blobs are elsewhere.
async fn redirecting_blobs(to: impl Fn(&str) -> String + Send + Sync + 'static) -> Registry {
    let store = Store::one_image();
    Registry::serve(move |seen| {
        if seen.path.contains("/blobs/") {
            redirect(&to(&seen.path))
        } else {
            store.answer(seen)
        }
    })
    .await
}

#[tokio::test]
async fn a_blob_is_fetched_from_elsewhere_without_credentials() {
    let storage = Registry::of(Store::one_image()).await;
    let store = Store::one_image();
    let port = storage.address.port();
    let registry = Registry::serve(move |seen| {
        if seen.authorization().is_none() {
            challenge("Basic realm=x")
        } else if seen.path.contains("/blobs/") {
            redirect(&format!("http://localhost:{port}{}?signature=s", seen.path))
        } else {
            store.answer(seen)
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let client = client_with(keyring(&folder, &registry, "user:password"));
    let found = known(facts(&client, &registry.image("a/b:v1")).await);
    assert!(
        found.platforms()[0]
            .details
            .as_ref()
            .unwrap()
            .known()
            .is_some()
    );
    let seen = storage.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].query, "signature=s");
    for name in ["authorization", "cookie", "proxy-authorization"] {
        assert_eq!(seen[0].header(name), None, "{name}");
    }
}

#[tokio::test]
async fn a_blob_that_is_elsewhere_must_be_the_same() {
    let mut store = Store::one_image();
    let text = crate::harness::config("linux", "amd64", "1000");
    let digest = imagereview_registry::sha256_of(text.as_bytes());
    store.replace(&format!("blobs/{digest}"), text.replace("1000", "0   "));
    let storage = Registry::of(store).await;
    let address = storage.address;
    let registry = redirecting_blobs(move |path| format!("http://{address}{path}")).await;
    let found = known(facts(&client(), &registry.image("a/b:v1")).await);
    let details = found.platforms()[0].details.as_ref().unwrap();
    assert_unavailable(details, Cause::Dishonest, "digest");
}

#[tokio::test]
async fn endless_redirects_end_after_one() {
    let registry = redirecting_blobs(str::to_owned).await;
    let found = known(facts(&client(), &registry.image("a/b:v1")).await);
    let details = found.platforms()[0].details.as_ref().unwrap();
    assert_unavailable(details, Cause::Forbidden, "redirects further");
    assert_eq!(registry.paths().len(), 3, "{:?}", registry.paths());
}

#[tokio::test]
async fn a_blob_is_not_fetched_from_where_no_name_may_lead() {
    let secret = "http://169.254.169.254/latest/meta-data/iam/security-credentials/x";
    for (target, text) in [
        (secret, "metadata"),
        ("http://[fd00:ec2::254]/x", "metadata"),
        ("http://169.254.0.1/x", "link-local"),
        ("http://user:password@localhost/x", "a URL with a user"),
        ("file:///etc/passwd", "which is not https"),
        ("gopher://localhost/x", "which is not https"),
        ("http://", "redirects a blob"),
    ] {
        let registry = redirecting_blobs(|_| target.to_owned()).await;
        let found = known(facts(&client(), &registry.image("a/b:v1")).await);
        let details = found.platforms()[0].details.as_ref().unwrap();
        assert_unavailable(details, Cause::Forbidden, text);
        let why = details.unavailable().unwrap().message();
        assert!(!why.contains("password@") && !why.contains("iam"), "{why}");
    }
}

#[tokio::test]
async fn a_manifest_is_not_fetched_from_elsewhere_unless_a_file_says_so() {
    let elsewhere = Registry::of(Store::one_image()).await;
    let target = elsewhere.address;
    let registry =
        Registry::serve(move |seen| redirect(&format!("http://{target}{}", seen.path))).await;
    let name = registry.image("a/b:v1");
    let found = digest(&client(), &name).await;
    assert_unavailable(&found, Cause::Forbidden, "redirects a manifest");
    assert_eq!(elsewhere.paths(), [] as [&str; 0]);

    let entry = |host: &str| {
        let address = registry.address;
        client_of(&format!(
            "registries: [{{host: '{address}', manifestRedirects: ['{host}']}}]"
        ))
    };
    let found = digest(&entry(&format!("localhost:{}", target.port())), &name).await;
    assert_unavailable(&found, Cause::Forbidden, "redirects a manifest");
    known(facts(&entry(&target.to_string()), &name).await);
}
