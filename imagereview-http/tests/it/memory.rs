//! How much memory clients can make the program hold.

use std::{convert::Infallible, fmt::Write as _};

use bytes::Bytes;
use http_body_util::{BodyExt, channel::Channel};
use hyper::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    audit, faults, frames,
    harness::{
        Client, PROTOCOLS, Pki, Protocol, full, image_review, image_review_json, metrics_say,
        within,
    },
    load::Load,
    program::{Program, development_authority, unconfigured},
    webhook::{ALLOWED, Metrics, Webhook},
};

/// A body in as many pieces as it has bytes.
fn crumbs(protocol: Protocol, bytes: usize) -> Vec<u8> {
    let mut sent = Vec::new();
    match protocol {
        Protocol::Http1 => {
            let head = "POST /image_policy HTTP/1.1\r\nhost: localhost\r\n";
            let mut text = format!("{head}transfer-encoding: chunked\r\n\r\n");
            for _ in 0..bytes {
                write!(text, "1\r\n \r\n").unwrap();
            }
            sent.extend(text.as_bytes());
        }
        Protocol::Http2 => {
            sent.extend(frames::PREFACE);
            sent.extend(frames::frame(frames::SETTINGS, 0, 0, b""));
            sent.extend(frames::open(1));
            for _ in 0..bytes {
                sent.extend(frames::frame(frames::DATA, 0, 1, b" "));
            }
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_in_crumbs_takes_no_more_than_one_in_a_piece() {
    const LIMIT: usize = 1 << 20;
    let pki = Pki::new();
    let limit = format!("--max-body-bytes={LIMIT}");
    for protocol in PROTOCOLS {
        let webhook = Webhook::start(&pki, &[&limit]).await;
        let client = pki.client(None);
        webhook.answers(&client).await;
        let before = webhook.footprint().await;
        let mut stream = client.tls(webhook.address, protocol).await.unwrap();
        // One more than the limit, so that there is an answer when all are read; or an end, where
        // crumbs are too much for the protocol.
        let _ = stream.write_all(&crumbs(protocol, LIMIT + 1)).await;
        let mut answer = [0; 64];
        let _ = within(stream.read(&mut answer)).await;
        drop(stream);
        let after = webhook.lets_go(before).await;
        println!("{protocol:?}: {LIMIT} crumbs: {before} -> {after}");
        let more = after.peak - before.memory;
        assert!(more < 4 * LIMIT, "{protocol:?}: {more} bytes for {LIMIT}");
        webhook.stops().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_stall_hold_no_more_than_their_share() {
    const CLIENTS: usize = 40;
    const BODY: usize = 3 << 20;
    const SHARE: usize = 12 << 20;
    // What comes on top: buffers of connections, and a body while it is copied to a larger place.
    const BESIDE: usize = 48 << 20;
    let pki = Pki::new();
    let share = format!("--max-body-memory={SHARE}");
    for protocol in PROTOCOLS {
        let options = [&*share, "--body-timeout=10m"];
        let webhook = Webhook::start(&pki, &options).await;
        let client = pki.client(None);
        webhook.answers(&client).await;
        let before = webhook.footprint().await;
        let load = Load::start(pki.client(None), webhook.address, protocol, 1, &[ALLOWED]);
        let mut stalled = Vec::new();
        for _ in 0..CLIENTS {
            let mut connection = client.connect(webhook.address, protocol).await.unwrap();
            let (mut body, read) = Channel::<Bytes, Infallible>::new(1);
            let request = Request::post("/image_policy").body(read.boxed()).unwrap();
            let answer = tokio::spawn(async move { connection.send(request).await });
            let sent = within(async {
                // All but a byte, in the pieces in which clients write. One that has given way is
                // not read to its end.
                for piece in vec![b' '; BODY - 1].chunks(16 << 10) {
                    body.send_data(Bytes::copy_from_slice(piece)).await?;
                }
                Ok::<_, http_body_util::channel::SendError>(())
            })
            .await;
            stalled.push((body, answer, sent.is_ok()));
        }
        webhook.answers(&client).await;
        // The last bytes may still be on their way.
        let gave_way = within(async {
            loop {
                let metrics = Metrics::of(webhook.health).await;
                // Who comes while those that were told to go are still there is turned away.
                let gave_way: usize = ["gave_way", "overloaded"]
                    .map(|cause| {
                        metrics.value(&format!("imagereview_refusals_total{{cause=\"{cause}\"}}"))
                    })
                    .into_iter()
                    .sum();
                if gave_way >= CLIENTS - SHARE / (BODY - 1) {
                    return gave_way;
                }
            }
        })
        .await;
        let during = webhook.footprint().await;
        println!(
            "{protocol:?}: {CLIENTS} bodies of {} MiB, a share of {} MiB: {before} -> {during}; {gave_way} gave way",
            BODY >> 20,
            SHARE >> 20
        );
        let more = during.peak - before.memory;
        assert!(more < SHARE + BESIDE, "{protocol:?}: {more} bytes");
        drop(stalled);
        load.has_answered(10).await;
        let figures = load.stop().await;
        println!("beside them, {protocol:?}: {figures}");
        figures.assert_none_lost();
        webhook.answers(&client).await;
        webhook.lets_go(before).await;
        webhook.stops().await;
    }
}

/// An `ImageReview` of as many containers without an image as a body can hold.
fn containers(bytes: usize) -> String {
    let [begin, end] = [
        r#"{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{"containers":["#,
        "{}]}}",
    ];
    let many = (bytes - begin.len() - end.len()) / 3;
    [begin, &"{},".repeat(many), end].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_of_a_million_images_is_denied_at_once() {
    const BODY: usize = 3 << 20;
    let pki = Pki::new();
    let webhook = Webhook::start(&pki, &["--audit-log=audit.jsonl"]).await;
    let client = pki.client(None);
    webhook.answers(&client).await;
    let before = webhook.footprint().await;
    let body = containers(BODY);
    for protocol in PROTOCOLS {
        let mut connection = client.connect(webhook.address, protocol).await.unwrap();
        let request = Request::post("/image_policy")
            .body(full(body.clone()))
            .unwrap();
        let (allowed, reason) = connection.send(request).await.unwrap().verdict();
        assert!(!allowed, "{reason}");
        assert!(reason.contains("more than 10000 images"), "{reason}");
    }
    let after = webhook.lets_go(before).await;
    println!("a million images: {before} -> {after}");
    // Judging each would take five times as much.
    let more = after.peak - before.memory;
    assert!(more < 100 * BODY, "{more} bytes");
    webhook.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_log_that_stands_still_holds_few_long_lines() {
    const SENT: usize = 24;
    const QUEUED: usize = 32 << 20;
    const BESIDE: usize = 48 << 20;
    let pki = Pki::new();
    for when_full in ["drop-new", "drop-old"] {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, reader) = audit::pipe(folder.path());
        let options = [
            format!("--audit-log={}", pipe.display()),
            format!("--audit-when-full={when_full}"),
        ];
        let options = options.each_ref().map(|text| &**text);
        let webhook = Webhook::start(&pki, &options).await;
        let client = pki.client(None);
        let before = webhook.footprint().await;
        let mut connection = client
            .connect(webhook.address, Protocol::Http2)
            .await
            .unwrap();
        // One that is denied and stands in the log as it is.
        let long = format!("a/{}", "b".repeat(1 << 20));
        for _ in 0..SENT {
            let answer = connection.send(image_review(&[&long])).await.unwrap();
            assert!(!answer.verdict().0);
        }
        let after = webhook.footprint().await;
        let metrics = Metrics::of(webhook.health).await;
        let dropped = metrics.value("imagereview_audit_records_dropped_total");
        println!("{when_full}: {SENT} long lines, {dropped} dropped: {before} -> {after}");
        assert!(dropped > 0);
        let more = after.peak - before.memory;
        assert!(more < QUEUED + BESIDE, "{more} bytes");
        drop(reader);
        drop(webhook);
    }
}

#[tokio::test]
async fn answers_and_log_lines_are_short_whatever_is_asked() {
    const SHORT: usize = 4096;
    let long = "x".repeat(1 << 16);
    let image_review = |field: &str, value: &str| {
        format!(
            r#"{{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{{"{field}":{value}}}}}"#
        )
    };
    let admission_review = |field: &str, value: &str, object: &str| {
        format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","operation":"CREATE",
            "kind":{{"group":"","version":"v1","kind":"Pod"}},"object":{{"apiVersion":"v1","kind":"Pod",
            "spec":{{"containers":[{{"image":"a:1"}}]}},"metadata":{{{object}}}}},"{field}":{value}}}}}"#
        )
        // A field that stands twice is refused.
        .replace(if field == "uid" { r#""uid":"u","# } else { "\0" }, "")
    };
    let text = format!("\"{long}\"");
    let rows = [
        (
            "/image_policy",
            "a namespace",
            image_review("namespace", &text),
        ),
        (
            "/image_policy",
            "an image",
            image_review("containers", &format!(r#"[{{"image":{text}}}]"#)),
        ),
        (
            "/image_policy",
            "a key",
            image_review("annotations", &format!("{{{text}:1}}")),
        ),
        ("/validate", "a uid", admission_review("uid", &text, "")),
        ("/validate", "a name", admission_review("name", &text, "")),
        (
            "/validate",
            "a user",
            admission_review("userInfo", &format!(r#"{{"username":{text}}}"#), ""),
        ),
        (
            "/validate",
            "a label",
            admission_review("name", "\"a\"", &format!(r#""labels":{{{text}:1}}"#)),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(&mut unconfigured(folder.path()));
    let address = program.listens().await;
    let client = Client::new(&development_authority(folder.path()), None);
    for (path, name, body) in rows {
        let mut connection = client.connect(address, Protocol::Http2).await.unwrap();
        let request = Request::post(path).body(full(body)).unwrap();
        let answer = connection.send(request).await.unwrap();
        assert!(answer.body.len() < SHORT, "{name}: {}", answer.body.len());
        let line = program.logs("peer=").await;
        assert!(line.len() < SHORT, "{name}: {}", line.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_takes_hold_little() {
    const CONNECTIONS: usize = 20;
    const STREAMS: u32 = 250;
    // Of a stream with its answer.
    const BYTES: usize = 16 << 10;
    let pki = Pki::new();
    let options = ["--body-timeout=5s", "--answer-timeout=5s"];
    let webhook = Webhook::start(&pki, &options).await;
    let client = pki.client(None);
    webhook.answers(&client).await;
    let before = webhook.footprint().await;
    let body = image_review_json(&[ALLOWED]);
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = client.tls(webhook.address, Protocol::Http2).await.unwrap();
        stream.write_all(&faults::without_window()).await.unwrap();
        for number in 1..STREAMS {
            let request = [
                frames::open(2 * number + 1),
                frames::frame(
                    frames::DATA,
                    frames::END_STREAM,
                    2 * number + 1,
                    body.as_bytes(),
                ),
            ];
            stream.write_all(&request.concat()).await.unwrap();
        }
        stream.flush().await.unwrap();
        held.push(stream);
    }
    let asked = CONNECTIONS * usize::try_from(STREAMS).unwrap();
    // Two more were at the start.
    let reviews = "imagereview_reviews_total{endpoint=\"image_policy\",outcome=\"allowed\"}";
    metrics_say(webhook.health, &format!("{reviews} {}", asked + 2)).await;
    let during = webhook.footprint().await;
    println!("{asked} answers that are not taken: {before} -> {during}");
    webhook.answers(&client).await;
    assert!(
        during.memory - before.memory < asked * BYTES,
        "{before}; {during}"
    );
    drop(held);
    webhook.lets_go(before).await;
    webhook.stops().await;
}
