//! The compiled program under a steady load with faults of all kinds, for a few seconds, or for as
//! many as `IMAGEREVIEW_SOAK` says.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::{Request, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    connection_memory::{Left, leave},
    entries::largest_reviews,
    faults::{self, Abuse, Leave},
    harness::{Client, Connection, PROTOCOLS, Pki, Protocol, full, image_review, within},
    load::{Figures, was_not_read},
    reload::{Mounted, borrowed, document, server_files},
    untaken,
    webhook::{Footprint, Metrics, Webhook},
};

/// Where nothing else is asked for.
const SHORT: u64 = 4;

/// Requests a second, all clients together.
const RATE: usize = 400;

/// Clients of each protocol.
const CLIENTS: usize = 4;

/// How many faults are thrown at a time.
const HANDS: usize = 2;

/// How long each of them rests after a fault.
const REST: Duration = Duration::from_millis(40);

/// How much more memory there may be at the end than after warming up: what the allocator keeps.
const KEPT: usize = 64 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak() {
    let seconds = std::env::var("IMAGEREVIEW_SOAK").map_or(SHORT, |text| text.parse().unwrap());
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let pki = Arc::new(Pki::new());
    let folder = tempfile::tempdir().unwrap();
    pki.write_files(folder.path());
    let secret = Mounted::new(&borrowed(&server_files(&pki)));
    let policies = Mounted::new(&[("policy.yaml", &document("latest"))]);
    let option = |name, path: PathBuf| format!("--{name}={}", path.display());
    let options = [
        option("tls-cert", secret.path("tls.crt")),
        option("tls-key", secret.path("tls.key")),
        option("policy", policies.folder()),
        "--client-ca=ca.crt".to_owned(),
        "--audit-log=audit.jsonl".to_owned(),
        // So that each comes often enough to be seen in a short time too.
        "--max-connection-age=20s".to_owned(),
        "--handshake-timeout=30s".to_owned(),
        "--header-timeout=10s".to_owned(),
        "--body-timeout=10s".to_owned(),
        "--answer-timeout=10s".to_owned(),
        "--idle-timeout=20s".to_owned(),
    ];
    let webhook =
        Webhook::start_in(folder, "exec", &options.each_ref().map(|text| &**text), &[]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let before = webhook.footprint().await;

    let mut load = JoinSet::new();
    for number in 0..CLIENTS {
        for protocol in PROTOCOLS {
            let client = pki.api_server();
            let (address, stop) = (webhook.address, Arc::clone(&stop));
            load.spawn(async move {
                (
                    protocol,
                    ask(client, address, protocol, number, &stop).await,
                )
            });
        }
    }
    let faults_stop = Arc::new(AtomicBool::new(false));
    let thrown = Arc::new(Mutex::new(BTreeMap::<&str, usize>::new()));
    let mut faults = JoinSet::new();
    for hand in 0..HANDS {
        let (pki, address) = (Arc::clone(&pki), webhook.address);
        let (stop, thrown) = (Arc::clone(&faults_stop), Arc::clone(&thrown));
        faults.spawn(async move { Box::pin(throw(&pki, address, hand, &stop, &thrown)).await });
    }
    let mut changes = Changes {
        pki: &pki,
        secret,
        policies,
        webhook: &webhook,
        made: BTreeMap::new(),
    };

    let begin = Instant::now();
    let whole = Duration::from_secs(seconds);
    let mut samples = vec![(begin.elapsed(), webhook.footprint().await)];
    let mut round = 0;
    while begin.elapsed() < whole {
        sleep(Duration::from_secs(1)).await;
        changes.make(round).await;
        round += 1;
        // A client that panicked is no news to wait an hour for.
        assert!(faults.try_join_next().is_none() && load.try_join_next().is_none());
        // About sixty lines, whatever the time.
        if round % (seconds / 60).max(1) == 0 {
            let footprint = webhook.footprint().await;
            println!("{:>5} s: {footprint}", begin.elapsed().as_secs());
            samples.push((begin.elapsed(), footprint));
        }
    }
    faults_stop.store(true, Ordering::Relaxed);
    while let Some(ended) = within(faults.join_next()).await {
        ended.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut figures = BTreeMap::<_, Figures>::new();
    while let Some(ended) = within(load.join_next()).await {
        let (protocol, more) = ended.unwrap();
        *figures.entry(format!("{protocol:?}")).or_default() += more;
    }
    webhook.answers(&pki.api_server()).await;
    let made = std::mem::take(&mut changes.made);
    drop(changes);
    let after = webhook.lets_go(before).await;
    let thrown = std::mem::take(&mut *thrown.lock().unwrap());

    println!("\nsoak of {} s", begin.elapsed().as_secs());
    for (protocol, figures) in &figures {
        println!("{protocol}: {figures}");
    }
    let warm = samples
        .iter()
        .find(|(at, _)| *at >= whole / 10)
        .map_or(after, |(_, it)| *it);
    let most = |of: fn(&Footprint) -> usize| samples.iter().map(|(_, it)| of(it)).max().unwrap();
    println!("| | before | after a tenth | most | in the end |\n| --- | --- | --- | --- | --- |");
    for (name, of) in [
        (
            "resident MiB",
            (|it: &Footprint| it.memory >> 20) as fn(&Footprint) -> usize,
        ),
        ("descriptors", |it| it.descriptors),
        ("threads", |it| it.threads),
        ("connections", |it| it.connections),
    ] {
        println!(
            "| {name} | {} | {} | {} | {} |",
            of(&before),
            of(&warm),
            most(of),
            of(&after)
        );
    }
    println!("| fault | times |\n| --- | --- |");
    for (name, times) in thrown.iter().chain(&made) {
        println!("| {name} | {times} |");
    }
    let metrics = Metrics::of(webhook.health).await;
    for name in [
        "imagereview_connections_accepted_total",
        "imagereview_panics_total",
        "imagereview_audit_records_total",
        "imagereview_audit_records_dropped_total",
        "imagereview_audit_write_errors_total",
    ] {
        println!("{name} {}", metrics.value(name));
    }

    for figures in figures.values() {
        figures.assert_none_lost();
    }
    assert_eq!(metrics.value("imagereview_panics_total"), 0);
    assert!(after.memory < warm.memory + KEPT, "{warm}; {after}");
    let errors = webhook.stops_with_errors().await;
    // Those of the files that were broken on purpose.
    let unexpected: Vec<_> = errors
        .iter()
        .filter(|line| !line.contains("not reloaded"))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

/// Asks at a steady pace, and checks that each response is the one to its own request.
async fn ask(
    client: Client,
    address: SocketAddr,
    protocol: Protocol,
    number: usize,
    stop: &AtomicBool,
) -> Figures {
    let mut figures = Figures::default();
    let mut connection: Option<Connection> = None;
    let clients = CLIENTS * PROTOCOLS.len();
    let mut pace = interval(
        Duration::from_secs(1) * u32::try_from(clients).unwrap() / u32::try_from(RATE).unwrap(),
    );
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        if connection.as_ref().is_none_or(Connection::is_closed) {
            match client.connect(address, protocol).await {
                Ok(made) => connection = Some(made),
                Err(error) => {
                    eprintln!("no connection: {error}");
                    figures.lost += 1;
                    continue;
                }
            }
            figures.connections += 1;
        }
        let used = connection.as_mut().expect("it was made");
        let denied = figures.sent % 5 == 0;
        let name = format!("registry.example.com/app-{number}-{}", figures.sent);
        let image = if denied {
            format!("{name}:latest")
        } else {
            format!("{name}:1")
        };
        figures.sent += 1;
        match used.send(image_review(&[&image])).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                let (allowed, reason) = answer.verdict();
                assert_eq!(allowed, !denied, "{image}: {reason}");
                assert!(!denied || reason.contains(&name), "{image}: {reason}");
                figures.answered += 1;
            }
            Ok(answer) => {
                eprintln!("{answer:?}");
                figures.other += 1;
            }
            Err(error) if was_not_read(&error) => {
                figures.returned += 1;
                connection = None;
            }
            Err(error) => {
                eprintln!("lost: {error:?}");
                figures.lost += 1;
                connection = None;
            }
        }
    }
    figures
}

