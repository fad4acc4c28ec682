//! How much memory clients can make the program hold.

use std::{convert::Infallible, fmt::Write as _, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, channel::Channel};
use hyper::{Request, StatusCode};
use imagereview_core::review::ENTRIES_LIMIT;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::{JoinSet, yield_now},
};

use crate::{
    audit, faults, frames,
    harness::{
        Answer, Client, PROTOCOLS, Pki, Protocol, RequestBody, full, image_review,
        image_review_json, metrics_say, within,
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

/// A review in which an entry of a list or a map comes many times.
#[derive(Clone, Copy)]
struct Entries {
    path: &'static str,
    /// What comes before them and after them.
    around: [&'static str; 2],
    /// `#` in it is its number.
    entry: &'static str,
}

impl Entries {
    fn of_image_review(field: [&'static str; 2], entry: &'static str) -> Self {
        Self {
            path: "/image_policy",
            around: field,
            entry,
        }
    }

    fn of_object(path: &'static str, fields: [&'static str; 2], entry: &'static str) -> Self {
        Self {
            path,
            around: fields,
            entry,
        }
    }

    /// Each kind of entry that is kept, as short as it may be.
    fn all() -> [Self; 9] {
        [
            Self::of_image_review([r#""containers":["#, "{}]"], "{},"),
            Self::of_image_review([r#""annotations":{"#, r#""x":""}"#], r##""#":"","##),
            Self::of_object("/validate", [r#""spec":{"containers":["#, "{}]}}"], "{},"),
            Self::of_object(
                "/mutate",
                [r#""spec":{"volumes":["#, "{}]}}"],
                r#"{"image":{}},"#,
            ),
            Self::of_object(
                "/mutate",
                [r#""spec":{"imagePullSecrets":["#, "{}]}}"],
                "{},",
            ),
            Self::of_object(
                "/validate",
                [r#""items":["#, r#"{}],"spec":{"containers":[{}]}}"#],
                "{},",
            ),
            Self::of_object(
                "/validate",
                [r#""spec":{},"metadata":{"labels":{"#, r#""x":""}}}"#],
                r##""#":"","##,
            ),
            Self::of_object(
                "/validate",
                [r#""spec":{}},"userInfo":{"groups":["#, r#"""]}"#],
                r#""","#,
            ),
            Self::of_object(
                "/validate",
                [
                    r#""spec":{"containers":[{}]}},"oldObject":{"kind":"Pod","spec":{"containers":["#,
                    "{}]}}",
                ],
                "{},",
            ),
        ]
    }

    /// So many of them.
    fn body(&self, many: usize) -> String {
        let entries: String = if self.entry.contains('#') {
            (0..many)
                .map(|key| self.entry.replace('#', &key.to_string()))
                .collect()
        } else {
            self.entry.repeat(many)
        };
        let [before, after] = self.around;
        if self.path == "/image_policy" {
            format!(
                r#"{{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{{{before}{entries}{after}}}}}"#
            )
        } else {
            format!(
                r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","operation":"UPDATE","object":{{"apiVersion":"v1","kind":"Pod",{before}{entries}{after}}}}}"#
            )
        }
    }

    /// As many as a body may hold.
    fn longest_body(&self) -> String {
        // An AdmissionReview may be twice as long.
        let limit = if self.path == "/image_policy" {
            BODY
        } else {
            2 * BODY
        };
        // With room for the numbers.
        let digits = 6 * self.entry.matches('#').count();
        self.body((limit - 400) / (self.entry.len() + digits))
    }
}

/// What `--max-body-bytes` is unless told otherwise.
const BODY: usize = 3 << 20;

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

fn post(path: &str, body: String) -> Request<RequestBody> {
    Request::post(path).body(full(body)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_of_a_million_entries_is_denied_and_takes_little_more_than_its_bytes() {
    let pki = Pki::new();
    let client = pki.client(None);
    for entries in Entries::all() {
        let webhook = Webhook::start(&pki, &["--audit-log=audit.jsonl"]).await;
        webhook.answers(&client).await;
        let before = webhook.footprint().await;
        let body = entries.longest_body();
        let bytes = body.len();
        for protocol in PROTOCOLS {
            let mut connection = client.connect(webhook.address, protocol).await.unwrap();
            let request = post(entries.path, body.clone());
            let (allowed, reason) = decision(&connection.send(request).await.unwrap());
            assert!(!allowed, "{:?}: {reason}", entries.around);
        }
        let after = webhook.lets_go(before).await;
        let more = after.peak - before.memory;
        println!(
            "{} bytes, {} of {:?}: {} KiB more",
            bytes,
            entries.entry,
            entries.around,
            more >> 10
        );
        // The body itself is copied while it comes.
        assert!(more < 4 * bytes, "{:?}: {more} bytes", entries.around);
        webhook.stops().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_a_million_deep_take_little_more_than_their_bytes() {
    let pki = Pki::new();
    let client = pki.client(None);
    let deep = "[".repeat(BODY / 2 - 100);
    let closed = deep.clone() + &"]".repeat(deep.len());
    let review = |field: &str, value: &str| {
        format!(
            r#"{{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{{"{field}":{value}}}}}"#
        )
    };
    for (name, body, status) in [
        ("passed over", review("more", &closed), StatusCode::OK),
        (
            "passed over, without an end",
            review("more", &deep),
            StatusCode::BAD_REQUEST,
        ),
        (
            "in place of containers",
            review("containers", &closed),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let webhook = Webhook::start(&pki, &[]).await;
        webhook.answers(&client).await;
        let before = webhook.footprint().await;
        let bytes = body.len();
        for protocol in PROTOCOLS {
            let mut connection = client.connect(webhook.address, protocol).await.unwrap();
            let request = post("/image_policy", body.clone());
            let answer = connection.send(request).await.unwrap();
            assert_eq!(answer.status, status, "{name}: {answer:?}");
        }
        let after = webhook.lets_go(before).await;
        let more = after.peak - before.memory;
        println!("{name}: {bytes} bytes: {} KiB more", more >> 10);
        assert!(more < 5 * bytes, "{name}: {more} bytes");
        webhook.stops().await;
    }
}

/// A review of as many containers as are read.
fn largest_review(container: &str) -> [(&'static str, String); 3] {
    let list = vec![container; ENTRIES_LIMIT].join(",");
    let pod = format!(r#"{{"apiVersion":"v1","kind":"Pod","spec":{{"containers":[{list}]}}}}"#);
    let [image_review, admission_review] = [
        r#"{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":"#,
        r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"UPDATE","object":"#,
    ];
    [
        (
            "/image_policy",
            format!(r#"{image_review}{{"containers":[{list}]}}}}"#),
        ),
        ("/validate", format!("{admission_review}{pod}}}}}")),
        (
            "/validate",
            format!(r#"{admission_review}{pod},"oldObject":{pod}}}}}"#),
        ),
    ]
}

/// Containers of which each breaks a rule: as short as may be, and as long as a body has room for.
fn containers() -> [String; 3] {
    let image = |image: &str| format!(r#"{{"image":"{image}"}}"#);
    [
        "{}".to_owned(),
        image(&"A".repeat(280)),
        image(&format!("{}:latest", "a".repeat(270))),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_review_takes_what_is_documented() {
    let pki = Pki::new();
    let client = pki.client(None);
    for container in containers() {
        for (path, body) in largest_review(&container) {
            let webhook = Webhook::start(&pki, &["--audit-log=audit.jsonl"]).await;
            webhook.answers(&client).await;
            let before = webhook.footprint().await;
            let bytes = body.len();
            let mut connection = client
                .connect(webhook.address, Protocol::Http2)
                .await
                .unwrap();
            let answer = connection.send(post(path, body)).await.unwrap();
            drop(connection);
            // An unchanged image is let pass.
            let is_all_unchanged = decision(&answer).0;
            let after = webhook.lets_go(before).await;
            let more = after.peak - before.memory;
            println!(
                "{path}: {} KiB, allowed: {is_all_unchanged}: {} KiB more",
                bytes >> 10,
                more >> 10
            );
            assert!(more < DECIDING, "{path}: {bytes} bytes: {more} more");
            webhook.stops().await;
        }
    }
}

/// What a decision takes at most, body and record included.
const DECIDING: usize = 40 << 20;

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

/// A record can be far longer than the body that it is about, and as many requests may wait as may be
/// in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_wait_for_the_audit_log_wait_without_a_record() {
    const SENT: usize = 200;
    // Each makes a record of 700 KiB.
    const CONTAINERS: usize = 5_000;
    const QUEUED: usize = 32 << 20;
    const BESIDE: usize = 32 << 20;
    let pki = Pki::new();
    let folder = tempfile::tempdir().unwrap();
    let (pipe, reader) = audit::pipe(folder.path());
    let log = format!("--audit-log={}", pipe.display());
    let webhook = Webhook::start(&pki, &[&log, "--audit-when-full=block"]).await;
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
    // Those whose records are in the queue are answered.
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

/// What the sums of docs/reliability.md are for what is done here: the program, all bodies, four
/// decisions at a time, a full queue of the audit log, and answers that are not taken.
const HARD_LIMIT: usize = 320 << 20;

/// Asks until there is an answer of 200, as an API server does after 429 and 408.
async fn persist(
    client: &Client,
    address: SocketAddr,
    protocol: Protocol,
    path: &'static str,
    body: Bytes,
) -> (bool, String, usize) {
    let mut again = 0;
    loop {
        let mut connection = client.connect(address, protocol).await.unwrap();
        let request = Request::post(path).body(full(body.clone())).unwrap();
        // A connection that is closed over a body which gives way may take the answer with it.
        match connection.send(request).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                let (allowed, reason) = decision(&answer);
                return (allowed, reason, again);
            }
            Ok(answer) => assert!(
                matches!(
                    answer.status,
                    StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                ),
                "{answer:?}"
            ),
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
    const TIMES: usize = 1;
    let pki = Arc::new(Pki::new());
    let folder = tempfile::tempdir().unwrap();
    let (pipe, reader) = audit::pipe(folder.path());
    let log = format!("--audit-log={}", pipe.display());
    // An allocation beyond it ends the process.
    let limited = format!("ulimit -d {} && exec", HARD_LIMIT >> 10);
    let options = [&*log];
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
    // Answers that nobody takes.
    for _ in 0..CONNECTIONS {
        let mut stream = client.tls(webhook.address, Protocol::Http2).await.unwrap();
        stream.write_all(&faults::without_window()).await.unwrap();
        let body = image_review_json(&[ALLOWED]);
        for number in 1..UNTAKEN {
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
        held.push(Box::new(stream));
    }
    // Reviews of very many entries, and the largest that are decided, each on a connection of its own.
    let mut reviews: Vec<(&str, Bytes)> = Vec::new();
    for entries in Entries::all() {
        reviews.push((entries.path, entries.longest_body().into()));
    }
    for container in containers() {
        for (path, body) in largest_review(&container).into_iter().take(2) {
            reviews.push((path, body.into()));
        }
    }
    let mut asking = JoinSet::new();
    for _ in 0..TIMES {
        for (path, body) in &reviews {
            for protocol in PROTOCOLS {
                let (client, address, path, body) =
                    (Arc::clone(&client), webhook.address, *path, body.clone());
                asking.spawn(async move { persist(&client, address, protocol, path, body).await });
            }
        }
    }
    let sent = asking.len();
    let mut again = 0;
    while let Some(answer) = within(asking.join_next()).await {
        let (allowed, reason, times) = answer.unwrap();
        assert!(!allowed, "{reason}");
        again += times;
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
    webhook.lets_go(before).await;
    // What waits for a log that stands still would be waited for.
    drop(reader);
    let errors = webhook.stops_with_errors().await;
    let of_log = |line: &String| line.contains("the audit log can't be written");
    assert!(errors.iter().all(of_log), "{errors:#?}");
}
