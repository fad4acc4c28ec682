//! What is remembered, for how long, and for whom.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    time::Duration,
};

use http::Method;
use imagereview_core::{
    ImageRef,
    facts::{Cause, Fact, ImageFacts, Need, Needs},
};
use imagereview_registry::{Client, Keyring, Limits, Registries};

use crate::harness::{
    Registry, Store, assert_unavailable, client, client_with, config, digest, facts, keyring,
    known, soon, status,
};

#[tokio::test]
async fn a_thousand_who_ask_at_once_cost_one_fetch_of_each_thing() {
    let registry = Registry::of(Store::one_image()).await;
    let client = client();
    let name: Arc<str> = registry.image("a/b:v1").into();
    let asks: Vec<_> = (0..1000)
        .map(|_| {
            let (client, name) = (client.clone(), Arc::clone(&name));
            tokio::spawn(async move { facts(&client, &name).await })
        })
        .collect();
    for ask in asks {
        known(ask.await.unwrap());
    }
    assert_eq!(registry.paths().len(), 2, "{:?}", registry.paths());
}

fn forgetful(tag: Duration, absence: Duration, failure: Duration) -> Client {
    let mut limits = Limits::default();
    limits.tag_lifetime = tag;
    limits.absence_lifetime = absence;
    limits.failure_lifetime = failure;
    Client::new(Registries::new().with_localhost(), Keyring::new(), limits)
}

