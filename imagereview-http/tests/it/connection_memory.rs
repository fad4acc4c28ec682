//! How much memory a connection takes, whatever its client has left unfinished on it.

use std::net::SocketAddr;

use imagereview_http::Limits;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::yield_now,
};
use tokio_rustls::client::TlsStream;

use crate::{
    faults::{self, Cut},
    frames,
    harness::{Client, PROTOCOLS, Pki, Protocol, within},
    webhook::{Metrics, Webhook},
};

/// The most that a connection may take, as `docs/reliability.md` has it.
const MOST: usize = 112 << 10;

/// How many are open at a time.
const CONNECTIONS: usize = 200;

/// What `--max-header-bytes` is unless told otherwise.
const HEADERS: usize = 8 << 10;

/// The content of the longest TLS record.
const RECORD: usize = 16 << 10;

/// What a client leaves on a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Left {
    /// The connection alone.
    Nothing,
    /// The longest message of a handshake that is read, without its end.
    Handshake,
    /// The response to a request.
    Answered(Protocol),
    /// After a response the longest headers that are read, without their end, and a TLS record without its own.
    Headers(Protocol),
}

/// The longest message of a handshake, in records of the longest kind, without its last byte.
fn unfinished_handshake() -> Vec<u8> {
    let mut message = vec![1, 0, 0xff, 0xfb];
    message.resize(4 + 0xfffb - 1, 0);
    let mut sent = Vec::new();
    for piece in message.chunks(RECORD) {
        let [high, low] = u16::try_from(piece.len()).unwrap().to_be_bytes();
        sent.extend([22, 3, 1, high, low]);
        sent.extend(piece);
    }
    sent
}

/// Headers as long as they may be, and not finished.
fn unfinished_headers(protocol: Protocol) -> Vec<u8> {
    match protocol {
        Protocol::Http1 => {
            let mut head = b"POST /image_policy HTTP/1.1\r\nhost: localhost\r\nx: ".to_vec();
            head.resize(HEADERS - 1, b'x');
            head
        }
        // Twice the limit is read before the connection ends.
        Protocol::Http2 => {
            let field = frames::literal("x", &"y".repeat(1 << 20));
            let block = [&frames::post()[..], &field].concat();
            let (first, rest) = block[..2 * HEADERS].split_at(HEADERS);
            [
                frames::frame(frames::HEADERS, 0, 3, first),
                frames::frame(frames::CONTINUATION, 0, 3, rest),
            ]
            .concat()
        }
    }
}

/// Sends a review and waits for the response.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, protocol: Protocol) {
    stream.write_all(&faults::review(protocol)).await.unwrap();
    stream.flush().await.unwrap();
    match protocol {
        Protocol::Http1 => {
            let mut answer = [0; 1024];
            assert_ne!(within(stream.read(&mut answer)).await.unwrap(), 0);
        }
        Protocol::Http2 => {
            while let Some(frame) = within(frames::Frame::read(stream)).await {
                if frame.kind == frames::DATA && frame.flags & frames::END_STREAM != 0 {
                    break;
                }
            }
        }
    }
}

/// Opens a connection and leaves this on it, for as long as what it gives is there.
pub(crate) async fn leave(left: Left, client: &Client, address: SocketAddr) -> Box<dyn Send> {
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.set_nodelay(true).unwrap();
    match left {
        Left::Nothing => Box::new(plain),
        Left::Handshake => {
            plain.write_all(&unfinished_handshake()).await.unwrap();
            Box::new(plain)
        }
        Left::Answered(protocol) => {
            let mut stream = client.tls_over(plain, address, protocol).await.unwrap();
            ask(&mut stream, protocol).await;
            Box::new(stream)
        }
        Left::Headers(protocol) => {
            let whole = Cut {
                stream: plain,
                left: usize::MAX,
                is_silent: true,
            };
            let mut stream = client.tls_over(whole, address, protocol).await.unwrap();
            ask(&mut stream, protocol).await;
            stream
                .write_all(&unfinished_headers(protocol))
                .await
                .unwrap();
            stream.flush().await.unwrap();
            leave_record(&mut stream).await;
            Box::new(stream)
        }
    }
}

/// Sends the longest record without its last bytes.
async fn leave_record(stream: &mut TlsStream<Cut>) {
    stream.get_mut().0.left = RECORD;
    stream.write_all(&[b'x'; RECORD]).await.unwrap();
    stream.flush().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_takes_what_is_documented() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let pki = Pki::new();
    // Nothing is given up before it is measured.
    let options = [
        "--handshake-timeout=10m",
        "--header-timeout=10m",
        "--idle-timeout=10m",
    ];
    let [http1, http2] = PROTOCOLS;
    for left in [
        Left::Nothing,
        Left::Handshake,
        Left::Answered(http1),
        Left::Answered(http2),
        Left::Headers(http1),
        Left::Headers(http2),
    ] {
        let webhook = Webhook::start(&pki, &options).await;
        let client = pki.client(None).without_resumption();
        webhook.answers(&client).await;
        let before = webhook.lets_go(webhook.footprint().await).await;
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            open.push(leave(left, &client, webhook.address).await);
        }
        // What was sent has been read once the system holds none of it any more.
        within(async {
            while Metrics::of(webhook.health)
                .await
                .value("imagereview_connections")
                < CONNECTIONS
                || webhook.has_unread(webhook.address)
            {
                yield_now().await;
            }
        })
        .await;
        let during = webhook.footprint().await;
        let each = during.anonymous.saturating_sub(before.anonymous) / CONNECTIONS;
        println!(
            "{left:?}: {CONNECTIONS} connections, {} KiB each: {before} -> {during}",
            each >> 10
        );
        assert_eq!(during.connections, CONNECTIONS, "{left:?}");
        assert!(each < MOST, "{left:?}: {each} bytes");
        drop(open);
        webhook.lets_go(before).await;
        webhook.stops().await;
    }
}

/// With the default settings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_connections_as_may_be_open_fit_into_a_hard_limit_of_memory() {
    const HARD_LIMIT: usize = 192 << 20;
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let most = Limits::default().connections;
    let pki = Pki::new();
    let limited = format!("ulimit -d {} && exec", HARD_LIMIT >> 10);
    let webhook = Webhook::start_under(&limited, &pki, &["--idle-timeout=10m"]).await;
    let client = pki.client(None).without_resumption();
    webhook.answers(&client).await;
    let before = webhook.footprint().await;
    let mut open = Vec::new();
    for _ in 0..most {
        open.push(leave(Left::Headers(Protocol::Http2), &client, webhook.address).await);
    }
    // There is room for none, so that the one that has been idle for longest goes.
    webhook.answers(&client).await;
    let during = webhook.footprint().await;
    println!("{most} connections: {before} -> {during}");
    assert!(during.peak < HARD_LIMIT, "{during}");
    let evicted = Metrics::of(webhook.health).await;
    assert!(evicted.value("imagereview_connections_evicted_total") > 0);
    webhook.stops().await;
}