/// A document that takes its time for the images of one namespace.
const SLOW: &str = "---
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: slow}
scope: {namespaces: {include: [slow]}}
rules:
  - {name: slow, expression: 'review.images.all(x, review.images == review.images)'}
";

/// A review of that namespace, long enough to be decided among the large ones.
fn slow_review() -> Bytes {
    let container = format!(
        r#"{{"image":"registry.example.com/{}:1"}}"#,
        "a".repeat(180)
    );
    let containers = vec![container; 100].join(",");
    let review = format!(
        r#"{{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{{"namespace":"slow","containers":[{containers}]}}}}"#
    );
    review.into()
}

/// Throws one fault after another.
async fn throw(
    pki: &Pki,
    address: SocketAddr,
    hand: usize,
    stop: &AtomicBool,
    thrown: &Mutex<BTreeMap<&'static str, usize>>,
) {
    let client = pki.api_server();
    let foreign = {
        let identity = Pki::new().client_identity("kube-apiserver");
        pki.client(Some(&identity))
    };
    let nobody = pki.client(None);
    let abuses = Abuse::all();
    let largest = largest_reviews().into_iter();
    let mut reviews: Vec<_> = largest
        .map(|(path, body, _)| ("review that is large", path, Bytes::from(body)))
        .collect();
    for _ in 0..3 {
        reviews.push(("review that takes long", "/image_policy", slow_review()));
    }
    let mut numbers = Numbers(hand as u64 + 1);
    // Open and silent, until so many others have come.
    let mut silent: VecDeque<Box<dyn Send>> = VecDeque::new();
    while !stop.load(Ordering::Relaxed) {
        let protocol = PROTOCOLS[numbers.below(2)];
        let name = match numbers.below(14) {
            0 => {
                faults::leaves_after(
                    &client,
                    address,
                    protocol,
                    numbers.below(3000),
                    Leave::Reset,
                )
                .await;
                "reset at a byte"
            }
            1 => {
                faults::leaves_after(
                    &client,
                    address,
                    protocol,
                    numbers.below(3000),
                    Leave::Close,
                )
                .await;
                "closed at a byte"
            }
            2 => {
                let abuse = &abuses[numbers.below(abuses.len())];
                abuse.commit(&client, address).await;
                abuse.name
            }
            3 => {
                let bytes: Vec<u8> = (0..numbers.below(4096)).map(|_| numbers.byte()).collect();
                let mut plain = within(TcpStream::connect(address)).await.unwrap();
                let _ = plain.write_all(&bytes).await;
                "garbage instead of TLS"
            }
            4 => {
                let bytes: Vec<u8> = (0..numbers.below(4096)).map(|_| numbers.byte()).collect();
                let mut inside = client.tls(address, protocol).await.unwrap();
                let _ = inside.write_all(&bytes).await;
                "garbage inside TLS"
            }
            5 => {
                let client = if numbers.below(2) == 0 {
                    &foreign
                } else {
                    &nobody
                };
                // In TLS 1.3 the client hears of it with the first response.
                if let Ok(mut refused) = client.tls(address, protocol).await {
                    assert!(matches!(
                        within(refused.read(&mut [0])).await,
                        Ok(0) | Err(_)
                    ));
                }
                "client that is not trusted"
            }
            6 => {
                let mut connection = client.connect(address, protocol).await.unwrap();
                let request = Request::post("/image_policy")
                    .body(full(vec![b' '; 4 << 20]))
                    .unwrap();
                // The response may be lost to a reset, since the body is not read to its end.
                if let Ok(answer) = connection.send(request).await {
                    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
                }
                "body that is too long"
            }
            7 => {
                let plain = within(TcpStream::connect(address)).await.unwrap();
                silent.push_back(Box::new(plain));
                "silent before the handshake"
            }
            8 => {
                let mut stream = client.tls(address, Protocol::Http2).await.unwrap();
                stream.write_all(&faults::without_window(1)).await.unwrap();
                silent.push_back(Box::new(stream));
                "answer that is not taken"
            }
            9 => {
                // Refusals count in the same budget, and are made faster than anything else.
                let mut stream = client.tls(address, Protocol::Http2).await.unwrap();
                let _ = stream
                    .write_all(&untaken::refused_without_window(200))
                    .await;
                silent.push_back(Box::new(stream));
                "refusals that are not taken"
            }
            10 => {
                // It reads nothing, and its host is cut in whatever tells of it.
                let mut stream = client.tls(address, Protocol::Http1).await.unwrap();
                let request = untaken::long_host(numbers.below(2 << 20));
                let _ = within(stream.write_all(&request)).await;
                silent.push_back(Box::new(stream));
                "long host in a response that is not taken"
            }
            11 => {
                let (name, path, body) = &reviews[numbers.below(reviews.len())];
                let mut connection = client.connect(address, protocol).await.unwrap();
                let request = Request::post(*path).body(full(body.clone())).unwrap();
                // Others may have its memory or its turn.
                if let Ok(answer) = connection.send(request).await {
                    let fine = [200, 408, 429];
                    assert!(fine.contains(&answer.status.as_u16()), "{answer:?}");
                }
                name
            }
            12 => {
                // Idle, in the middle of headers.
                let left = [
                    Left::Headers(Protocol::Http1),
                    Left::Headers(Protocol::Http2),
                ];
                silent.push_back(leave(left[numbers.below(2)], &client, address).await);
                "headers that are not finished"
            }
            _ => {
                let whole = faults::review(protocol);
                let mut stream = client.tls(address, protocol).await.unwrap();
                let some = &whole[..numbers.below(whole.len())];
                let _ = stream.write_all(some).await;
                silent.push_back(Box::new(stream));
                "silent within a request"
            }
        };
        *thrown.lock().unwrap().entry(name).or_default() += 1;
        if silent.len() > 50 {
            silent.pop_front();
        }
        sleep(REST).await;
    }
}

