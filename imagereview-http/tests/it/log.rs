//! The log, where whoever should read it doesn't.

use std::net::SocketAddr;

use crate::{
    harness::{Client, Protocol, image_review, within},
    program::{Program, development_authority, unconfigured},
    webhook::{Metrics, bytes_of_status},
};

/// The address of probes and metrics.
async fn health(program: &mut Program) -> SocketAddr {
    let line = program.logs("probes and metrics are at http://").await;
    let (_, address) = line.split_once("http://").unwrap();
    address.trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_reads_takes_little_memory_and_tells_what_is_missing() {
    const SENT: usize = 3000;
    // What the lines may take, where all together would take 25 MB.
    const ROOM: usize = 8 << 20;
    const BESIDE: usize = 8 << 20;
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(&mut unconfigured(folder.path()));
    let health = health(&mut program).await;
    let address = program.listens().await;
    let process = program.child.id().unwrap();
    let client = Client::new(&development_authority(folder.path()), None);
    let mut connection = client.connect(address, Protocol::Http2).await.unwrap();
    let image = format!("registry.example.com/{}:1", "a".repeat(230));
    let images = [&*image; 32];
    let before = bytes_of_status(process, "VmRSS");
    for _ in 0..SENT {
        let answer = connection.send(image_review(&images)).await.unwrap();
        assert!(answer.verdict().0);
    }
    let more = bytes_of_status(process, "VmHWM") - before;
    let metrics = Metrics::of(health).await;
    let dropped = metrics.value("imagereview_log_lines_dropped_total");
    println!("{SENT} long lines that nobody reads, {dropped} dropped: {more} bytes more");
    assert!(more < ROOM + BESIDE, "{more} bytes");

    let log = program.take_log();
    program.signal("TERM");
    let lines = within(log.lines()).await;
    let decided: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("decided"))
        .collect();
    assert!(decided.iter().all(|line| line.contains(" duration_us=")));
    assert_eq!(decided.len() + dropped, SENT);
    assert!(within(program.child.wait()).await.unwrap().success());
}
