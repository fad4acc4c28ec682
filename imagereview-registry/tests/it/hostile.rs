//! Registries that attack: what they send is refused, with what they did, and takes no more memory
//! and time than is allowed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Response, header};
use http_body_util::{BodyExt, channel::Channel};
use imagereview_core::facts::{Cause, Fact, MediaType};
use imagereview_registry::{Limits, sha256_of};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::harness::{
    Answer, OCI_INDEX, OCI_MANIFEST, Registry, Store, assert_unavailable, client, client_of,
    config, digest, facts, known, status, typed,
};

/// How much a registry gets rid of before it is told to stop: the most that is read, and what the
/// buffers of both ends hold.
const BUFFERS: usize = 24 << 20;

/// An answer without end, or of a length that it says, that counts what was taken of it.
fn endless(length: Option<usize>, sent: &Arc<AtomicUsize>) -> Answer {
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let sent = Arc::clone(sent);
    tokio::spawn(async move {
        let chunk = Bytes::from(vec![b' '; 64 << 10]);
        while sender.send_data(chunk.clone()).await.is_ok() {
            sent.fetch_add(chunk.len(), Ordering::SeqCst);
        }
    });
    let mut answer = Response::builder().header(header::CONTENT_TYPE, OCI_MANIFEST);
    if let Some(length) = length {
        answer = answer.header(header::CONTENT_LENGTH, length);
    }
    answer.body(body.boxed()).unwrap()
}

#[tokio::test]
async fn a_manifest_of_400_mb_is_not_read() {
    for length in [Some(400 << 20), None] {
        let sent = Arc::new(AtomicUsize::new(0));
        let registry = {
            let sent = Arc::clone(&sent);
            Registry::serve(move |_| endless(length, &sent)).await
        };
        let found = digest(&client(), &registry.image("a/b:v1")).await;
        let limit = Limits::default().manifest_bytes.to_string();
        assert_unavailable(&found, Cause::TooLarge, &limit);
        let sent = sent.load(Ordering::SeqCst);
        assert!(sent < BUFFERS, "{length:?}: {sent} bytes were taken");
    }
}

#[tokio::test]
async fn a_configuration_of_400_mb_is_not_read() {
    let store = Store::one_image();
    let sent = Arc::new(AtomicUsize::new(0));
    let registry = {
        let sent = Arc::clone(&sent);
        Registry::serve(move |seen| {
            if seen.path.contains("/blobs/") {
                endless(None, &sent)
            } else {
                store.answer(seen)
            }
        })
        .await
    };
    let found = known(facts(&client(), &registry.image("a/b:v1")).await);
    let details = found.platforms()[0].details.as_ref().unwrap();
    assert_unavailable(details, Cause::TooLarge, "a blob");
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < BUFFERS, "{sent} bytes were taken");
}

#[tokio::test]
async fn an_error_of_400_mb_is_not_read() {
    let sent = Arc::new(AtomicUsize::new(0));
    let registry = {
        let sent = Arc::clone(&sent);
        Registry::serve(move |_| {
            let mut answer = endless(None, &sent);
            *answer.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            answer
        })
        .await
    };
    let found = digest(&client(), &registry.image("a/b:v1")).await;
    assert_unavailable(&found, Cause::Failed, "status 500");
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < BUFFERS, "{sent} bytes were taken");
}

#[tokio::test]
async fn a_zip_bomb_is_not_unpacked() {
    let registry = Registry::serve(|_| {
        let mut answer = typed(OCI_MANIFEST, &b"\x1f\x8b\x08"[..]);
        let gzip = http::HeaderValue::from_static("gzip");
        answer.headers_mut().insert(header::CONTENT_ENCODING, gzip);
        answer
    })
    .await;
    let found = digest(&client(), &registry.image("a/b:v1")).await;
    assert_unavailable(&found, Cause::Malformed, "gzip");
    assert_eq!(registry.seen()[0].header("accept-encoding"), None);
}

