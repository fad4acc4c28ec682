//! Many requests while something goes wrong. Each test prints what was sent, answered and lost.

use std::{
    convert::Infallible,
    fmt,
    net::SocketAddr,
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt, channel::Channel};
use hyper::{Request, StatusCode};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::{JoinSet, yield_now},
};

use crate::{
    harness::{
        Client, PROTOCOLS, Pki, Protocol, TestServer, full, image_review, image_review_json,
        metrics_say, within,
    },
    program::{Program, development_authority, unconfigured},
    shutdown::Held,
    webhook::turned_away,
};

/// What became of the requests of a load.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) sent: usize,
    /// With 200.
    pub(crate) answered: usize,
    /// With another status.
    pub(crate) other: usize,
    /// Not read by the server, which said so: the client may ask elsewhere without a doubt.
    pub(crate) returned: usize,
    /// Neither answered nor returned.
    pub(crate) lost: usize,
    pub(crate) connections: usize,
}

impl Figures {
    /// Checks that every request got a response, or came back unread.
    #[track_caller]
    pub(crate) fn assert_none_lost(&self) {
        assert_eq!((self.lost, self.other), (0, 0), "{self}");
        assert_eq!(self.sent, self.answered + self.returned, "{self}");
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, more: Self) {
        self.sent += more.sent;
        self.answered += more.answered;
        self.other += more.other;
        self.returned += more.returned;
        self.lost += more.lost;
        self.connections += more.connections;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sent,
            answered,
            other,
            returned,
            lost,
            connections,
        } = self;
        write!(
            f,
            "sent {sent}, answered {answered}, answered with an error {other}, returned unread {returned}, \
             lost {lost}; {connections} connections"
        )
    }
}

/// Clients that ask one thing after another, each on a connection of its own that is made anew where
/// the server ends it.
pub(crate) struct Load {
    clients: JoinSet<Figures>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

impl Load {
    pub(crate) fn start(
        client: Client,
        address: SocketAddr,
        protocol: Protocol,
        clients: usize,
        images: &[&str],
    ) -> Self {
        let client = Arc::new(client);
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicUsize::new(0));
        let images: Arc<[String]> = images.iter().map(|image| (*image).to_owned()).collect();
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let (client, stop, answered) = (
                Arc::clone(&client),
                Arc::clone(&stop),
                Arc::clone(&answered),
            );
            let images = Arc::clone(&images);
            tasks.spawn(async move {
                let images: Vec<&str> = images.iter().map(String::as_str).collect();
                ask(&client, address, protocol, &images, &stop, &answered).await
            });
        }
        Self {
            clients: tasks,
            stop,
            answered,
        }
    }

    /// Waits for so many responses from now on.
    pub(crate) async fn has_answered(&self, more: usize) {
        let goal = self.answered.load(Ordering::Relaxed) + more;
        within(async {
            while self.answered.load(Ordering::Relaxed) < goal {
                yield_now().await;
            }
        })
        .await;
    }

    /// Ends the load, and adds up.
    pub(crate) async fn stop(self) -> Figures {
        self.stop.store(true, Ordering::Relaxed);
        self.ended().await
    }

    /// Waits until no client gets a connection any more, and adds up.
    async fn ended(mut self) -> Figures {
        let mut sum = Figures::default();
        while let Some(figures) = within(self.clients.join_next()).await {
            sum += figures.unwrap();
        }
        sum
    }
}

async fn ask(
    client: &Client,
    address: SocketAddr,
    protocol: Protocol,
    images: &[&str],
    stop: &AtomicBool,
    answered: &AtomicUsize,
) -> Figures {
    let mut figures = Figures::default();
    'connections: while !stop.load(Ordering::Relaxed) {
        let Ok(mut connection) = client.connect(address, protocol).await else {
            break;
        };
        figures.connections += 1;
        while !stop.load(Ordering::Relaxed) {
            if connection.is_closed() {
                continue 'connections;
            }
            figures.sent += 1;
            match connection.send(image_review(images)).await {
                Ok(answer) if answer.status == StatusCode::OK => {
                    figures.answered += 1;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(_) => figures.other += 1,
                Err(error) if was_not_read(&error) => {
                    figures.returned += 1;
                    continue 'connections;
                }
                Err(error) => {
                    eprintln!("lost: {error:?}");
                    figures.lost += 1;
                    continue 'connections;
                }
            }
            yield_now().await;
        }
    }
    figures
}