/// Numbers that look like chance and are the same each time (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}

/// What an operator changes meanwhile, for the better and for the worse.
struct Changes<'s> {
    pki: &'s Pki,
    secret: Mounted,
    policies: Mounted,
    webhook: &'s Webhook,
    made: BTreeMap<&'static str, usize>,
}

impl Changes<'_> {
    async fn make(&mut self, round: u64) {
        let certificate = server_files(self.pki);
        let name = match round % 9 {
            0 => {
                // It denies what the one of before does, and something else each time.
                let denied = format!("latest, never-{round}");
                let text = document(&denied) + SLOW;
                self.policies.replace(&[("policy.yaml", &text)]);
                "policy changed"
            }
            1 => {
                self.secret.replace(&borrowed(&certificate));
                "certificate changed"
            }
            2 => {
                self.policies.replace(&[("policy.yaml", "kind: Pod")]);
                "policy broken"
            }
            3 => {
                self.policies
                    .replace(&[("policy.yaml", &document("latest"))]);
                "policy put right"
            }
            4 => {
                let other = server_files(self.pki);
                let halves = [("tls.crt", &*certificate[0].1), ("tls.key", &*other[1].1)];
                self.secret.replace(&halves);
                "certificate with another key"
            }
            5 => {
                self.secret.replace(&borrowed(&certificate));
                "certificate put right"
            }
            6 => {
                let folder = self.webhook.folder.path();
                fs::rename(folder.join("audit.jsonl"), folder.join("audit.1")).unwrap();
                self.webhook.program.signal("HUP");
                within(async {
                    while !folder.join("audit.jsonl").exists() {
                        sleep(Duration::from_millis(10)).await;
                    }
                })
                .await;
                fs::remove_file(folder.join("audit.1")).unwrap();
                "audit log rotated"
            }
            7 => {
                self.webhook.program.signal("STOP");
                sleep(Duration::from_millis(300)).await;
                self.webhook.program.signal("CONT");
                "stopped for a moment"
            }
            _ => {
                self.webhook.program.signal("HUP");
                "reload asked for"
            }
        };
        *self.made.entry(name).or_default() += 1;
    }
}