#[tokio::test]
async fn content_with_another_digest_is_refused() {
    let honest = Store::one_image();
    let v1 = sha256_of(&honest.bytes("manifests/v1"));
    let manifest = format!("manifests/{v1}");
    let mut liar = honest.clone();
    let other = String::from_utf8(honest.bytes(&manifest).to_vec()).unwrap() + " ";
    liar.replace(&manifest, other);
    let registry = Registry::of(liar).await;
    let found = digest(&client(), &registry.image(&format!("a/b@{v1}"))).await;
    assert_unavailable(&found, Cause::Dishonest, v1.as_str());
}

#[tokio::test]
async fn a_configuration_with_another_digest_is_refused() {
    let mut store = Store::new();
    let text = config("linux", "amd64", "1000");
    let image = store.add_image(&text);
    store.tag("v1", &image);
    let path = format!("blobs/{}", sha256_of(text.as_bytes()));
    store.replace(&path, text.replace("1000", "0   "));
    let registry = Registry::of(store).await;
    let found = known(facts(&client(), &registry.image("a/b:v1")).await);
    let details = found.platforms()[0].details.as_ref().unwrap();
    assert_unavailable(details, Cause::Dishonest, "digest");
}

#[tokio::test]
async fn a_header_that_claims_another_digest_is_refused() {
    let store = Store::one_image();
    for (claim, cause) in [
        (format!("sha256:{}", "0".repeat(64)), Cause::Dishonest),
        (format!("sha512:{}", "0".repeat(128)), Cause::Dishonest),
        (
            "md5:d41d8cd98f00b204e9800998ecf8427e".to_owned(),
            Cause::Malformed,
        ),
        ("sha256:00".to_owned(), Cause::Malformed),
    ] {
        let store = store.clone();
        let value = claim.parse().unwrap();
        let registry = Registry::serve(move |seen| {
            let mut answer = store.answer(seen);
            let headers = answer.headers_mut();
            headers.insert("docker-content-digest", http::HeaderValue::clone(&value));
            answer
        })
        .await;
        let found = digest(&client(), &registry.image("a/b:v1")).await;
        assert_unavailable(&found, cause, "digest");
    }
}

