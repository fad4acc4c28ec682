//! What is in flight when the server is to stop.

use std::sync::{Mutex, mpsc};

use imagereview_core::{Policy, Review, Verdict};
use tokio::{
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use crate::harness::{PROTOCOLS, Pki, TestServer, image_review, within};

/// Says when it was called, and returns when the test lets it.
pub(crate) struct Held {
    asked: UnboundedSender<()>,
    answer: Mutex<mpsc::Receiver<()>>,
}

impl Held {
    /// The policy, what it says, and how the test lets it return.
    pub(crate) fn new() -> (Self, UnboundedReceiver<()>, mpsc::Sender<()>) {
        let (asked, was_asked) = unbounded_channel();
        let (answer, held) = mpsc::channel();
        let policy = Self {
            asked,
            answer: Mutex::new(held),
        };
        (policy, was_asked, answer)
    }
}

impl Policy for Held {
    fn evaluate(&self, _review: &Review<'_>) -> Verdict {
        // The thread's other tasks go on elsewhere.
        tokio::task::block_in_place(|| {
            self.asked.send(()).unwrap();
            self.answer.lock().unwrap().recv().unwrap();
        });
        Verdict::allowed()
    }
}

// The policy holds a thread, which takes a runtime that has several.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_in_flight_gets_its_response_and_nothing_new_is_accepted() {
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let (policy, mut was_asked, answer) = Held::new();
        let server = TestServer::start_with(pki.config(), policy).await;
        let address = server.address;
        let client = pki.client(None);
        let idle = client.connect(address, protocol).await.unwrap();
        let mut busy = client.connect(address, protocol).await.unwrap();
        let in_flight = tokio::spawn(async move { busy.send(image_review(&["nginx:1.27"])).await });
        within(was_asked.recv()).await.unwrap();

        let stopped = server.stop();
        // Refused as soon as the listener is gone; what was still in its queue is reset.
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        while !idle.is_closed() {
            tokio::task::yield_now().await;
        }
        answer.send(()).unwrap();

        let (allowed, reason) = within(in_flight).await.unwrap().unwrap().verdict();
        assert!(allowed, "{protocol:?}: {reason}");
        within(stopped).await.unwrap();
    }
}

// The policy holds a thread, which takes a runtime that has several.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_wait_for_a_request_in_flight_has_an_end() {
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let (policy, mut was_asked, answer) = Held::new();
        let mut config = pki.config();
        config.timeouts.shutdown = std::time::Duration::from_millis(100);
        let server = TestServer::start_with(config, policy).await;
        let mut connection = pki
            .client(None)
            .connect(server.address, protocol)
            .await
            .unwrap();
        let in_flight =
            tokio::spawn(async move { connection.send(image_review(&["nginx:1.27"])).await });
        within(was_asked.recv()).await.unwrap();

        within(server.stop()).await.unwrap();
        answer.send(()).unwrap();
        let _ = within(in_flight).await.unwrap();
    }
}

#[tokio::test]
async fn silent_connections_do_not_hold_up_the_end() {
    let pki = Pki::new();
    let mut config = pki.config();
    // Longer than the test may take.
    let long = std::time::Duration::from_secs(600);
    (config.timeouts.handshake, config.timeouts.header) = (long, long);
    config.timeouts.shutdown = long;
    let server = TestServer::start(config).await;
    let plain = TcpStream::connect(server.address).await.unwrap();
    let client = pki.client(None);
    let [http1, http2] = PROTOCOLS.map(|protocol| client.tls(server.address, protocol));
    let (http1, http2) = (http1.await.unwrap(), http2.await.unwrap());
    within(server.stop()).await.unwrap();
    drop((plain, http1, http2));
}
