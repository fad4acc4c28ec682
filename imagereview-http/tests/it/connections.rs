//! Clients that are slow, silent or speak something else.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, channel::Channel};
use hyper::{Request, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::{
    faults,
    frames::{self, Frame, frame},
    harness::{PROTOCOLS, Pki, Protocol, TestServer, image_review_json, metrics_say, within},
};

/// Short enough to wait for, in the one place where a test wants it to pass.
const SOON: Duration = Duration::from_millis(200);

#[tokio::test]
async fn http1_headers_that_do_not_come_get_408_and_a_close() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.timeouts.header = SOON;
    let server = TestServer::start(config).await;
    for sent in [
        "P",
        "POST /image_policy HTTP/1.1\r\nhost: localhost\r\ncontent-le",
    ] {
        let mut stream = pki
            .client(None)
            .tls(server.address, Protocol::Http1)
            .await
            .unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("{sent:?}: {answer:?}"));
        assert!(
            head.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
            "{sent:?}: {answer}"
        );
        assert!(head.contains("\r\nconnection: close"), "{sent:?}: {answer}");
        assert!(
            head.contains(&format!("\r\ncontent-length: {}", body.len())),
            "{sent:?}: {answer}"
        );
        let status: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&status["kind"], &status["code"]),
            (&"Status".into(), &408.into()),
            "{sent:?}: {answer}"
        );
        assert!(
            status["message"].as_str().unwrap().contains("200ms"),
            "{sent:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn an_idle_http1_connection_is_closed_without_another_answer() {
    let pki = Pki::new();
    let mut config = pki.config();
    // Long enough for the request to come first on a busy machine.
    config.timeouts.header = 10 * SOON;
    config.timeouts.idle = 10 * SOON;
    let server = TestServer::start(config).await;
    let mut stream = pki
        .client(None)
        .tls(server.address, Protocol::Http1)
        .await
        .unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert!(answers.starts_with("HTTP/1.1 404 "), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{answers}");
}

/// A client keeps some connections in reserve, and kube-apiserver an idle one for 90 seconds: a POST that
/// meets the end of its connection is not sent again.
#[tokio::test]
async fn an_http1_connection_that_has_asked_may_rest_for_longer_than_a_header_takes() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.timeouts.header = 5 * SOON;
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    let mut resting = client
        .connect(server.address, Protocol::Http1)
        .await
        .unwrap();
    let review = || crate::harness::image_review(&["a:1"]);
    assert!(resting.send(review()).await.unwrap().verdict().0);
    // One that nothing comes on ends by that limit, and is no refusal.
    let mut reserve = client.tls(server.address, Protocol::Http1).await.unwrap();
    let mut answer = String::new();
    reserve.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "");
    let refused = "imagereview_refusals_total{cause=\"slow_header\"} 0";
    metrics_say(server.health, refused).await;
    assert!(resting.send(review()).await.unwrap().verdict().0);
}