#[tokio::test]
async fn media_types_that_contradict_each_other_are_refused() {
    let config = sha256_of(b"{}");
    let image = format!(
        r#""config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":2}},"layers":[]"#
    );
    let index = r#""manifests":[]"#;
    let schema_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    for (sent_as, own, content, cause) in [
        (OCI_MANIFEST, OCI_INDEX, index, Cause::Dishonest),
        (OCI_INDEX, OCI_MANIFEST, &*image, Cause::Dishonest),
        (OCI_INDEX, OCI_INDEX, &*image, Cause::Dishonest),
        (OCI_MANIFEST, OCI_MANIFEST, index, Cause::Dishonest),
        (
            OCI_MANIFEST,
            OCI_MANIFEST,
            &*format!("{image},{index}"),
            Cause::Dishonest,
        ),
        (
            OCI_INDEX,
            OCI_INDEX,
            &*format!("{image},{index}"),
            Cause::Dishonest,
        ),
        ("text/html", "", &*image, Cause::Dishonest),
        (schema_1, OCI_MANIFEST, &*image, Cause::Unsupported),
        (OCI_MANIFEST, schema_1, &*image, Cause::Unsupported),
        (
            OCI_MANIFEST,
            OCI_MANIFEST,
            r#""fsLayers":[]"#,
            Cause::Unsupported,
        ),
        (OCI_MANIFEST, OCI_MANIFEST, "", Cause::Malformed),
        (
            OCI_MANIFEST,
            OCI_MANIFEST,
            &*format!("{image},{image}"),
            Cause::Malformed,
        ),
        (
            OCI_MANIFEST,
            OCI_MANIFEST,
            &*format!("{image},\"Layers\":[]"),
            Cause::Malformed,
        ),
    ] {
        let comma = if content.is_empty() { "" } else { "," };
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{own}"{comma}{content}}}"#);
        let sent = text.clone();
        let registry = Registry::serve(move |_| typed(sent_as, sent.clone())).await;
        let found = digest(&client(), &registry.image("a/b:v1")).await;
        match &found {
            Fact::Unavailable(why) => assert_eq!(why.cause(), cause, "{text}: {why}"),
            other => panic!("{sent_as} {text}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_index_that_lists_itself_is_refused() {
    // By digest it can't be; a registry can only lie.
    let mut store = Store::new();
    let image = store.add_image("{}");
    let inner = store.add_index(&[(&image, "linux/amd64")]);
    let outer = store.add_index(&[(&inner, "")]);
    store.tag("v1", &outer);
    let bytes = store.bytes(&format!("manifests/{outer}"));
    store.replace(&format!("manifests/{inner}"), bytes);
    let registry = Registry::of(store).await;
    let found = facts(&client(), &registry.image("a/b:v1")).await;
    assert_unavailable(&found, Cause::Dishonest, inner.as_str());
}

#[tokio::test]
async fn indexes_that_are_too_deep_or_too_wide_are_refused() {
    let mut store = Store::new();
    let image = store.add_image(&config("linux", "amd64", ""));
    let mut deep = store.add_index(&[(&image, "linux/amd64")]);
    for depth in 1..=4 {
        deep = store.add_index(&[(&deep, "")]);
        store.tag(&format!("deep{depth}"), &deep);
    }
    let limit = Limits::default().platforms;
    let wide = store.add_index(&vec![(&image, "linux/amd64"); limit]);
    store.tag("wide", &wide);
    let too_wide = store.add_index(&vec![(&image, "linux/amd64"); limit + 1]);
    store.tag("too-wide", &too_wide);
    // Each level multiplies.
    let level = store.add_index(&[(&wide, ""); 8]);
    let bomb = store.add_index(&[(&level, ""); 8]);
    store.tag("bomb", &bomb);
    let registry = Registry::of(store).await;
    let client = client();
    for (tag, is_fine) in [
        ("deep1", true),
        ("deep2", true),
        ("deep3", false),
        ("deep4", false),
        ("wide", true),
        ("too-wide", false),
        ("bomb", false),
    ] {
        let found = facts(&client, &registry.image(&format!("a/b:{tag}"))).await;
        if is_fine {
            known(found);
        } else {
            assert_unavailable(&found, Cause::TooLarge, "");
        }
    }
}

#[tokio::test]
async fn an_index_that_says_another_size_or_type_is_refused() {
    let mut store = Store::new();
    let image = store.add_image(&config("linux", "amd64", ""));
    let size = store.bytes(&format!("manifests/{image}")).len();
    for (tag, media_type, size) in [
        ("size", OCI_MANIFEST, size + 1),
        (
            "type",
            "application/vnd.docker.distribution.manifest.v2+json",
            size,
        ),
    ] {
        let index = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{"mediaType":"{media_type}","digest":"{image}","size":{size},"platform":{{"os":"linux","architecture":"amd64"}}}}]}}"#
        );
        let index = store.add_manifest(OCI_INDEX, &index);
        store.tag(tag, &index);
    }
    let registry = Registry::of(store).await;
    for tag in ["size", "type"] {
        let found = known(facts(&client(), &registry.image(&format!("a/b:{tag}"))).await);
        let details = found.platforms()[0].details.as_ref().unwrap();
        assert_unavailable(details, Cause::Dishonest, "");
    }
}