/// Whether the request never left, or a GOAWAY without an error says that it was not read (RFC 9113,
/// section 6.8).
pub(crate) fn was_not_read(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).map(ToString::to_string);
    error.is_canceled()
        || error.is_closed()
        || source.is_some_and(|text| text.contains("not a result of an error"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_loses_no_request() {
    for protocol in PROTOCOLS {
        let folder = tempfile::tempdir().unwrap();
        let mut program = Program::start(&mut unconfigured(folder.path()));
        let address = program.listens().await;
        let client = Client::new(&development_authority(folder.path()), None);
        let load = Load::start(client, address, protocol, 8, &["nginx:1.27"]);
        load.has_answered(200).await;
        program.signal("TERM");
        let figures = load.ended().await;
        println!("SIGTERM under load, {protocol:?}: {figures}");
        figures.assert_none_lost();
        assert!(
            within(program.child.wait()).await.unwrap().success(),
            "{protocol:?}"
        );
    }
}

/// Connections that are opened and then hold still, each in another way. They are held open, and not
/// read.
async fn slow_connections(
    client: &Client,
    address: SocketAddr,
    count: usize,
) -> Vec<Box<dyn Send>> {
    let mut slow: Vec<Box<dyn Send>> = Vec::new();
    for number in 0..count {
        let head = "POST /image_policy HTTP/1.1\r\nhost: localhost\r\n";
        slow.push(match number % 4 {
            0 => Box::new(within(TcpStream::connect(address)).await.unwrap()),
            1 => {
                let mut stream = within(TcpStream::connect(address)).await.unwrap();
                stream.write_all(b"\x16\x03\x01").await.unwrap();
                Box::new(stream)
            }
            2 => {
                let mut stream = client.tls(address, Protocol::Http1).await.unwrap();
                stream.write_all(head.as_bytes()).await.unwrap();
                Box::new(stream)
            }
            _ => {
                let mut stream = client.tls(address, Protocol::Http1).await.unwrap();
                let body = format!("{head}content-length: 1000\r\n\r\n{{");
                stream.write_all(body.as_bytes()).await.unwrap();
                Box::new(stream)
            }
        });
    }
    slow
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_connections_keep_nobody_out() {
    const SLOW: usize = 1000;
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    // With capacity for all, and for half of them.
    for options in [
        &[][..],
        &["--max-connections=500", "--max-silent-connections=250"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut program = Program::start(unconfigured(folder.path()).args(options).args([
            "--handshake-timeout=10m",
            "--header-timeout=10m",
            "--body-timeout=10m",
            "--log-level=error",
        ]));
        // Nothing is logged, so the address comes with the hint.
        let address = program.prints_address().await;
        let authority = development_authority(folder.path());
        let client = Client::new(&authority, None);
        let slow = slow_connections(&client, address, SLOW).await;
        for protocol in PROTOCOLS {
            let load = Load::start(
                Client::new(&authority, None),
                address,
                protocol,
                4,
                &["a:1"],
            );
            load.has_answered(200).await;
            let figures = load.stop().await;
            println!("{SLOW} slow connections, {options:?}, {protocol:?}: {figures}");
            assert_eq!(figures.sent, figures.answered, "{protocol:?}: {figures}");
        }
        drop(slow);
    }
}

// The policy holds threads, which takes a runtime that has several.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overload_gets_429_at_once_and_over_at_once() {
    const SENT: usize = 50;
    const HELD: usize = 2;
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let mut config = pki.config();
        config.limits.requests = HELD;
        let (policy, mut was_asked, release) = Held::new();
        let server = TestServer::start_with(config, policy).await;
        let client = pki.client(None);
        let mut held = Vec::new();
        for _ in 0..HELD {
            let mut connection = client.connect(server.address, protocol).await.unwrap();
            held.push(tokio::spawn(async move {
                connection.send(image_review(&["a:1"])).await
            }));
            within(was_asked.recv()).await.unwrap();
        }

        let mut connection = client.connect(server.address, protocol).await.unwrap();
        for _ in 0..SENT {
            // The connection goes on, or the load would be more by a handshake each time.
            let answer = connection.send(image_review(&["a:1"])).await.unwrap();
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
            assert!(!answer.headers.contains_key("retry-after"), "{answer:?}");
            assert_eq!(answer.json()["reason"], "TooManyRequests", "{answer:?}");
        }
        // Which of the two goes on first is the system's choice.
        for _ in &held {
            release.send(()).unwrap();
        }
        let mut answered = 0;
        for answer in held {
            assert!(within(answer).await.unwrap().unwrap().verdict().0);
            answered += 1;
        }
        for _ in 0..SENT {
            release.send(()).unwrap();
            let answer = connection.send(image_review(&["a:1"])).await.unwrap();
            assert!(answer.verdict().0, "{answer:?}");
            answered += 1;
        }
        println!(
            "overload, {protocol:?}: sent {}, answered {answered}, answered 429 {SENT}, lost 0",
            HELD + 2 * SENT
        );
        let line = format!("imagereview_refusals_total{{cause=\"overloaded\"}} {SENT}");
        metrics_say(server.health, &line).await;
    }
}

#[tokio::test]
async fn bodies_that_do_not_come_give_way() {
    const SLOW: usize = 20;
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let mut config = pki.config();
        config.limits.requests = 2;
        let server = TestServer::start(config).await;
        let client = pki.client(None);
        let mut slow = Vec::new();
        for _ in 0..SLOW {
            let mut connection = client.connect(server.address, protocol).await.unwrap();
            let (mut sender, body) = Channel::new(1);
            sender.send_data(Bytes::from_static(b"{")).await.unwrap();
            let request = Request::post("/image_policy").body(body.boxed()).unwrap();
            slow.push((
                sender,
                tokio::spawn(async move { connection.send(request).await }),
            ));
        }
        let gave_way = |count| format!("imagereview_refusals_total{{cause=\"gave_way\"}} {count}");
        metrics_say(server.health, &gave_way(SLOW - 2)).await;
        for _ in 0..SLOW {
            let answer = client.review(server.address, protocol, &["a:1"]).await;
            assert!(answer.verdict().0, "{answer:?}");
        }
        for (_sender, answer) in slow.drain(..SLOW - 1) {
            let answer = within(answer).await.unwrap().unwrap();
            assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT, "{answer:?}");
        }
        println!(
            "{SLOW} slow bodies in 2 places, {protocol:?}: sent {SLOW}, answered {SLOW}, lost 0"
        );
    }
}