#[tokio::test]
async fn a_silent_http2_connection_is_closed() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.timeouts.header = SOON;
    let server = TestServer::start(config).await;
    for sent in ["", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = pki
            .client(None)
            .tls(server.address, Protocol::Http2)
            .await
            .unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        // The server's own preface may come first; what counts is that there is an end.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_come_or_is_none_is_closed() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.timeouts.handshake = SOON;
    let server = TestServer::start(config).await;
    for sent in [
        &b""[..],
        b"\x16\x03\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 64],
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"), "{sent:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_body_that_stalls_gets_408() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.timeouts.body = SOON;
    let server = TestServer::start(config).await;
    for protocol in PROTOCOLS {
        let mut connection = pki
            .client(None)
            .connect(server.address, protocol)
            .await
            .unwrap();
        let (mut sender, body) = Channel::new(1);
        sender
            .send_data(Bytes::from_static(b"{\"kind\":"))
            .await
            .unwrap();
        let answer = connection
            .send(Request::post("/image_policy").body(body.boxed()).unwrap())
            .await
            .unwrap();
        assert_eq!(
            answer.status,
            StatusCode::REQUEST_TIMEOUT,
            "{protocol:?}: {answer:?}"
        );
        assert_eq!(
            answer.json()["reason"],
            "Timeout",
            "{protocol:?}: {answer:?}"
        );
        let closes = answer
            .headers
            .get("connection")
            .is_some_and(|value| value == "close");
        assert_eq!(
            closes,
            protocol == Protocol::Http1,
            "{protocol:?}: {answer:?}"
        );
        drop(sender);
    }
}

#[tokio::test]
async fn a_client_that_sends_all_of_a_refused_body_can_read_the_response() {
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    // More than the buffers between client and server hold.
    let body = vec![b' '; 16 << 20];
    let head = format!(
        "POST /image_policy HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let client = pki.client(None);
    let mut stream = client.tls(server.address, Protocol::Http1).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn an_http1_client_that_takes_no_answers_is_cut() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.timeouts.answer = SOON;
    let server = TestServer::start(config).await;
    let socket = TcpSocket::new_v4().unwrap();
    // So that it takes few responses to fill it.
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(server.address).await.unwrap();
    let client = pki.client(None);
    let mut stream = client
        .tls_over(stream, server.address, Protocol::Http1)
        .await
        .unwrap();
    let requests = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    within(async { while stream.write_all(&requests).await.is_ok() {} }).await;
    metrics_say(server.health, "imagereview_connections 0").await;
}

#[tokio::test]
async fn an_http2_client_that_opens_no_window_loses_its_stream_and_no_more() {
    let pki = Pki::new();
    let mut config = pki.config();
    (config.timeouts.body, config.timeouts.answer) = (SOON, SOON);
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    let mut stream = client.tls(server.address, Protocol::Http2).await.unwrap();
    stream.write_all(&faults::without_window(1)).await.unwrap();
    let reset = within(async {
        loop {
            let frame = Frame::read(&mut stream).await.expect("it goes on");
            assert_ne!(frame.kind, frames::DATA, "{frame:?}");
            if frame.kind == frames::RST_STREAM {
                break frame;
            }
        }
    })
    .await;
    // CANCEL
    assert_eq!((reset.stream, reset.error_code()), (1, Some(0x8)));

    let body = image_review_json(&["a:1"]);
    let next = [
        frame(frames::SETTINGS, 0, 0, &frames::setting(0x4, 65_535)),
        frames::open(3),
        frame(frames::DATA, frames::END_STREAM, 3, body.as_bytes()),
    ];
    stream.write_all(&next.concat()).await.unwrap();
    let answer = within(async {
        loop {
            let frame = Frame::read(&mut stream).await.expect("it goes on");
            if frame.kind == frames::DATA {
                break frame;
            }
        }
    })
    .await;
    assert_eq!(answer.stream, 3, "{answer:?}");
    let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(answer["status"]["allowed"], true, "{answer}");
}

#[tokio::test]
async fn an_http2_client_that_never_confirms_a_goaway_is_let_go() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.timeouts.header = SOON;
    config.timeouts.idle = SOON;
    (config.timeouts.body, config.timeouts.answer) = (SOON, SOON);
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    let mut stream = client.tls(server.address, Protocol::Http2).await.unwrap();
    stream.write_all(&faults::without_window(1)).await.unwrap();
    let mut is_told = false;
    within(async {
        while let Some(next) = Frame::read(&mut stream).await {
            match next.kind {
                frames::GOAWAY => is_told = true,
                // It is there, but the PING after a GOAWAY is how it would confirm it.
                frames::PING if !is_told => {
                    let pong = frame(frames::PING, frames::ACK, 0, &next.payload);
                    stream.write_all(&pong).await.unwrap();
                }
                _ => {}
            }
        }
    })
    .await;
    assert!(is_told);
    metrics_say(server.health, "imagereview_connections 0").await;
}

/// `[::]`, whatever the system's settings say of it.
#[tokio::test]
async fn one_address_listens_to_both_versions_of_ip() {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    let pki = Pki::new();
    let mut config = pki.config();
    config.listen = (Ipv6Addr::UNSPECIFIED, 0).into();
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    let mut hosts: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into()];
    // A machine without IPv6 has the other alone.
    if server.address.is_ipv6() {
        hosts.push(Ipv6Addr::LOCALHOST.into());
    }
    for host in hosts {
        let address = SocketAddr::new(host, server.address.port());
        let stream = within(tokio::net::TcpStream::connect(address))
            .await
            .unwrap();
        // The certificate is for one of them.
        let name = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port());
        let stream = client.tls_over(stream, name, Protocol::Http1).await;
        assert!(stream.is_ok(), "{address}");
    }
}
