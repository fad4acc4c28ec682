//! Limits of connections and requests.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, channel::Channel};
use hyper::{Request, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{
    Connection, PROTOCOLS, Pki, Protocol, TestServer, full, image_review, image_review_json,
    metrics_say, within,
};

#[tokio::test]
async fn the_silent_connection_that_is_oldest_gives_way() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.limits.connections = 2;
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    let mut asked = client
        .connect(server.address, Protocol::Http2)
        .await
        .unwrap();
    assert!(
        asked
            .send(image_review(&["a:1"]))
            .await
            .unwrap()
            .verdict()
            .0
    );
    let mut silent = client.tls(server.address, Protocol::Http1).await.unwrap();
    for protocol in PROTOCOLS {
        let answer = client.review(server.address, protocol, &["a:1"]).await;
        assert!(answer.verdict().0, "{protocol:?}");
        metrics_say(server.health, "imagereview_connections 1").await;
    }
    let _ = within(silent.read_to_end(&mut Vec::new())).await;
    metrics_say(server.health, "imagereview_connections_evicted_total 1").await;
    // One that has asked something keeps its place.
    assert!(
        asked
            .send(image_review(&["a:1"]))
            .await
            .unwrap()
            .verdict()
            .0
    );

    let mut plain = TcpStream::connect(server.address).await.unwrap();
    let answer = client
        .review(server.address, Protocol::Http2, &["a:1"])
        .await;
    assert!(answer.verdict().0);
    let _ = within(plain.read_to_end(&mut Vec::new())).await;
    metrics_say(
        server.health,
        "imagereview_tls_handshake_failures_total{cause=\"evicted\"} 1",
    )
    .await;
}

/// As many idle connections as there is room for keep nobody out, whatever they did before.
#[tokio::test]
async fn the_connection_that_is_idle_for_longest_gives_way() {
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let mut config = pki.config();
        config.limits.connections = 3;
        let server = TestServer::start(config).await;
        let client = pki.client(None);
        let asking = async || {
            let mut connection = client.connect(server.address, protocol).await.unwrap();
            let answer = connection.send(image_review(&["a:1"])).await.unwrap();
            assert!(answer.verdict().0);
            connection
        };
        let mut open = Vec::new();
        for _ in 0..9 {
            open.push(within(asking()).await);
        }
        metrics_say(server.health, "imagereview_connections_evicted_total 6").await;
        // The first of them, and each has been told.
        for connection in &mut open[..6] {
            within(async {
                while !connection.is_closed() {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        for connection in &mut open[6..] {
            let answer = connection.send(image_review(&["a:1"])).await.unwrap();
            assert!(answer.verdict().0, "{protocol:?}");
        }
    }
}

/// One that is at work is not closed for others.
#[tokio::test]
async fn no_more_connections_than_the_limit_are_open_where_all_are_at_work() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.limits.connections = 3;
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    let asking = async || {
        let mut connection = client
            .connect(server.address, Protocol::Http1)
            .await
            .unwrap();
        let answer = connection.send(image_review(&["a:1"])).await.unwrap();
        assert!(answer.verdict().0);
        connection
    };
    let mut open = Vec::new();
    for number in 1..=3 {
        let mut connection = asking().await;
        let (body, read) = Channel::<Bytes, Infallible>::new(1);
        let request = Request::post("/image_policy").body(read.boxed()).unwrap();
        let answer = tokio::spawn(async move { connection.send(request).await });
        let in_flight = format!("imagereview_requests_in_flight {number}");
        metrics_say(server.health, &in_flight).await;
        open.push((body, answer));
    }
    // There is capacity for no other, however long it waits.
    let mut other = std::pin::pin!(asking());
    let waited = tokio::time::timeout(Duration::from_millis(500), &mut other).await;
    assert!(waited.is_err());
    metrics_say(server.health, "imagereview_connections 3").await;
    for (mut body, answer) in open {
        let review = image_review_json(&["a:1"]);
        body.send_data(review.into()).await.unwrap();
        drop(body);
        let answer = within(answer).await.unwrap().unwrap();
        assert!(answer.verdict().0);
    }
    within(other).await;
}

#[tokio::test]
async fn headers_that_are_too_long_get_431() {
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    for protocol in PROTOCOLS {
        let mut connection = pki
            .client(None)
            .connect(server.address, protocol)
            .await
            .unwrap();
        let request = Request::post("/image_policy")
            .header("x-long", "x".repeat(17 * 1024))
            .body(full("{}"))
            .unwrap();
        let status = connection.send(request).await.map(|answer| answer.status);
        assert_eq!(
            status.ok(),
            Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            "{protocol:?}"
        );
    }
    let refusals =
        |cause, count| format!("imagereview_refusals_total{{cause=\"{cause}\"}} {count}");
    metrics_say(server.health, &refusals("long_headers", 2)).await;
    // hyper answers what is no HTTP by itself too.
    let client = pki.client(None);
    let mut stream = client.tls(server.address, Protocol::Http1).await.unwrap();
    stream.write_all(b"no HTTP at all\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let _ = within(stream.read_to_string(&mut answer)).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    metrics_say(server.health, &refusals("malformed", 1)).await;
}

#[tokio::test]
async fn a_connection_is_renewed_and_no_request_is_lost() {
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let mut config = pki.config();
        config.max_connection_age = Some(Duration::from_millis(50));
        let server = TestServer::start(config).await;
        let client = pki.client(None);
        let load = crate::load::Load::start(client, server.address, protocol, 2, &["a:1"]);
        let connections = async {
            loop {
                let text = crate::harness::metrics(server.health).await;
                let accepted = text
                    .lines()
                    .find_map(|line| line.strip_prefix("imagereview_connections_accepted_total "))
                    .unwrap()
                    .parse::<usize>()
                    .unwrap();
                if accepted >= 6 {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        within(connections).await;
        let figures = load.stop().await;
        println!("connections renewed every 50 ms, {protocol:?}: {figures}");
        figures.assert_none_lost();
    }
}

#[tokio::test]
async fn an_idle_http2_connection_gets_goaway() {
    let pki = Pki::new();
    let mut config = pki.config();
    // A body that is given up is not waited for.
    config.timeouts.body = Duration::from_secs(600);
    config.timeouts.idle = Duration::from_millis(50);
    config.timeouts.header = Duration::from_secs(1);
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    let Connection::Http2(mut connection) = client
        .connect(server.address, Protocol::Http2)
        .await
        .unwrap()
    else {
        unreachable!("that is what was asked for");
    };
    let (_body, never) = Channel::<Bytes, Infallible>::new(1);
    let request = Request::post("https://localhost/image_policy")
        .body(never.boxed())
        .unwrap();
    let given_up = tokio::spawn(connection.send_request(request));
    metrics_say(server.health, "imagereview_requests_in_flight 1").await;
    given_up.abort();
    metrics_say(server.health, "imagereview_requests_in_flight 0").await;
    within(async {
        while !connection.is_closed() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    metrics_say(server.health, "imagereview_connections 0").await;
}
