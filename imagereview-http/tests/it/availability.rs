//! One slow review, and what goes on beside it.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, mpsc},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, channel::Channel};
use hyper::{Request, StatusCode};
use imagereview_core::{NoLatestTag, Policy, Review, Verdict};
use tokio::{
    net::TcpSocket,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
};

use crate::{
    harness::{
        Client, PROTOCOLS, Pki, Protocol, TestServer, full, get, image_review, image_review_json,
        metrics_say, within,
    },
    webhook::{ALLOWED, DENIED},
};

/// An image that this policy takes its time for: until its sender is dropped.
const SLOW: &str = "registry.example.com/slow:1";

struct Slow {
    asked: UnboundedSender<()>,
    released: Mutex<mpsc::Receiver<Infallible>>,
}

impl Slow {
    /// The policy, what it says, and what it waits for.
    fn new() -> (Self, UnboundedReceiver<()>, mpsc::Sender<Infallible>) {
        let (asked, was_asked) = unbounded_channel();
        let (release, released) = mpsc::channel();
        let policy = Self {
            asked,
            released: Mutex::new(released),
        };
        (policy, was_asked, release)
    }
}

impl Policy for Slow {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        let mut images = review.images().iter();
        if images.any(|image| image.reference().as_written() == SLOW) {
            self.asked.send(()).unwrap();
            // Those behind it wait for the lock.
            let _ = self.released.lock().unwrap().recv();
        }
        NoLatestTag.evaluate(review)
    }
}

/// A server that has begun to decide a review which does not end.
struct Busy {
    server: TestServer,
    client: Client,
    was_asked: UnboundedReceiver<()>,
    release: mpsc::Sender<Infallible>,
    asking: JoinSet<(bool, String)>,
}

impl Busy {
    /// With this time for a review.
    async fn start(protocol: Protocol, review: Duration) -> Self {
        let pki = Pki::new();
        let (policy, was_asked, release) = Slow::new();
        let mut config = pki.config();
        config.timeouts.review = review;
        let mut busy = Self {
            server: TestServer::start_with(config, policy).await,
            client: pki.client(None),
            was_asked,
            release,
            asking: JoinSet::new(),
        };
        busy.ask(protocol).await;
        within(busy.was_asked.recv()).await.unwrap();
        busy
    }

    /// Sends another review that is decided when the policy is released.
    async fn ask(&mut self, protocol: Protocol) {
        let address = self.server.address;
        let mut connection = self.client.connect(address, protocol).await.unwrap();
        self.asking.spawn(async move {
            let answer = connection.send(image_review(&[SLOW])).await;
            answer.unwrap().verdict()
        });
    }

    /// Lets the policy go on, and gives the verdicts.
    async fn finish(mut self) -> Vec<bool> {
        drop(self.release);
        let mut verdicts = Vec::new();
        while let Some(verdict) = within(self.asking.join_next()).await {
            verdicts.push(verdict.unwrap().0);
        }
        verdicts
    }
}

/// Longer than a test may take.
const FOR_EVER: Duration = Duration::from_secs(600);

/// The server and everything else share one thread here.
#[tokio::test]
async fn a_review_that_does_not_end_stops_no_other_and_no_probe() {
    for protocol in PROTOCOLS {
        let busy = Busy::start(protocol, FOR_EVER).await;
        for (image, allowed) in [(ALLOWED, true), (DENIED, false)] {
            let address = busy.server.address;
            let answer = busy.client.review(address, protocol, &[image]).await;
            assert_eq!(answer.verdict().0, allowed, "{image}");
        }
        for path in ["/livez", "/readyz"] {
            let answer = get(busy.server.health, path, "*/*").await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
        }
        assert_eq!(busy.finish().await, [true]);
    }
}

#[tokio::test]
async fn a_review_that_takes_too_long_is_denied_and_its_thread_counted() {
    for protocol in PROTOCOLS {
        let mut busy = Busy::start(protocol, Duration::from_millis(100)).await;
        let (allowed, reason) = within(busy.asking.join_next()).await.unwrap().unwrap();
        assert!(!allowed, "{protocol:?}");
        assert!(reason.contains("within the time"), "{reason}");
        for line in [
            "imagereview_review_timeouts_total 1",
            "imagereview_reviews_overdue 1",
            "imagereview_panics_total 0",
            "imagereview_reviews_total{endpoint=\"image_policy\",outcome=\"undecided\"} 1",
        ] {
            metrics_say(busy.server.health, line).await;
        }
        drop(busy.release);
        metrics_say(busy.server.health, "imagereview_reviews_overdue 0").await;
        // What it decided after all counts nowhere.
        let allowed = "imagereview_reviews_total{endpoint=\"image_policy\",outcome=\"allowed\"} 0";
        metrics_say(busy.server.health, allowed).await;
    }
}

/// Half of the turns of small reviews.
const HALF: usize = 4;

#[tokio::test]
async fn a_client_whose_reviews_do_not_end_takes_no_more_than_its_half() {
    let mut busy = Busy::start(Protocol::Http2, FOR_EVER).await;
    for _ in 1..2 * HALF {
        busy.ask(Protocol::Http2).await;
    }
    for _ in 1..HALF {
        within(busy.was_asked.recv()).await.unwrap();
    }
    // Another address of the same machine is another client.
    let other = TcpSocket::new_v4().unwrap();
    other
        .bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)))
        .unwrap();
    let address = busy.server.address;
    let stream = within(other.connect(address)).await.unwrap();
    let answer = over(&busy.client, stream, address).await;
    assert!(answer, "the other client is answered");
    assert!(busy.was_asked.try_recv().is_err(), "no more than the half");
    assert_eq!(busy.finish().await, [true; 2 * HALF]);
}

