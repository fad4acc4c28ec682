//! What is in flight when the server is told to stop.

use std::sync::{Mutex, mpsc};

use imagereview_core::{Policy, Review, Verdict};
use tokio::net::TcpStream;

use crate::harness::{PROTOCOLS, Pki, TestServer, image_review, within};

/// Says when it was asked, and answers when it is told to.
struct Held {
    asked: tokio::sync::mpsc::UnboundedSender<()>,
    answer: Mutex<mpsc::Receiver<()>>,
}

impl Policy for Held {
    fn evaluate(&self, _review: &Review<'_>) -> Verdict {
        self.asked.send(()).unwrap();
        self.answer.lock().unwrap().recv().unwrap();
        Verdict::allowed()
    }
}

// The policy holds a thread, and others have to go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_in_flight_is_answered_and_nothing_new_is_accepted() {
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let (asked, mut was_asked) = tokio::sync::mpsc::unbounded_channel();
        let (answer, held) = mpsc::channel();
        let server = TestServer::start_with(
            pki.config(),
            Held {
                asked,
                answer: Mutex::new(held),
            },
        )
        .await;
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

// The policy holds a thread, and others have to go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_wait_for_a_request_in_flight_has_an_end() {
    let pki = Pki::new();
    for protocol in PROTOCOLS {
        let (asked, mut was_asked) = tokio::sync::mpsc::unbounded_channel();
        let (answer, held) = mpsc::channel();
        let mut config = pki.config();
        config.timeouts.shutdown = std::time::Duration::from_millis(100);
        let server = TestServer::start_with(
            config,
            Held {
                asked,
                answer: Mutex::new(held),
            },
        )
        .await;
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