#[tokio::test]
async fn numbers_that_would_overflow_are_refused() {
    let config = sha256_of(b"{}");
    for size in [
        "18446744073709551615",
        "-1",
        "1e300",
        "1099511627777",
        "null",
        "\"2\"",
    ] {
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"digest":"{config}","size":2}},"layers":[{{"digest":"{config}","size":{size}}}]}}"#
        );
        let registry = Registry::serve(move |_| typed(OCI_MANIFEST, text.clone())).await;
        let found = digest(&client(), &registry.image("a/b:v1")).await;
        assert_unavailable(&found, Cause::Malformed, "");
    }
}

#[tokio::test]
async fn foreign_layers_are_a_fact_and_are_not_fetched() {
    let elsewhere = Registry::of(Store::new()).await;
    let mut store = Store::new();
    let text = config("windows", "amd64", "");
    let blob = store.add_blob(text.clone());
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{blob}","size":{}}},"layers":[{{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"{blob}","size":5,"urls":["http://{}/layer"]}}]}}"#,
        text.len(),
        elsewhere.address
    );
    let manifest = store.add_manifest(OCI_MANIFEST, &manifest);
    store.tag("v1", &manifest);
    let registry = Registry::of(store).await;
    let found = known(facts(&client(), &registry.image("a/b:v1")).await);
    let details = found.platforms()[0].details.as_ref().unwrap();
    assert!(details.known().unwrap().has_foreign_layers);
    assert_eq!(elsewhere.paths(), [] as [&str; 0]);
}

#[tokio::test]
async fn an_artifact_has_a_digest_and_is_no_image() {
    let mut store = Store::new();
    let blob = store.add_blob("{}");
    let chart = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"{blob}","size":2}},"layers":[]}}"#
    );
    let chart = store.add_manifest(OCI_MANIFEST, &chart);
    store.tag("v1", &chart);
    let registry = Registry::of(store).await;
    let client = client();
    assert_eq!(
        digest(&client, &registry.image("a/b:v1")).await,
        Fact::Known(chart)
    );
    let found = known(facts(&client, &registry.image("a/b:v1")).await);
    let details = found.platforms()[0].details.as_ref().unwrap();
    assert_unavailable(details, Cause::Unsupported, "no image");
}

#[tokio::test]
async fn a_registry_that_asks_for_a_pause_gets_it() {
    let registry = Registry::serve(|_| {
        let mut answer = status(429);
        let pause = http::HeaderValue::from_static("60");
        answer.headers_mut().insert(header::RETRY_AFTER, pause);
        answer
    })
    .await;
    let client = client();
    for tag in ["a", "b", "c"] {
        let found = digest(&client, &registry.image(&format!("x/y:{tag}"))).await;
        assert_unavailable(&found, Cause::RateLimited, "pause");
    }
    assert_eq!(registry.paths().len(), 1, "nothing more is sent");
}

#[tokio::test]
async fn statuses_that_say_nothing_are_no_absence() {
    for code in [200, 204, 206, 304, 400, 405, 410, 418, 500, 502, 503, 599] {
        let registry = Registry::serve(move |_| status(code)).await;
        let found = digest(&client(), &registry.image("a/b:v1")).await;
        assert!(found.unavailable().is_some(), "{code}: {found:?}");
    }
}

