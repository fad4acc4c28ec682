//! TLS handshakes that are broken, slow, old, refused, and many.

use std::{
    process::Stdio,
    sync::Arc,
    time::{Duration, SystemTime},
};

use imagereview_pki::Validity;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    task::JoinSet,
};

use crate::{
    faults::review,
    harness::{Client, PROTOCOLS, Pki, Protocol, TestServer, image_review, metrics_say, within},
    load::Load,
    webhook::{ALLOWED, MUTUAL_TLS, Metrics, Webhook},
};

/// The first bytes that a client sends: its `ClientHello`.
async fn client_hello(client: Client) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connecting = tokio::spawn(async move {
        let _ = client.tls(address, Protocol::Http2).await;
    });
    let (mut stream, _) = within(listener.accept()).await.unwrap();
    let mut hello = vec![0; 4096];
    let length = within(stream.read(&mut hello)).await.unwrap();
    drop(stream);
    within(connecting).await.unwrap();
    hello.truncate(length);
    hello
}

/// Resuming a session asks for no certificate; the one of before has ended all the same.
#[tokio::test]
async fn a_session_is_not_resumed_beyond_the_end_of_its_certificate() {
    const LEFT: Duration = Duration::from_secs(8);
    let pki = Pki::new();
    let authority = pki.authority_file();
    let mut config = pki.config();
    config.client_ca = Some(authority.path().to_owned());
    let server = TestServer::start(config).await;
    let begin = SystemTime::now() + LEFT - Duration::from_secs(24 * 60 * 60);
    let day = Validity::new(std::num::NonZeroU32::MIN);
    let identity = pki
        .authority
        .issue_client("kube-apiserver", None, begin, day);
    let client = pki.client(Some(&identity.unwrap()));
    for protocol in PROTOCOLS {
        let answer = client.review(server.address, protocol, &["a:1"]).await;
        assert!(answer.verdict().0, "{protocol:?}");
    }
    tokio::time::sleep(LEFT + Duration::from_secs(2)).await;
    for protocol in PROTOCOLS {
        let answer = match client.connect(server.address, protocol).await {
            Ok(mut connection) => connection.send(image_review(&["a:1"])).await.ok(),
            Err(_) => None,
        };
        assert!(answer.is_none(), "{protocol:?}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_hello_with_any_byte_changed_is_survived() {
    let pki = Pki::new();
    let webhook = Webhook::start(&pki, &["--handshake-timeout=2s"]).await;
    let client = pki.client(None);
    webhook.answers(&client).await;
    let before = webhook.footprint().await;
    let hello = client_hello(pki.client(None)).await;
    let mut held = Vec::new();
    for at in 0..hello.len() {
        let mut changed = hello.clone();
        changed[at] ^= 0xff;
        let mut stream = within(TcpStream::connect(webhook.address)).await.unwrap();
        let _ = stream.write_all(&changed).await;
        // Some get an alert, some with a ServerHello, and some wait for more.
        held.push(stream);
    }
    webhook.answers(&client).await;
    let after = webhook.lets_go(before).await;
    println!("{} changes: before: {before}; after: {after}", held.len());
    drop(held);
    webhook.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_handshakes_disturb_nobody() {
    const HANDSHAKES: usize = 500;
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let pki = Arc::new(Pki::new());
    let folder = tempfile::tempdir().unwrap();
    pki.write_files(folder.path());
    // A busy machine may take long for so many; it is not the timeout that is tried here.
    let options = [&MUTUAL_TLS[..], &["--handshake-timeout=5m"]].concat();
    let webhook = Webhook::start_in(folder, "exec", &options, &[]).await;
    webhook.answers(&pki.api_server()).await;
    let before = webhook.footprint().await;
    let load = PROTOCOLS
        .map(|protocol| Load::start(pki.api_server(), webhook.address, protocol, 1, &[ALLOWED]));
    let stranger = Pki::new().client_identity("kube-apiserver");
    // Who comes, and by what the metrics count it; those that are let in are counted as accepted.
    let rows = [
        ("whole handshakes", pki.api_server(), None),
        (
            "no certificate",
            pki.client(None),
            Some("no_client_certificate"),
        ),
        (
            "another authority's",
            pki.client(Some(&stranger)),
            Some("client_certificate_invalid"),
        ),
    ];
    for (name, client, cause) in rows {
        let client = Arc::new(client.without_resumption());
        let mut coming = JoinSet::new();
        for number in 0..HANDSHAKES {
            let (client, address) = (Arc::clone(&client), webhook.address);
            coming.spawn(async move {
                let mut stream = client.tls(address, PROTOCOLS[number % 2]).await?;
                // In TLS 1.3 the client hears of it with the first response.
                stream.write_all(&review(PROTOCOLS[number % 2])).await?;
                match within(stream.read(&mut [0])).await? {
                    0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
                    _ => Ok::<_, std::io::Error>(()),
                }
            });
        }
        let mut let_in = 0;
        while let Some(ended) = within(coming.join_next()).await {
            let_in += usize::from(ended.unwrap().is_ok());
        }
        assert_eq!(
            let_in,
            if cause.is_none() { HANDSHAKES } else { 0 },
            "{name}"
        );
        if let Some(cause) = cause {
            let metric = format!("imagereview_tls_handshake_failures_total{{cause=\"{cause}\"}}");
            assert_eq!(
                Metrics::of(webhook.health).await.value(&metric),
                HANDSHAKES,
                "{name}"
            );
        }
        println!("{name}: {HANDSHAKES} came, {let_in} were let in");
    }
    // As many that never go on, in place of which those that ask must get in.
    let hello = client_hello(pki.client(None)).await;
    let mut halves = Vec::new();
    for _ in 0..HANDSHAKES {
        let mut stream = within(TcpStream::connect(webhook.address)).await.unwrap();
        let _ = stream.write_all(&hello[..hello.len() - 1]).await;
        halves.push(stream);
    }
    webhook.answers(&pki.api_server()).await;
    drop(halves);
    for (load, protocol) in load.into_iter().zip(PROTOCOLS) {
        load.has_answered(10).await;
        let figures = load.stop().await;
        println!("beside them, {protocol:?}: {figures}");
        figures.assert_none_lost();
    }
    let after = webhook.lets_go(before).await;
    println!("before: {before}; after: {after}");
    webhook.stops().await;
}

#[tokio::test]
async fn a_handshake_that_comes_byte_by_byte_is_a_handshake() {
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    let client = pki.client(None);
    let (near, far) = tokio::io::duplex(4096);
    let (mut from_client, mut to_client) = tokio::io::split(far);
    let stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut from_server, mut to_server) = stream.into_split();
    let slowly = tokio::spawn(async move {
        let mut byte = [0];
        while let Ok(1) = from_client.read(&mut byte).await {
            to_server.write_all(&byte).await.unwrap();
        }
    });
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut stream = client
        .tls_over(near, server.address, Protocol::Http1)
        .await
        .unwrap();
    stream.write_all(&review(Protocol::Http1)).await.unwrap();
    let mut answer = [0; b"HTTP/1.1 200 OK\r\n".len()];
    within(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK\r\n");
    drop(stream);
    within(slowly).await.unwrap();
    back.abort();
}

#[tokio::test]
async fn clients_of_either_version_get_responses() {
    let pki = Pki::new();
    let client_ca = pki.authority_file();
    let mut config = pki.config();
    config.client_ca = Some(client_ca.path().to_owned());
    let server = TestServer::start(config).await;
    let identity = pki.client_identity("kube-apiserver");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client =
            Client::of_versions(pki.authority.certificate_pem(), Some(&identity), &[version]);
        for protocol in PROTOCOLS {
            let mut connection = client.connect(server.address, protocol).await.unwrap();
            let answer = connection.send(image_review(&["a:1"])).await.unwrap();
            assert!(answer.verdict().0, "{version:?}, {protocol:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_can_ask_for_a_second_handshake() {
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    let authority = pki.authority_file();
    let asking = Command::new("openssl")
        .args([
            "s_client",
            "-tls1_2",
            "-connect",
            &server.address.to_string(),
        ])
        .arg("-CAfile")
        .arg(authority.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut asking) = asking else {
        println!("openssl is not on the PATH: nothing was asked");
        return;
    };
    // On a line of its own this is the command to renegotiate.
    asking
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"R\n")
        .await
        .unwrap();
    let output = within(asking.wait_with_output()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no renegotiation"), "{said}");
    metrics_say(server.health, "imagereview_connections 0").await;
    for protocol in PROTOCOLS {
        let answer = pki
            .client(None)
            .review(server.address, protocol, &["a:1"])
            .await;
        assert!(answer.verdict().0, "{protocol:?}");
    }
}
