//! How much memory clients can make the program hold.

use std::{convert::Infallible, fmt::Write as _, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, channel::Channel};
use hyper::{Request, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::{JoinSet, yield_now},
};

use crate::{
    audit,
    entries::{BODY, Entries, largest_creation, largest_reviews},
    faults, frames,
    harness::{
        Answer, Client, PROTOCOLS, Pki, Protocol, RequestBody, full, image_review, metrics_say,
        within,
    },
    load::Load,
    program::{Program, development_authority, unconfigured},
    webhook::{ALLOWED, DENIED, Metrics, Webhook, turned_away},
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
        // One more than the limit, so that there is a response when all are read; or an end, where
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
                // All but a byte, in the pieces in which clients write. One that was evicted is
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
        let gave_way = turned_away(webhook.health, CLIENTS - SHARE / (BODY - 1)).await;
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

/// Whether a review was allowed, and why not.
fn decision(answer: &Answer) -> (bool, String) {
    let json = answer.json();
    let [allowed, reason] = match json["kind"].as_str() {
        Some("ImageReview") => [&json["status"]["allowed"], &json["status"]["reason"]],
        _ => [
            &json["response"]["allowed"],
            &json["response"]["status"]["message"],
        ],
    };
    let reason = reason.as_str().unwrap_or_default().to_owned();
    (
        allowed.as_bool().unwrap_or_else(|| panic!("{json}")),
        reason,
    )
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<RequestBody> {
    Request::post(path).body(full(body)).unwrap()
}

/// How a program with these options responds to a body over each of these protocols, and how much more
/// memory it has held for that.
async fn cost(
    options: &[&str],
    path: &str,
    body: &str,
    protocols: &[Protocol],
) -> (Vec<Answer>, usize) {
    let pki = Pki::new();
    let client = pki.client(None);
    let options = [options, &["--audit-log=audit.jsonl"]].concat();
    let webhook = Webhook::start(&pki, &options).await;
    // Not everything is there before the first response.
    client
        .review(webhook.address, Protocol::Http2, &[DENIED])
        .await;
    let before = webhook.footprint().await;
    let mut answers = Vec::new();
    for protocol in protocols {
        let mut connection = client.connect(webhook.address, *protocol).await.unwrap();
        answers.push(connection.send(post(path, body.to_owned())).await.unwrap());
    }
    let after = webhook.lets_go(before).await;
    webhook.stops().await;
    (answers, after.peak - before.memory)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_of_a_million_entries_is_denied_and_takes_little_more_than_its_bytes() {
    for entries in Entries::all() {
        let body = entries.longest_body();
        let (answers, more) = cost(&[], entries.path, &body, &PROTOCOLS).await;
        let (bytes, around) = (body.len(), entries.around);
        println!(
            "{bytes} bytes of {:?} in {around:?}: {} KiB more",
            entries.entry,
            more >> 10
        );
        for answer in answers {
            let (allowed, reason) = decision(&answer);
            assert!(!allowed, "{around:?}: {reason}");
        }
        // As many images as the limit are decided, and each of them is a violation here.
        let lists_images = around[0].ends_with("containers\":[") || around[0].contains("volumes");
        let decided = if lists_images { 16 << 20 } else { 0 };
        // The body itself is copied while it comes.
        assert!(more < 4 * bytes + decided, "{around:?}: {more} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_a_million_deep_take_little_more_than_their_bytes() {
    let open = "[".repeat(BODY / 2 - 100);
    let closed = open.clone() + &"]".repeat(open.len());
    for (field, value, status) in [
        ("unknown", &closed, StatusCode::OK),
        ("unknown", &open, StatusCode::BAD_REQUEST),
        ("containers", &closed, StatusCode::BAD_REQUEST),
    ] {
        let body = format!(
            r#"{{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{{"{field}":{value}}}}}"#
        );
        let (answers, more) = cost(&[], "/image_policy", &body, &PROTOCOLS).await;
        let bytes = body.len();
        println!("{bytes} bytes, {field}, {status}: {} KiB more", more >> 10);
        for answer in answers {
            assert_eq!(answer.status, status, "{field}: {answer:?}");
        }
        assert!(more < 5 * bytes, "{field}, {status}: {more} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_reviews_take_what_is_documented() {
    const MOST: usize = 40 << 20;
    // One of no more bytes than are decided without a permit.
    let small = ("/validate", Entries::all()[2].body(5_350), false);
    for (path, body, is_allowed) in largest_reviews().into_iter().chain([small]) {
        let (answers, more) = cost(&[], path, &body, &[Protocol::Http2]).await;
        println!(
            "{path}: {} KiB, allowed: {is_allowed}: {} KiB more",
            body.len() >> 10,
            more >> 10
        );
        for answer in answers {
            let (allowed, reason) = decision(&answer);
            assert_eq!(allowed, is_allowed, "{path}: {reason}");
        }
        assert!(more < MOST, "{path}: {} bytes: {more} more", body.len());
    }
}

/// Each violation has its reason in both languages, and each change is a part of the response.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_every_image_breaks_and_mutations_take_what_is_documented() {
    const MOST: usize = 110 << 20;
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    let document = "apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: everything}
mode: warn
rules:
  - {name: digests, digest: {}}
  - {name: tags, tags: {deny: [latest]}}
  - {name: registries, registries: {allow: [registry.example.com]}}
  - {name: repositories, repositories: {allow: ['registry.example.com/**']}}
mutations:
  mirrors: [{from: docker.io/**, to: mirror.example.com/hub/**}]
  pullPolicies: [{tags: ['*'], policy: Always}]
  pullSecrets: [{repositories: mirror.example.com/**, secret: mirror}]
";
    std::fs::write(&policy, document).unwrap();
    let policy = format!("--policy={}", policy.display());
    let container = format!(r#"{{"image":"{}"}}"#, "a".repeat(230));
    for container in [r#"{"image":"a"}"#, &container] {
        let (path, body) = largest_creation(container);
        let (answers, more) = cost(&[&policy], path, &body, &[Protocol::Http2]).await;
        println!("{path}: {} KiB: {} KiB more", body.len() >> 10, more >> 10);
        for answer in answers {
            // The patch is made, and is too large.
            let (allowed, reason) = decision(&answer);
            assert!(!allowed);
            assert!(reason.contains("too many for one response"), "{reason}");
        }
        assert!(more < MOST, "{} bytes: {more} more", body.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_log_that_hangs_holds_few_long_lines() {
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
        // One that is denied and is in the log as it is.
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
async fn responses_and_log_lines_are_short_whatever_is_asked() {
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
        // A field that appears twice is refused.
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
async fn responses_that_nobody_takes_hold_little() {
    const CONNECTIONS: usize = 20;
    const STREAMS: u32 = 250;
    // Of a stream with its response.
    const BYTES: usize = 16 << 10;
    let pki = Pki::new();
    let options = [
        "--body-timeout=5s",
        "--answer-timeout=5s",
        "--max-response-memory=100000000",
    ];
    let webhook = Webhook::start(&pki, &options).await;
    let client = pki.client(None);
    webhook.answers(&client).await;
    let before = webhook.footprint().await;
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = client.tls(webhook.address, Protocol::Http2).await.unwrap();
        stream
            .write_all(&faults::without_window(STREAMS))
            .await
            .unwrap();
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

/// A record can be far longer than the body that it is about, and as many requests may wait as may be
/// in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_that_wait_for_the_audit_log_wait_without_a_record() {
    const SENT: usize = 200;
    // Each makes a record of 700 KiB.
    const CONTAINERS: usize = 5_000;
    const QUEUED: usize = 32 << 20;
    const BESIDE: usize = 32 << 20;
    let pki = Pki::new();
    let folder = tempfile::tempdir().unwrap();
    let (pipe, reader) = audit::pipe(folder.path());
    let log = format!("--audit-log={}", pipe.display());
    // Here the wait is for the log, and not for a permit.
    let options = [&log, "--audit-when-full=block", "--review-timeout=10m"];
    let webhook = Webhook::start(&pki, &options).await;
    let client = pki.client(None);
    webhook.answers(&client).await;
    let before = webhook.footprint().await;
    let body = Entries::all()[0].body(CONTAINERS);
    let mut asking = JoinSet::new();
    for _ in 0..SENT {
        let mut connection = client
            .connect(webhook.address, Protocol::Http2)
            .await
            .unwrap();
        let request = post("/image_policy", body.clone());
        asking.spawn(async move { decision(&connection.send(request).await.unwrap()).0 });
    }
    // Those whose records are in the queue get a response.
    let mut answered = 0;
    let during = within(async {
        loop {
            let now = webhook.footprint().await;
            while let Some(allowed) = asking.try_join_next() {
                assert!(!allowed.unwrap());
                answered += 1;
            }
            if now.requests + answered == SENT {
                return now;
            }
        }
    })
    .await;
    println!(
        "{SENT} reviews of {CONTAINERS} images: {before} -> {during}, {} wait",
        during.requests
    );
    let more = during.peak - before.memory;
    drop(reader);
    while let Some(allowed) = within(asking.join_next()).await {
        assert!(!allowed.unwrap());
    }
    assert!(more < QUEUED + BESIDE, "{more} bytes");
}

/// What all of this together may take with the default settings, and an audit log whose queue is full.
const HARD_LIMIT: usize = 192 << 20;

/// Asks until there is a response of 200, as an API server does after 429 and 408; tells how often
/// again.
async fn persist(
    client: &Client,
    address: SocketAddr,
    protocol: Protocol,
    path: &str,
    body: Bytes,
) -> (Answer, usize) {
    let mut again = 0;
    loop {
        let mut connection = client.connect(address, protocol).await.unwrap();
        match connection.send(post(path, body.clone())).await {
            Ok(answer) if answer.status == StatusCode::OK => return (answer, again),
            Ok(answer) => assert!(
                [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT]
                    .contains(&answer.status),
                "{answer:?}"
            ),
            // The response to a body that is not read to its end may be lost to a reset.
            Err(error) => eprintln!("{protocol:?}: {error:?}"),
        }
        again += 1;
        yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_it_at_once_under_a_hard_limit_of_memory_loses_nothing() {
    const STALLED: usize = 40;
    const UNTAKEN: u32 = 200;
    const CONNECTIONS: usize = 10;
    let pki = Arc::new(Pki::new());
    let folder = tempfile::tempdir().unwrap();
    let (pipe, reader) = audit::pipe(folder.path());
    let log = format!("--audit-log={}", pipe.display());
    // An allocation beyond it ends the process. Each thread has a stack and a heap of its own.
    let limited = format!(
        "export TOKIO_WORKER_THREADS=2 && ulimit -d {} && exec",
        HARD_LIMIT >> 10
    );
    // However busy the machine is, each review is decided: what waits longer holds more, not less.
    let options = [&*log, "--review-timeout=10m"];
    let webhook = Webhook::start_under(&limited, &pki, &options).await;
    let client = Arc::new(pki.client(None));
    webhook.answers(&client).await;
    let before = webhook.footprint().await;
    let load = PROTOCOLS
        .map(|protocol| Load::start(pki.client(None), webhook.address, protocol, 2, &[ALLOWED]));
    println!("{before}");
    let mut held: Vec<Box<dyn std::any::Any>> = Vec::new();
    // Bodies that stall.
    for number in 0..STALLED {
        let protocol = PROTOCOLS[number % PROTOCOLS.len()];
        let mut connection = client.connect(webhook.address, protocol).await.unwrap();
        let (mut body, read) = Channel::<Bytes, Infallible>::new(1);
        let request = Request::post("/image_policy").body(read.boxed()).unwrap();
        let answer = tokio::spawn(async move { connection.send(request).await });
        let stalling = tokio::spawn(async move {
            for piece in vec![b' '; BODY - 1].chunks(16 << 10) {
                if body.send_data(Bytes::copy_from_slice(piece)).await.is_err() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        });
        held.push(Box::new((answer, stalling)));
    }
    // Responses that nobody takes.
    for _ in 0..CONNECTIONS {
        let mut stream = client.tls(webhook.address, Protocol::Http2).await.unwrap();
        stream
            .write_all(&faults::without_window(UNTAKEN))
            .await
            .unwrap();
        stream.flush().await.unwrap();
        held.push(Box::new(stream));
    }
    // Reviews of very many entries, and the largest that are decided, each on a connection of its own.
    let denied = |entries: Entries| (entries.path, entries.longest_body(), false);
    let reviews = Entries::all()
        .map(denied)
        .into_iter()
        .chain(largest_reviews());
    let mut asking = JoinSet::new();
    for (path, body, is_allowed) in reviews {
        let body = Bytes::from(body);
        for protocol in PROTOCOLS {
            let (client, address, body) = (Arc::clone(&client), webhook.address, body.clone());
            asking.spawn(async move {
                let (answer, again) = persist(&client, address, protocol, path, body).await;
                let (allowed, reason) = decision(&answer);
                assert_eq!(allowed, is_allowed, "{path}: {reason}");
                again
            });
        }
    }
    let sent = asking.len();
    let mut again = 0;
    while let Some(times) = within(asking.join_next()).await {
        again += times.unwrap();
    }
    let during = webhook.footprint().await;
    println!("{sent} reviews, {again} of them asked again: {before} -> {during}");
    for (load, protocol) in load.into_iter().zip(PROTOCOLS) {
        load.has_answered(50).await;
        let figures = load.stop().await;
        println!("beside them, {protocol:?}: {figures}");
        figures.assert_none_lost();
    }
    webhook.answers(&client).await;
    drop(held);
    // What waits for a log that hangs would be waited for, and takes memory.
    drop(reader);
    let after = webhook.lets_go(before).await;
    println!("afterwards: {after}");
    assert!(after.peak < HARD_LIMIT, "{after}");
    let errors = webhook.stops_with_errors().await;
    let of_log = |line: &String| line.contains("the audit log can't be written");
    assert!(errors.iter().all(of_log), "{errors:#?}");
}
