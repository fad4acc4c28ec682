//! What an honest registry tells.

use imagereview_core::ImageRef;
use imagereview_core::facts::{Fact, Platform};
use imagereview_registry::sha256_of;

use crate::harness::{
    OCI_MANIFEST, Registry, Store, assert_unavailable, client, client_of, config, digest, facts,
    known, soon,
};

#[tokio::test]
async fn a_single_image() {
    let registry = Registry::of(Store::one_image()).await;
    let facts = known(facts(&client(), &registry.image("team/app:v1")).await);
    assert_eq!(facts.media_type.unwrap().as_str(), OCI_MANIFEST);
    assert_eq!(*facts.resolved_from, registry.address.to_string());
    assert_eq!(&*facts.credentials, "no credentials");
    let [platform] = facts.platforms() else {
        panic!("{facts:?}");
    };
    assert_eq!(platform.digest, facts.digest);
    assert_eq!(
        platform.platform.as_ref().unwrap().to_string(),
        "linux/amd64"
    );
    let details = platform.details.as_ref().unwrap().known().unwrap();
    assert_eq!(
        humantime::format_rfc3339(details.created.unwrap()).to_string(),
        "2026-11-01T12:00:00Z"
    );
    assert_eq!(
        details.size,
        1000 + config("linux", "amd64", "1000").len() as u64
    );
    assert_eq!(details.layers, 1);
    assert!(!details.has_foreign_layers);
    assert_eq!(details.user, "1000");
    assert_eq!(details.labels["team"], "a");
    assert_eq!(details.volumes, ["/data"]);
    assert_eq!(details.exposed_ports, ["8080/tcp"]);
    assert_eq!(details.entrypoint, ["/app"]);
    assert_eq!(details.command, ["run"]);
    assert_eq!(
        registry.paths().len(),
        2,
        "the manifest and the configuration, each once: {:?}",
        registry.paths()
    );
}

#[tokio::test]
async fn an_index_of_platforms_without_its_attestations() {
    let mut store = Store::new();
    let amd64 = store.add_image(&config("linux", "amd64", "1000"));
    let arm64 = store.add_image(&config("linux", "arm64", ""));
    let attestation = store.add_image("{}");
    let inner = store.add_index(&[(&arm64, "linux/arm64")]);
    let index = store.add_index(&[
        (&amd64, "linux/amd64"),
        (&attestation, "unknown/unknown"),
        (&inner, ""),
    ]);
    store.tag("v1", &index);
    let registry = Registry::of(store).await;
    let image = registry.image("team/app:v1");

    let all = known(facts(&client(), &image).await);
    assert_eq!(all.digest, index);
    let found: Vec<_> = all
        .platforms()
        .iter()
        .map(|facts| (facts.platform.clone().unwrap().to_string(), &facts.digest))
        .collect();
    assert_eq!(
        found,
        [
            ("linux/amd64".to_owned(), &amd64),
            ("linux/arm64".to_owned(), &arm64)
        ]
    );
    let user = |index: usize| {
        let details: &Fact<_> = all.platforms()[index].details.as_ref().unwrap();
        details.known().unwrap().user.clone()
    };
    assert_eq!((user(0), user(1)), ("1000".to_owned(), String::new()));

    let wanted: Platform = "linux/arm64".parse().unwrap();
    let image = ImageRef::parse(&image).unwrap();
    let some = known(client().image(&image, &[wanted], soon()).await);
    assert!(some.platforms()[0].details.is_none());
    assert!(some.platforms()[1].details.is_some());
    let text = serde_json::to_value(&*some).unwrap();
    assert_eq!(text["platforms"][1]["platform"], "linux/arm64");
    assert_eq!(text["platforms"][1]["details"]["known"]["user"], "");
}

#[tokio::test]
async fn a_digest_in_the_name_is_asked_for_too() {
    let store = Store::one_image();
    let v1 = sha256_of(&store.bytes("manifests/v1"));
    let registry = Registry::of(store).await;
    let client = client();
    let found = digest(&client, &registry.image(&format!("team/app@{v1}"))).await;
    assert_eq!(found, Fact::Known(v1));
    let other = sha256_of(b"other");
    let found = digest(&client, &registry.image(&format!("team/app@{other}"))).await;
    assert_eq!(found, Fact::Absent);
    let sha384 = format!("team/app@sha384:{}", "0".repeat(96));
    let found = digest(&client, &registry.image(&sha384)).await;
    assert_unavailable(
        &found,
        imagereview_core::facts::Cause::Unsupported,
        "algorithm",
    );
}

#[tokio::test]
async fn what_is_not_there_is_absent() {
    let registry = Registry::of(Store::one_image()).await;
    let client = client();
    assert_eq!(
        digest(&client, &registry.image("team/app:v2")).await,
        Fact::Absent
    );
    assert_eq!(
        facts(&client, &registry.image("team/app:v2")).await,
        Fact::Absent
    );
}

#[tokio::test]
async fn mirrors_are_asked_first_and_the_registry_where_they_fail() {
    let mirror = Registry::of(Store::one_image()).await;
    let mut store = Store::one_image();
    let v2 = store.add_image(&config("linux", "amd64", "2"));
    store.tag("v2", &v2);
    let registry = Registry::of(store).await;
    let client = client_of(&format!(
        "registries: [{{host: '{}', mirrors: ['127.0.0.1:1', '{}/hub']}}]",
        registry.address, mirror.address
    ));
    let v1 = known(facts(&client, &registry.image("team/app:v1")).await);
    assert_eq!(*v1.resolved_from, mirror.address.to_string());
    assert!(
        mirror
            .paths()
            .contains(&"GET /v2/hub/team/app/manifests/v1".to_owned())
    );
    assert_eq!(registry.paths(), [] as [&str; 0]);
    let found = known(facts(&client, &registry.image("team/app:v2")).await);
    assert_eq!(*found.resolved_from, registry.address.to_string());
}

#[tokio::test]
async fn a_registry_that_may_not_be_asked_is_not() {
    let registry = Registry::of(Store::one_image()).await;
    for (file, setting) in [
        (
            format!("registries: [{{host: '{}', ask: never}}]", registry.address),
            "ask: never",
        ),
        ("unlisted: refuse".to_owned(), "unlisted: refuse"),
    ] {
        let found = digest(&client_of(&file), &registry.image("team/app:v1")).await;
        assert_unavailable(&found, imagereview_core::facts::Cause::Forbidden, setting);
    }
    assert_eq!(registry.paths(), [] as [&str; 0]);
}