/// It was the one that had been waited for longest, and went first.
#[tokio::test]
async fn a_small_body_does_not_give_way_to_large_ones() {
    const LARGE: usize = 10;
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let mut config = pki.config();
        config.max_body_bytes = 64 << 10;
        // Room for two of the large ones.
        config.limits.body_memory = 128 << 10;
        let server = TestServer::start(config).await;
        let client = pki.client(None);
        let begin = async |bytes: Vec<u8>| {
            let mut connection = client.connect(server.address, protocol).await.unwrap();
            let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
            sender.send_data(bytes.into()).await.unwrap();
            let request = Request::post("/image_policy").body(body.boxed()).unwrap();
            let answer = tokio::spawn(async move { connection.send(request).await });
            (sender, answer)
        };
        let review = image_review_json(&["a:1"]).into_bytes();
        let (start, rest) = review.split_at(10);
        let (mut small, answer) = begin(start.to_vec()).await;
        metrics_say(server.health, "imagereview_requests_in_flight 1").await;
        let mut large = Vec::new();
        for _ in 0..LARGE {
            large.push(begin(vec![b' '; 60 << 10]).await);
        }
        turned_away(server.health, LARGE - 2).await;
        small.send_data(Bytes::copy_from_slice(rest)).await.unwrap();
        drop(small);
        let answer = within(answer).await.unwrap().unwrap();
        assert!(answer.verdict().0, "{protocol:?}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_oversized_bodies_disturb_nobody() {
    const BAD: usize = 100;
    let pki = Pki::new();
    let mut config = pki.config();
    config.max_body_bytes = 4096;
    let server = TestServer::start(config).await;
    let load = PROTOCOLS.map(|protocol| {
        Load::start(
            pki.client(None),
            server.address,
            protocol,
            2,
            &["nginx:1.27"],
        )
    });
    let client = pki.client(None);
    let mut refused = 0;
    for number in 0..BAD {
        let bytes: Vec<u8> = (0..=255).cycle().skip(31 * number).take(512).collect();
        let mut plain = within(TcpStream::connect(server.address)).await.unwrap();
        let _ = plain.write_all(&bytes).await;
        let mut inside = client
            .tls(server.address, PROTOCOLS[number % PROTOCOLS.len()])
            .await
            .unwrap();
        let _ = inside.write_all(&bytes).await;
        let mut connection = client
            .connect(server.address, PROTOCOLS[number % PROTOCOLS.len()])
            .await
            .unwrap();
        let request = Request::post("/image_policy")
            .body(full(vec![b' '; 8192]))
            .unwrap();
        let answer = connection.send(request).await.unwrap();
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{answer:?}");
        refused += 1;
    }
    println!(
        "garbage before and after the handshake: {} connections; oversized: sent {BAD}, 413 {refused}, lost 0",
        2 * BAD
    );
    for (load, protocol) in load.into_iter().zip(PROTOCOLS) {
        load.has_answered(100).await;
        let figures = load.stop().await;
        println!("beside them, {protocol:?}: {figures}");
        assert_eq!(figures.sent, figures.answered, "{protocol:?}: {figures}");
    }
}
