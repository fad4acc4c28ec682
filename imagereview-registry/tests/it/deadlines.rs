//! A caller's deadline holds whatever a registry does, and what misses it goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Response, header};
use http_body_util::{BodyExt, channel::Channel};
use imagereview_core::ImageRef;
use imagereview_core::facts::Cause;
use imagereview_registry::{Client, Keyring, Limits, Registries};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::harness::{
    OCI_MANIFEST, Registry, Store, assert_unavailable, client, digest, eventually, facts, known,
};

fn shortly() -> Instant {
    Instant::now() + Duration::from_millis(100)
}

fn impatient(headers: Duration, fetch: Duration) -> Client {
    let mut limits = Limits::default();
    limits.headers_timeout = headers;
    limits.fetch_timeout = fetch;
    Client::new(Registries::new().with_localhost(), Keyring::new(), limits)
}

#[tokio::test]
async fn what_misses_its_deadline_goes_on_and_is_found_by_the_next() {
    let store = Arc::new(Store::one_image());
    let go = Arc::new(Semaphore::new(0));
    let registry = {
        let go = Arc::clone(&go);
        Registry::serve_later(move |seen| {
            let (store, go) = (Arc::clone(&store), Arc::clone(&go));
            async move {
                let _permit = go.acquire().await;
                store.answer(&seen)
            }
        })
        .await
    };
    let client = client();
    let name = registry.image("a/b:v1");
    let image = ImageRef::parse(&name).unwrap();
    let late = client.image(&image, &[], shortly()).await;
    assert_unavailable(&late, Cause::Deadline, &registry.address.to_string());
    go.add_permits(10);
    eventually("the configuration was asked for", || {
        registry.seen().len() == 2
    })
    .await;
    known(facts(&client, &name).await);
    assert_eq!(registry.seen().len(), 2, "nothing was asked for twice");
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let is_closed = Arc::new(AtomicBool::new(false));
    let registry = {
        let is_closed = Arc::clone(&is_closed);
        Registry::serve(move |_| {
            let (mut sender, body) = Channel::<Bytes>::new(1);
            let is_closed = Arc::clone(&is_closed);
            tokio::spawn(async move {
                while sender.send_data(Bytes::from_static(b" ")).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                is_closed.store(true, Ordering::SeqCst);
            });
            let answer = Response::builder().header(header::CONTENT_TYPE, OCI_MANIFEST);
            answer.body(body.boxed()).unwrap()
        })
        .await
    };
    let client = impatient(Duration::from_secs(60), Duration::from_millis(300));
    let name = registry.image("a/b:v1");
    let image = ImageRef::parse(&name).unwrap();
    let late = client.digest(&image, shortly()).await;
    assert_unavailable(&late, Cause::Deadline, "");
    let given_up = digest(&client, &name).await;
    assert_unavailable(&given_up, Cause::Deadline, "");
    eventually("the connection was closed", || {
        is_closed.load(Ordering::SeqCst)
    })
    .await;
}

#[tokio::test]
async fn a_registry_that_says_nothing_is_given_up() {
    // Connections wait in the listener's queue, and nobody takes them.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("{}/a/b:v1", listener.local_addr().unwrap());
    let client = impatient(Duration::from_millis(100), Duration::from_secs(60));
    let found = digest(&client, &name).await;
    assert_unavailable(&found, Cause::Deadline, "did not answer in 100ms");
}

#[tokio::test]
async fn a_dead_registry_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let found = digest(&client(), &format!("{address}/a/b:v1")).await;
    assert_unavailable(&found, Cause::Unreachable, "nothing listens there");
    let found = digest(&client(), "registry.invalid/a/b:v1").await;
    assert_unavailable(
        &found,
        Cause::Unreachable,
        "no address for registry.invalid",
    );
}

#[tokio::test]
async fn what_is_in_the_cache_is_told_whatever_the_time() {
    let registry = Registry::of(Store::one_image()).await;
    let name = registry.image("a/b:v1");
    let image = ImageRef::parse(&name).unwrap();
    let client = client();
    known(digest(&client, &name).await);
    known(client.digest(&image, Instant::now()).await);
}