/// A server that reads a request and sends these bytes.
async fn raw(bytes: Vec<u8>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&bytes).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(10_000));
    for bytes in [
        b"SSH-2.0-OpenSSH\r\n".to_vec(),
        vec![0; 1 << 20],
        Vec::new(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        long.into_bytes(),
        many.into_bytes(),
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let address = raw(bytes).await;
        let found = digest(&client(), &format!("{address}/a/b:v1")).await;
        match &found {
            Fact::Unavailable(why) => assert_eq!(why.cause(), Cause::Unreachable, "{shown}: {why}"),
            other => panic!("{shown}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_tag_that_is_moved_while_it_is_asked_for_gives_one_answer() {
    let mut store = Store::new();
    let one = store.add_image(&config("linux", "amd64", "1"));
    let two = store.add_image(&config("linux", "amd64", "2"));
    let (store_one, mut store_two) = (&mut store.clone(), store);
    store_one.tag("v1", &one);
    store_two.tag("v1", &two);
    let asked = AtomicUsize::new(0);
    let store_one = store_one.clone();
    let registry = Registry::serve(move |seen| {
        // Each time a tag is asked for, it means another.
        let is_first =
            asked.fetch_add(usize::from(seen.path.ends_with("/v1")), Ordering::SeqCst) == 0;
        if is_first {
            store_one.answer(seen)
        } else {
            store_two.answer(seen)
        }
    })
    .await;
    let found = known(facts(&client(), &registry.image("a/b:v1")).await);
    assert_eq!(found.digest, one);
    assert_eq!(found.platforms()[0].digest, one);
    let details = found.platforms()[0].details.as_ref().unwrap();
    assert_eq!(details.known().unwrap().user, "1");
}

#[tokio::test]
async fn a_budget_of_requests_is_kept() {
    let in_flight = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let store = Arc::new(Store::one_image());
    let registry = {
        let most = Arc::clone(&most);
        Registry::serve_later(move |seen| {
            let (in_flight, most) = (Arc::clone(&in_flight), Arc::clone(&most));
            let store = Arc::clone(&store);
            async move {
                let now = in_flight.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                in_flight.fetch_sub(1, Ordering::SeqCst);
                store.answer(&seen)
            }
        })
        .await
    };
    let file = format!(
        "registries: [{{host: '{}', maxRequests: 3}}]",
        registry.address
    );
    let client = client_of(&file);
    let asks: Vec<_> = (0..100)
        .map(|index| {
            let (client, image) = (client.clone(), registry.image(&format!("a/b{index}:v1")));
            tokio::spawn(async move { digest(&client, &image).await })
        })
        .collect();
    for ask in asks {
        known(ask.await.unwrap());
    }
    let most = most.load(Ordering::SeqCst);
    assert!((1..=3).contains(&most), "{most}");
}

#[tokio::test]
async fn schema_1_is_a_fact_of_which_nothing_else_is_known() {
    const SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    // As libtrust writes it; the tail is a line feed and a bracket.
    let begin = "{\n   \"schemaVersion\": 1,\n   \"name\": \"a/b\",\n   \"tag\": \"v1\",\n   \"fsLayers\": []";
    let protected = STANDARD.encode(format!(
        r#"{{"formatLength":{},"formatTail":"Cn0","time":"2015-06-01T00:00:00Z"}}"#,
        begin.len()
    ));
    let text = format!("{begin},\n   \"signatures\": [{{\"protected\": \"{protected}\"}}]\n}}");
    let expected = sha256_of(format!("{begin}\n}}").as_bytes());
    for claimed in [
        Some(expected.clone()),
        None,
        Some(sha256_of(text.as_bytes())),
    ] {
        let is_true = claimed.as_ref().is_none_or(|claimed| *claimed == expected);
        let (text, header) = (text.clone(), claimed.clone());
        let registry = Registry::serve(move |_| {
            let mut answer = typed(SIGNED, text.clone());
            if let Some(digest) = &header {
                let digest = digest.as_str().parse().unwrap();
                answer.headers_mut().insert("docker-content-digest", digest);
            }
            answer
        })
        .await;
        for name in [
            registry.image("a/b:v1"),
            registry.image(&format!("a/b@{expected}")),
        ] {
            let found = facts(&client(), &name).await;
            if !is_true && name.ends_with("v1") {
                assert_unavailable(&found, Cause::Dishonest, "in place of");
                continue;
            }
            let found = known(found);
            assert_eq!(found.digest, expected);
            assert_eq!(found.media_type, Some(MediaType::DockerSchema1));
            let details = found.platforms()[0].details.as_ref().unwrap();
            assert_unavailable(details, Cause::Unsupported, "schema 1");
        }
    }
}
