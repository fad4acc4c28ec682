//! Responses that nobody takes, under a hard limit of memory.

use std::sync::Arc;

use hyper::StatusCode;
use tokio::{io::AsyncWriteExt, sync::Semaphore};

use crate::{
    entries::largest_creation,
    frames,
    harness::{Pki, Protocol, within},
    webhook::{ALLOWED, Metrics, Webhook},
};

/// What the program may hold in all, with its default settings.
const HARD_LIMIT: usize = 192 << 20;

/// Under a limit beyond which an allocation ends the process. Each thread has a stack of its own, most of
/// which is never used.
async fn limited(pki: &Pki, options: &[&str]) -> Webhook {
    let limited = format!(
        "export TOKIO_WORKER_THREADS=2 && ulimit -d {} && exec",
        HARD_LIMIT >> 10
    );
    Webhook::start_under(&limited, pki, options).await
}

/// A policy that changes each image, as `docs/policy.md` has it, and one that allows one registry.
const MIRRORS: &str = "apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: mirrors}
rules:
  - {name: own-registry, registries: {allow: [mirror.example.com]}}
mutations:
  mirrors: [{from: docker.io/**, to: mirror.example.com/hub/**}]
";

fn policy() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    std::fs::write(&path, MIRRORS).unwrap();
    let option = format!("--policy={}", path.display());
    (folder, option)
}

/// A creation of a Pod of so many containers.
fn creation(containers: usize) -> String {
    let (_, body) = largest_creation(r#"{"image":"a"}"#);
    let whole = vec![r#"{"image":"a"}"#; 10_000].join(",");
    let few = vec![r#"{"image":"a"}"#; containers].join(",");
    body.replace(&whole, &few)
}

/// How many requests were reviewed, or turned away for others.
async fn reviewed(webhook: &Webhook) -> usize {
    let metrics = Metrics::of(webhook.health).await;
    let outcomes = ["allowed", "denied", "undecided"].map(|outcome| {
        format!("imagereview_reviews_total{{endpoint=\"mutate\",outcome=\"{outcome}\"}}")
    });
    let refusals = ["overloaded", "gave_way"]
        .map(|cause| format!("imagereview_refusals_total{{cause=\"{cause}\"}}"));
    let counts = outcomes.iter().chain(&refusals);
    counts.map(|name| metrics.value(name)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patches_over_http2_without_a_window_hold_no_more_than_their_budget() {
    const STREAMS: u32 = 240;
    let pki = Pki::new();
    let (_folder, policy) = policy();
    // The whole takes the patch beyond its limit; of the other, each response has some 400 KB.
    for containers in [9_999, 2_500] {
        let webhook = limited(&pki, &[&policy]).await;
        let client = pki.client(None);
        let before = webhook.footprint().await;
        let mut stream = client.tls(webhook.address, Protocol::Http2).await.unwrap();
        let mut sent = frames::PREFACE.to_vec();
        // SETTINGS_INITIAL_WINDOW_SIZE.
        sent.extend(frames::frame(
            frames::SETTINGS,
            0,
            0,
            &frames::setting(4, 0),
        ));
        // From then on a stream's own window is that of the server's SETTINGS.
        sent.extend(frames::frame(frames::SETTINGS, frames::ACK, 0, b""));
        stream.write_all(&sent).await.unwrap();
        let body = creation(containers);
        let (mut reader, mut writer) = tokio::io::split(stream);
        // What the server's window for the connection takes (RFC 9113, section 6.9.2).
        let window = Arc::new(Semaphore::new(65_535));
        let reading = tokio::spawn({
            let window = Arc::clone(&window);
            async move {
                while let Some(frame) = frames::Frame::read(&mut reader).await {
                    if (frame.kind, frame.stream) == (frames::WINDOW_UPDATE, 0) {
                        let more = u32::from_be_bytes(frame.payload.try_into().unwrap());
                        window.add_permits(usize::try_from(more).unwrap());
                    }
                }
                // The connection is cut.
                window.close();
            }
        });
        let writing = async {
            for stream in (0..STREAMS).map(|number| 2 * number + 1) {
                let head = frames::frame(
                    frames::HEADERS,
                    frames::END_HEADERS,
                    stream,
                    &frames::post_to("/mutate"),
                );
                writer.write_all(&head).await?;
                let mut pieces = body.as_bytes().chunks(16 << 10).peekable();
                while let Some(piece) = pieces.next() {
                    let flags = if pieces.peek().is_none() {
                        frames::END_STREAM
                    } else {
                        0
                    };
                    let length = u32::try_from(piece.len()).unwrap();
                    match window.acquire_many(length).await {
                        Ok(permit) => permit.forget(),
                        Err(_) => return Ok(()),
                    }
                    let data = frames::frame(frames::DATA, flags, stream, piece);
                    writer.write_all(&data).await?;
                }
            }
            std::io::Result::Ok(())
        };
        // A connection that is cut has had its say.
        let _ = within(writing).await;
        within(async {
            while reviewed(&webhook).await < 40 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let during = webhook.footprint().await;
        println!(
            "{containers} containers, {STREAMS} streams without a window: {before} -> {during}"
        );
        webhook.answers_anything(&client).await;
        reading.abort();
        drop(writer);
        let after = webhook.lets_go(before).await;
        println!("afterwards: {after}");
        assert!(after.peak < HARD_LIMIT, "{after}");
        webhook.stops().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_hosts_over_http1_that_nobody_reads_hold_little() {
    const CONNECTIONS: usize = 60;
    let pki = Pki::new();
    let (_folder, policy) = policy();
    let webhook = limited(&pki, &[&policy]).await;
    let client = pki.client(None);
    let before = webhook.footprint().await;
    let request = long_host(5 << 20);
    let mut unread = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = client.tls(webhook.address, Protocol::Http1).await.unwrap();
        let sent = within(async {
            stream.write_all(&request).await?;
            stream.flush().await
        });
        // One whose memory was needed gets a response before its end.
        let _ = sent.await;
        unread.push(stream);
    }
    within(async {
        while reviewed(&webhook).await < CONNECTIONS / 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let during = webhook.footprint().await;
    println!("{CONNECTIONS} connections that read nothing: {before} -> {during}");
    webhook.answers_anything(&client).await;
    drop(unread);
    let after = webhook.lets_go(before).await;
    println!("afterwards: {after}");
    assert!(after.peak < HARD_LIMIT, "{after}");
    webhook.stops().await;
}

/// A request whose image has a host of so many bytes.
pub(crate) fn long_host(bytes: usize) -> Vec<u8> {
    let host = "a.".repeat(bytes / 2) + "example.com/app:1";
    let (path, body) = largest_creation(r#"{"image":"a"}"#);
    let whole = vec![r#"{"image":"a"}"#; 10_000].join(",");
    let body = body.replace(&whole, &format!(r#"{{"image":"{host}"}}"#));
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
    (head + &body).into_bytes()
}

/// So many requests that are refused, on a connection on which the server may send no byte of a response.
pub(crate) fn refused_without_window(requests: u32) -> Vec<u8> {
    let no_window = frames::setting(4, 0);
    let settings = frames::frame(frames::SETTINGS, 0, 0, &no_window);
    let mut sent = [frames::PREFACE, &settings].concat();
    for stream in (0..requests).map(|number| 2 * number + 1) {
        sent.extend(frames::frame(
            frames::HEADERS,
            frames::END_HEADERS | frames::END_STREAM,
            stream,
            &frames::post_to("/elsewhere"),
        ));
    }
    sent
}

/// A refusal is a few lines, and its stream is more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_that_nobody_takes_hold_no_more_than_the_budget() {
    const CONNECTIONS: usize = 160;
    const STREAMS: u32 = 250;
    let pki = Pki::new();
    let webhook = limited(&pki, &[]).await;
    let client = pki.client(None);
    let before = webhook.footprint().await;
    let sent = refused_without_window(STREAMS);
    let mut untaken = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = client.tls(webhook.address, Protocol::Http2).await.unwrap();
        stream.write_all(&sent).await.unwrap();
        stream.flush().await.unwrap();
        untaken.push(stream);
    }
    let asked = CONNECTIONS * usize::try_from(STREAMS).unwrap();
    let refused = "imagereview_refusals_total{cause=\"unknown_path\"}";
    let cut = "imagereview_connections_cut_total";
    // Of a connection that is cut, not every request was read.
    let during = within(async {
        loop {
            let metrics = Metrics::of(webhook.health).await;
            if metrics.value(refused) + metrics.value(cut) * 250 >= asked {
                return webhook.footprint().await;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    println!("{asked} refusals that nobody takes: {before} -> {during}");
    // Those that have waited for long are cut for others.
    within(async {
        let ask = || client.review(webhook.address, Protocol::Http2, &[ALLOWED]);
        while ask().await.status == StatusCode::TOO_MANY_REQUESTS {}
    })
    .await;
    webhook.answers(&client).await;
    drop(untaken);
    let after = webhook.lets_go(before).await;
    println!("afterwards: {after}");
    assert!(after.peak < HARD_LIMIT, "{after}");
    webhook.stops().await;
}