#[tokio::test]
async fn a_tag_is_asked_for_again_by_its_headers_and_content_never() {
    let registry = Registry::of(Store::one_image()).await;
    let client = forgetful(Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for _ in 0..3 {
        known(facts(&client, &registry.image("a/b:v1")).await);
    }
    let methods: Vec<Method> = registry
        .seen()
        .into_iter()
        .map(|seen| seen.method)
        .collect();
    let (get, head) = (Method::GET, Method::HEAD);
    assert_eq!(methods, [get.clone(), get, head.clone(), head]);
}

#[tokio::test]
async fn a_tag_that_was_moved_is_seen_when_its_time_is_over() {
    let mut store = Store::new();
    let one = store.add_image(&config("linux", "amd64", "1"));
    let two = store.add_image(&config("linux", "amd64", "2"));
    store.tag("v1", &one);
    let current = Arc::new(std::sync::Mutex::new(store));
    let registry = {
        let current = Arc::clone(&current);
        Registry::serve(move |seen| current.lock().unwrap().answer(seen)).await
    };
    let remembers = forgetful(Duration::from_secs(3600), Duration::ZERO, Duration::ZERO);
    let forgets = forgetful(Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let name = registry.image("a/b:v1");
    for client in [&remembers, &forgets] {
        assert_eq!(known(facts(client, &name).await).digest, one);
    }
    current.lock().unwrap().tag("v1", &two);
    assert_eq!(known(facts(&remembers, &name).await).digest, one);
    assert_eq!(known(facts(&forgets, &name).await).digest, two);
}

#[tokio::test]
async fn absence_and_failure_are_remembered_for_their_time() {
    let hour = Duration::from_secs(3600);
    for (absence, failure, code, requests) in [
        (hour, Duration::ZERO, 404, 1),
        (hour, Duration::ZERO, 500, 3),
        (Duration::ZERO, hour, 404, 3),
        (Duration::ZERO, hour, 500, 1),
    ] {
        let registry = Registry::serve(move |_| status(code)).await;
        let client = forgetful(hour, absence, failure);
        for _ in 0..3 {
            let found = digest(&client, &registry.image("a/b:v1")).await;
            assert_eq!(found == Fact::Absent, code == 404, "{found:?}");
        }
        assert_eq!(
            registry.paths().len(),
            requests,
            "{code} {absence:?} {failure:?}"
        );
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded_by_bytes() {
    let mut store = Store::new();
    for index in 0..200 {
        let text = config("linux", "amd64", &format!("{index}"));
        let image = store.add_image(&text.replace(r#""a""#, &format!("\"{}\"", "x".repeat(4000))));
        store.tag(&format!("v{index}"), &image);
    }
    let registry = Registry::of(store).await;
    let mut limits = Limits::default();
    // A quarter of it is for configurations: about 25 of these.
    limits.cache_bytes = 4 * 120_000;
    let client = Client::new(Registries::new().with_localhost(), Keyring::new(), limits);
    let name = |index: usize| registry.image(&format!("a/b:v{index}"));
    for index in 0..200 {
        known(facts(&client, &name(index)).await);
    }
    let before = registry.paths().len();
    known(facts(&client, &name(199)).await);
    assert_eq!(registry.paths().len(), before, "the last is kept");
    known(facts(&client, &name(0)).await);
    assert!(registry.paths().len() > before, "the first is not");
}

#[tokio::test]
async fn what_one_may_read_is_not_handed_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::private("user:right").await;
    let tenant = client_with(keyring(&folder, &registry, "user:right"));
    let other = tenant.with_keyring(keyring(&folder, &registry, "user:wrong"));
    let nobody = tenant.with_keyring(Keyring::new());
    let name = registry.image("a/b:v1");
    let found = known(facts(&tenant, &name).await);
    assert!(
        found.credentials.ends_with("config.json"),
        "{}",
        found.credentials
    );
    let by_digest = registry.image(&format!("a/b@{}", found.digest));
    for client in [&other, &nobody] {
        for name in [&name, &by_digest] {
            let denied = facts(client, name).await;
            assert_unavailable(&denied, Cause::Denied, "no credentials");
        }
    }
    known(facts(&tenant, &by_digest).await);
}

/// What is needed of an image, where an older answer is good enough for this long.
async fn needed(
    client: &Client,
    name: &str,
    need: Need,
    stale_for: Duration,
) -> Fact<Arc<ImageFacts>> {
    let image = ImageRef::parse(name).unwrap();
    let mut needs = Needs::new();
    needs.add_stale(&image, need, stale_for);
    let facts = client.facts(&needs, soon(), |_| {}).await;
    facts.image(&image).unwrap().clone()
}

#[tokio::test]
async fn an_older_answer_is_taken_only_while_the_registry_is_away_and_a_rule_allows_it() {
    let hour = Duration::from_secs(3600);
    for need in [Need::Digest, Need::All] {
        let answer = Arc::new(AtomicU16::new(200));
        let store = Store::one_image();
        let registry = {
            let answer = Arc::clone(&answer);
            Registry::serve(move |seen| match answer.load(Ordering::SeqCst) {
                200 => store.answer(seen),
                code => status(code),
            })
            .await
        };
        let client = forgetful(Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let name = registry.image("a/b:v1");
        let first = known(needed(&client, &name, need.clone(), hour).await);
        answer.store(500, Ordering::SeqCst);
        let older = known(needed(&client, &name, need.clone(), hour).await);
        assert_eq!(older, first, "with the time at which it was told");
        let strict = needed(&client, &name, need.clone(), Duration::ZERO).await;
        assert_unavailable(&strict, Cause::Failed, "status 500");
        let other = needed(&client, &registry.image("a/b:v2"), need.clone(), hour).await;
        assert_unavailable(&other, Cause::Failed, "status 500");
        let brief = Duration::from_nanos(1);
        let too_old = needed(&client, &name, need.clone(), brief).await;
        assert_unavailable(&too_old, Cause::Failed, "status 500");
        // One that has it no more is not away, and neither is one that denies.
        answer.store(404, Ordering::SeqCst);
        assert_eq!(
            needed(&client, &name, need.clone(), hour).await,
            Fact::Absent
        );
        answer.store(401, Ordering::SeqCst);
        let denied = needed(&client, &name, need.clone(), hour).await;
        assert_unavailable(&denied, Cause::Denied, "");
    }
}

#[tokio::test]
async fn a_registry_that_is_slow_is_not_waited_for_where_there_is_an_older_answer() {
    let hour = Duration::from_secs(3600);
    let store = Store::one_image();
    let silent = Arc::new(AtomicBool::new(false));
    let registry = {
        let (silent, store) = (Arc::clone(&silent), Arc::new(store));
        Registry::serve_later(move |seen| {
            let (is_silent, store) = (silent.load(Ordering::SeqCst), Arc::clone(&store));
            async move {
                if is_silent {
                    std::future::pending::<()>().await;
                }
                store.answer(&seen)
            }
        })
        .await
    };
    let client = forgetful(Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let name = registry.image("a/b:v1");
    let first = known(needed(&client, &name, Need::All, hour).await);
    silent.store(true, Ordering::SeqCst);
    // Its deadline is a minute away, and the time for one request 3 s.
    let older = known(needed(&client, &name, Need::All, hour).await);
    assert_eq!(older, first);
}
