//! Clients that leave in the middle, at each byte that they send.

use std::sync::Arc;

use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

use crate::{
    faults::{self, Leave},
    harness::{Client, PROTOCOLS, Pki, Protocol, within},
    load::Load,
    webhook::{ALLOWED, Webhook},
};

/// How much memory may stay with the process: what its allocator keeps.
const KEPT: usize = 16 << 20;

/// How many clients leave at a time.
const AT_A_TIME: usize = 16;

/// Where a client leaves.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// After so many bytes of the connection, those of TLS included.
    Connection(usize),
    /// After so many bytes of HTTP, in records of TLS that are whole.
    Http(usize),
}

/// Does it, and tells whether there was something left to send.
async fn leave(
    client: &Client,
    webhook: std::net::SocketAddr,
    protocol: Protocol,
    place: Place,
    leave: Leave,
) -> bool {
    match place {
        Place::Connection(after) => {
            faults::leaves_after(client, webhook, protocol, after, leave).await == after
        }
        Place::Http(after) => {
            let review = faults::review(protocol);
            let mut stream = client.tls(webhook, protocol).await.unwrap();
            let Some(some) = review.get(..after) else {
                return false;
            };
            stream.write_all(some).await.unwrap();
            stream.flush().await.unwrap();
            if leave == Leave::Reset {
                stream.get_ref().0.set_zero_linger().unwrap();
            }
            true
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_leave_at_any_byte_leave_nothing_behind() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let pki = Arc::new(Pki::new());
    let webhook = Webhook::start(&pki, &[]).await;
    // Each handshake in full, for its bytes.
    let client = Arc::new(pki.client(None).without_resumption());
    webhook.answers(&client).await;
    let before = webhook.footprint().await;
    let load = PROTOCOLS
        .map(|protocol| Load::start(pki.client(None), webhook.address, protocol, 1, &[ALLOWED]));
    let sweeps = [
        (Protocol::Http2, Place::Connection as fn(usize) -> Place),
        (Protocol::Http1, Place::Http),
        (Protocol::Http2, Place::Http),
    ];
    for (protocol, place) in sweeps {
        for how in [Leave::Reset, Leave::Close] {
            let mut left = 0;
            let mut leaving = JoinSet::new();
            let mut more = true;
            while more || !leaving.is_empty() {
                while more && leaving.len() < AT_A_TIME {
                    let (client, address, at) = (Arc::clone(&client), webhook.address, place(left));
                    leaving.spawn(async move { leave(&client, address, protocol, at, how).await });
                    left += 1;
                }
                if let Some(has_more) = within(leaving.join_next()).await {
                    more &= has_more.unwrap();
                }
            }
            println!("{:?}, {protocol:?}, {how:?}: {left} clients left", place(0));
        }
    }
    for (load, protocol) in load.into_iter().zip(PROTOCOLS) {
        load.has_answered(10).await;
        let figures = load.stop().await;
        println!("beside them, {protocol:?}: {figures}");
        figures.assert_none_lost();
    }
    webhook.answers(&client).await;
    let after = webhook.lets_go(before).await;
    println!("before: {before}; after: {after}");
    assert!(after.memory < before.memory + KEPT, "{before}; {after}");
    webhook.stops().await;
}

/// To the server a client that is gone without a word is one that says no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_are_gone_without_a_word_at_any_byte_are_let_go() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let pki = Pki::new();
    let options = [
        "--handshake-timeout=3s",
        "--header-timeout=3s",
        "--body-timeout=3s",
        "--answer-timeout=3s",
        "--idle-timeout=3s",
        "--max-silent-connections=4096",
    ];
    let webhook = Webhook::start(&pki, &options).await;
    let client = pki.client(None);
    webhook.answers(&client).await;
    let before = webhook.footprint().await;
    let mut gone = Vec::new();
    for protocol in PROTOCOLS {
        let review = faults::review(protocol);
        for after in 0..=review.len() {
            let mut stream = client.tls(webhook.address, protocol).await.unwrap();
            stream.write_all(&review[..after]).await.unwrap();
            stream.flush().await.unwrap();
            gone.push(stream);
        }
    }
    webhook.answers(&client).await;
    let during = webhook.footprint().await;
    let after = webhook.lets_go(before).await;
    println!(
        "{} clients: before: {before}; during: {during}; after: {after}",
        gone.len()
    );
    drop(gone);
    webhook.answers(&client).await;
    webhook.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_takes_all_descriptors_leaves_them_again() {
    const LIMIT: usize = 60;
    let pki = Pki::new();
    let limited = format!("ulimit -n {LIMIT} && exec");
    let webhook = Webhook::start_under(&limited, &pki, &["--audit-log=audit.jsonl"]).await;
    let client = pki.client(None);
    webhook.answers(&client).await;
    let before = webhook.footprint().await;
    // Connections that are there already.
    let load = PROTOCOLS
        .map(|protocol| Load::start(pki.client(None), webhook.address, protocol, 1, &[ALLOWED]));
    for load in &load {
        load.has_answered(1).await;
    }
    for _ in 0..3 {
        let mut crowd = Vec::new();
        for _ in 0..2 * LIMIT {
            crowd.push(within(TcpStream::connect(webhook.address)).await.unwrap());
        }
        // None is left to accept one for the metrics, so it is looked at from outside.
        within(async {
            while webhook.descriptors() < LIMIT {
                tokio::task::yield_now().await;
            }
        })
        .await;
        for load in &load {
            load.has_answered(50).await;
        }
        drop(crowd);
        webhook.answers(&client).await;
    }
    for (load, protocol) in load.into_iter().zip(PROTOCOLS) {
        let figures = load.stop().await;
        println!(
            "beside {} connections for {LIMIT} descriptors, {protocol:?}: {figures}",
            2 * LIMIT
        );
        figures.assert_none_lost();
    }
    let after = webhook.lets_go(before).await;
    println!("before: {before}; after: {after}");
    let errors = webhook.stops_with_errors().await;
    assert!(
        errors
            .iter()
            .all(|line| line.contains("Too many open files")),
        "{errors:#?}"
    );
}