/// An API server is one client, whoever creates the pods.
#[tokio::test]
async fn large_reviews_that_do_not_end_hold_up_no_small_one_of_the_same_client() {
    let mut busy = Busy::start(Protocol::Http2, FOR_EVER).await;
    let long = "x".repeat(32 << 10);
    for _ in 0..4 {
        let mut connection = busy
            .client
            .connect(busy.server.address, Protocol::Http2)
            .await
            .unwrap();
        let request = image_review(&[SLOW, &format!("{ALLOWED}@{long}")]);
        busy.asking
            .spawn(async move { connection.send(request).await.unwrap().verdict() });
    }
    // As many as a client may have: one has begun, and is large.
    for _ in 0..2 {
        within(busy.was_asked.recv()).await.unwrap();
    }
    let address = busy.server.address;
    let answer = busy
        .client
        .review(address, Protocol::Http2, &[ALLOWED])
        .await;
    assert!(answer.verdict().0);
    // They have an image that can't be read.
    let verdicts = busy.finish().await;
    assert_eq!(verdicts.iter().filter(|allowed| !**allowed).count(), 4);
}

/// Whether a review over this connection is allowed.
async fn over(client: &Client, stream: tokio::net::TcpStream, address: SocketAddr) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = client
        .tls_over(stream, address, Protocol::Http1)
        .await
        .unwrap();
    let body = image_review_json(&[ALLOWED]);
    let request = format!(
        "POST /image_policy HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = within(stream.read_to_string(&mut answer)).await;
    answer.contains("\"allowed\":true")
}

/// A client that is still sending when its stream is reset may never see the response.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_refusal_over_http2_is_sent_once_the_body_is_read() {
    let pki = Pki::new();
    let mut config = pki.config();
    // A body without an announced length shows only when it comes how long it is.
    config.max_body_bytes = BODY / 2;
    let server = TestServer::start(config).await;
    for (path, media_type, status) in [
        ("/elsewhere", "application/json", StatusCode::NOT_FOUND),
        (
            "/validate",
            "text/plain",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            "/image_policy",
            "application/json",
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ] {
        let mut connection = pki
            .client(None)
            .connect(server.address, Protocol::Http2)
            .await
            .unwrap();
        let (mut body, read) = Channel::<Bytes, Infallible>::new(1);
        let request = Request::post(path)
            .header("content-type", media_type)
            .body(read.boxed())
            .unwrap();
        let answer = tokio::spawn(async move {
            let answer = connection.send(request).await;
            (answer, connection)
        });
        for piece in vec![b' '; BODY].chunks(16 << 10) {
            within(body.send_data(Bytes::copy_from_slice(piece)))
                .await
                .unwrap();
        }
        assert!(!answer.is_finished(), "{path}");
        drop(body);
        let (answer, mut connection) = within(answer).await.unwrap();
        assert_eq!(answer.unwrap().status, status, "{path}");
        let request = Request::post("/image_policy").body(full(image_review_json(&[ALLOWED])));
        let answer = connection.send(request.unwrap()).await.unwrap();
        assert!(answer.verdict().0);
    }
}

/// The bytes of a body that is refused early.
const BODY: usize = 200_000;

/// As curl with its nghttp2 sends it, 200 times for each refusal, or as often as `IMAGEREVIEW_TIMES` says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_gets_each_early_refusal_over_http2() {
    let times = std::env::var("IMAGEREVIEW_TIMES");
    let times = times.map_or(200, |times| times.parse().unwrap());
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    let mut short = pki.config();
    short.max_body_bytes = BODY / 2;
    let short = TestServer::start(short).await;
    let mut full = pki.config();
    full.limits.requests = 0;
    let full = TestServer::start(full).await;
    let folder = tempfile::tempdir().unwrap();
    pki.write_files(folder.path());
    std::fs::write(folder.path().join("body"), vec![b' '; BODY]).unwrap();
    // For HTTP/2 curl leaves this header out, and the length too.
    let chunked = ["--header", "transfer-encoding: chunked"];
    for (server, [method, path, media_type], further, status) in [
        (
            &server,
            ["POST", "/elsewhere", "application/json"],
            &[][..],
            "404",
        ),
        (
            &server,
            ["PUT", "/validate", "application/json"],
            &[],
            "405",
        ),
        (&server, ["POST", "/validate", "text/plain"], &[], "415"),
        (
            &short,
            ["POST", "/image_policy", "application/json"],
            &[],
            "413",
        ),
        (
            &short,
            ["POST", "/image_policy", "application/json"],
            &chunked,
            "413",
        ),
        (
            &full,
            ["POST", "/image_policy", "application/json"],
            &[],
            "429",
        ),
        (
            &full,
            ["POST", "/image_policy", "application/json"],
            &chunked,
            "429",
        ),
    ] {
        let mut command = tokio::process::Command::new("curl");
        command
            .args(["--silent", "--show-error", "--http2", "--cacert", "ca.crt"])
            .args(["--write-out", "%{http_code}\n", "--output", "/dev/null"])
            .args(["-X", method, "--data-binary", "@body"])
            .args(["--header", &format!("content-type: {media_type}")])
            .args(further)
            .current_dir(folder.path());
        // One process; each of its requests gets a line.
        let url = format!("https://{}{path}?[1-{times}]", server.address);
        let output = command.arg(url).output().await.unwrap();
        let answers = String::from_utf8_lossy(&output.stdout).into_owned();
        let answered = answers.lines().filter(|line| *line == status).count();
        let errors = String::from_utf8_lossy(&output.stderr);
        println!(
            "{path}, {method}, {media_type} {further:?}: {answered} of {times} answered {status}"
        );
        assert_eq!(answered, times, "{errors}");
    }
}
