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
        Client, Connection, PROTOCOLS, Pki, Protocol, TestServer, full, get, image_review,
        image_review_json, metrics_say, within,
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

/// A review that is decided when the policy is released.
fn ask_slowly(mut connection: Connection, asking: &mut JoinSet<(bool, String)>) {
    asking.spawn(async move {
        connection
            .send(image_review(&[SLOW]))
            .await
            .unwrap()
            .verdict()
    });
}

/// The server and everything else share one thread here.
#[tokio::test]
async fn a_review_that_does_not_end_stops_no_other_and_no_probe() {
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let (policy, mut was_asked, release) = Slow::new();
        let mut config = pki.config();
        config.timeouts.review = Duration::from_secs(600);
        let server = TestServer::start_with(config, policy).await;
        let client = pki.client(None);
        let mut asking = JoinSet::new();
        let connection = client.connect(server.address, protocol).await.unwrap();
        ask_slowly(connection, &mut asking);
        within(was_asked.recv()).await.unwrap();

        for (image, allowed) in [(ALLOWED, true), (DENIED, false)] {
            let answer = client.review(server.address, protocol, &[image]).await;
            assert_eq!(answer.verdict().0, allowed, "{image}");
        }
        for path in ["/livez", "/readyz"] {
            let answer = get(server.health, path, "*/*").await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
        }
        drop(release);
        assert!(within(asking.join_next()).await.unwrap().unwrap().0);
    }
}

#[tokio::test]
async fn a_review_that_takes_too_long_is_denied_and_its_thread_counted() {
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let (policy, mut was_asked, release) = Slow::new();
        let mut config = pki.config();
        config.timeouts.review = Duration::from_millis(100);
        let server = TestServer::start_with(config, policy).await;
        let client = pki.client(None);
        let mut asking = JoinSet::new();
        let connection = client.connect(server.address, protocol).await.unwrap();
        ask_slowly(connection, &mut asking);
        within(was_asked.recv()).await.unwrap();

        let (allowed, reason) = within(asking.join_next()).await.unwrap().unwrap();
        assert!(!allowed, "{protocol:?}");
        assert!(reason.contains("within the time"), "{reason}");
        for line in [
            "imagereview_review_timeouts_total 1",
            "imagereview_reviews_overdue 1",
            "imagereview_panics_total 0",
            "imagereview_reviews_total{endpoint=\"image_policy\",outcome=\"undecided\"} 1",
        ] {
            metrics_say(server.health, line).await;
        }
        drop(release);
        metrics_say(server.health, "imagereview_reviews_overdue 0").await;
        // What it decided after all counts nowhere.
        let allowed = "imagereview_reviews_total{endpoint=\"image_policy\",outcome=\"allowed\"} 0";
        metrics_say(server.health, allowed).await;
    }
}

#[tokio::test]
async fn a_client_whose_reviews_do_not_end_takes_no_more_than_its_half() {
    let pki = Pki::new();
    let (policy, mut was_asked, release) = Slow::new();
    let mut config = pki.config();
    config.timeouts.review = Duration::from_secs(600);
    let server = TestServer::start_with(config, policy).await;
    let client = pki.client(None);
    let mut asking = JoinSet::new();
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let half = 4.max(2 * processors) / 2;
    for _ in 0..2 * half {
        let connection = client
            .connect(server.address, Protocol::Http2)
            .await
            .unwrap();
        ask_slowly(connection, &mut asking);
    }
    for _ in 0..half {
        within(was_asked.recv()).await.unwrap();
    }
    // Another address of the same machine is another client.
    let other = TcpSocket::new_v4().unwrap();
    other
        .bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)))
        .unwrap();
    let stream = within(other.connect(server.address)).await.unwrap();
    let answer = over(&client, stream, server.address).await;
    assert!(answer, "the other client is answered");
    assert!(was_asked.try_recv().is_err(), "no more than the half");
    drop(release);
    while let Some(answer) = within(asking.join_next()).await {
        assert!(answer.unwrap().0);
    }
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

#[tokio::test]
async fn a_review_that_does_not_end_holds_up_no_end_of_the_server() {
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let (policy, mut was_asked, release) = Slow::new();
        let mut config = pki.config();
        config.timeouts.review = Duration::from_secs(600);
        config.timeouts.shutdown = Duration::from_millis(100);
        let server = TestServer::start_with(config, policy).await;
        let mut connection = pki
            .client(None)
            .connect(server.address, protocol)
            .await
            .unwrap();
        let asking = tokio::spawn(async move { connection.send(image_review(&[SLOW])).await });
        within(was_asked.recv()).await.unwrap();
        within(server.stop()).await.unwrap();
        let _ = within(asking).await.unwrap();
        drop(release);
    }
}

/// A client that is still sending when its stream is reset may never see the response.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_refusal_over_http2_is_sent_once_the_body_is_read() {
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    for (path, media_type, status) in [
        ("/elsewhere", "application/json", StatusCode::NOT_FOUND),
        (
            "/validate",
            "text/plain",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
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
        for piece in vec![b' '; 200_000].chunks(16 << 10) {
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

/// 200 times for each refusal, as curl with its nghttp2 sends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_gets_each_early_refusal_over_http2() {
    const TIMES: usize = 200;
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    let folder = tempfile::tempdir().unwrap();
    pki.write_files(folder.path());
    std::fs::write(folder.path().join("body"), vec![b' '; 200_000]).unwrap();
    for (arguments, status) in [
        (["-X", "POST", "/elsewhere", "application/json"], "404"),
        (["-X", "PUT", "/validate", "application/json"], "405"),
        (["-X", "POST", "/validate", "text/plain"], "415"),
    ] {
        let [option, method, path, media_type] = arguments;
        let mut command = tokio::process::Command::new("curl");
        command
            .args(["--silent", "--show-error", "--http2", "--cacert", "ca.crt"])
            .args(["--write-out", "%{http_code}\n", "--output", "/dev/null"])
            .args([option, method, "--data-binary", "@body"])
            .args(["--header", &format!("content-type: {media_type}")])
            .current_dir(folder.path());
        // One process; each of its requests gets a line.
        let url = format!("https://{}{path}?[1-{TIMES}]", server.address);
        let output = command.arg(url).output();
        let output = within(output).await.unwrap();
        let answers = String::from_utf8_lossy(&output.stdout).into_owned();
        let answered = answers.lines().filter(|line| *line == status).count();
        let errors = String::from_utf8_lossy(&output.stderr);
        println!("{path}, {method}, {media_type}: {answered} of {TIMES} answered {status}");
        assert_eq!(answered, TIMES, "{errors}");
    }
}
