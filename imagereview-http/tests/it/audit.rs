//! The audit log.

use std::{fs, net::SocketAddr, os::unix::fs::symlink, path::Path};

use imagereview_http::{AuditLog, AuditTarget, WhenFull};
use serde_json::Value;

use crate::{
    harness::{
        PROTOCOLS, Pki, Protocol, RequestBody, TestServer, image_review, metrics, metrics_say,
        within,
    },
    webhook::{ALLOWED, Webhook},
};

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn each_decision_is_a_line_with_who_asked_what() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let pki = Pki::new();
    let client_ca = pki.authority_file();
    let mut config = pki.config();
    config.client_ca = Some(client_ca.path().to_owned());
    config.audit = Some(AuditLog::new(AuditTarget::File(path.clone())));
    let server = TestServer::start(config).await;
    for protocol in PROTOCOLS {
        let images = ["a:1", "nginx"];
        pki.api_server()
            .review(server.address, protocol, &images)
            .await;
    }
    within(server.stop()).await.unwrap();

    let lines = lines(&path);
    assert_eq!(lines.len(), PROTOCOLS.len(), "{lines:?}");
    for line in &lines {
        assert_eq!(line["endpoint"], "image_policy", "{line}");
        assert_eq!(line["client"], "kube-apiserver", "{line}");
        assert_eq!(line["namespace"], "default", "{line}");
        assert_eq!(
            line["images"],
            serde_json::json!(["a:1", "nginx"]),
            "{line}"
        );
        assert_eq!(line["allowed"], false, "{line}");
        assert_eq!(line["violations"][0]["rule"], "no-latest-tag", "{line}");
        assert_eq!(line["violations"][0]["mode"], "enforce", "{line}");
        assert_eq!(
            line["violations"][0]["location"], "spec.containers[1].image",
            "{line}"
        );
        for field in ["time", "request", "peer", "reason"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
    }
    assert_ne!(lines[0]["request"], lines[1]["request"]);
}

#[tokio::test]
async fn violations_that_are_not_kept_are_counted_in_the_line_and_in_the_metrics() {
    const LIMIT: usize = imagereview_core::limits::VIOLATIONS_LIMIT;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let pki = Pki::new();
    let mut config = pki.config();
    config.audit = Some(AuditLog::new(AuditTarget::File(path.clone())));
    let server = TestServer::start(config).await;
    let images = vec!["nginx"; LIMIT + 7];
    pki.client(None)
        .review(server.address, Protocol::Http1, &images)
        .await;
    let all = LIMIT + 7;
    let counted =
        format!("imagereview_violations_total{{rule=\"no-latest-tag\",mode=\"enforce\"}} {all}");
    metrics_say(server.health, &counted).await;
    within(server.stop()).await.unwrap();

    let lines = lines(&path);
    assert_eq!(lines[0]["violations"].as_array().unwrap().len(), LIMIT);
    assert_eq!(lines[0]["omittedViolations"], 7);
}

#[tokio::test]
async fn a_renamed_file_is_left_at_the_next_requested_reload() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("audit"), folder.path().join("audit.1"));
    let pki = Pki::new();
    let mut config = pki.config();
    config.audit = Some(AuditLog::new(AuditTarget::File(path.clone())));
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    client
        .review(server.address, Protocol::Http2, &["a:1"])
        .await;
    within(async {
        while lines(&path).is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    fs::rename(&path, &old).unwrap();
    server.reload.request();
    within(async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    client
        .review(server.address, Protocol::Http2, &["b:1"])
        .await;
    within(server.stop()).await.unwrap();
    assert_eq!(lines(&old)[0]["images"][0], "a:1");
    assert_eq!(lines(&path)[0]["images"][0], "b:1");
}

/// `/dev/full` is a disk that is full.
#[tokio::test]
async fn a_full_disk_is_counted_and_stops_nothing() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.audit = Some(AuditLog::new(AuditTarget::File("/dev/full".into())));
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    for _ in 0..3 {
        let answer = client
            .review(server.address, Protocol::Http2, &["a:1"])
            .await;
        assert!(answer.verdict().0);
    }
    metrics_say(server.health, "imagereview_audit_records_total 3").await;
    write_fails(server.health).await;
}

/// Waits until the metrics show that a write or an opening failed.
async fn write_fails(health: SocketAddr) {
    within(async {
        while metrics(health)
            .await
            .contains("imagereview_audit_write_errors_total 0\n")
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Waits until the file holds the decision about this image, and checks each of its lines.
async fn is_recorded(path: &Path, image: &str) {
    within(async {
        let is_there = || {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.ends_with('\n') && text.contains(image)
        };
        while !is_there() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(lines(path));
}

/// What becomes of the log's path, and what makes it good again.
type Trouble = (&'static str, fn(&Path), fn(&Path));

#[tokio::test]
async fn a_log_that_cannot_be_written_is_written_again_once_it_can() {
    // Each with the folder of the log, which is its `audit.jsonl`.
    let rows: [Trouble; 3] = [
        (
            "no room",
            |folder| symlink("/dev/full", folder.join("audit.jsonl")).unwrap(),
            |folder| fs::remove_file(folder.join("audit.jsonl")).unwrap(),
        ),
        (
            "the folder is removed",
            |folder| fs::remove_dir_all(folder).unwrap(),
            |folder| fs::create_dir(folder).unwrap(),
        ),
        (
            "something else has its name",
            |folder| fs::create_dir(folder.join("audit.jsonl")).unwrap(),
            |folder| fs::remove_dir(folder.join("audit.jsonl")).unwrap(),
        ),
    ];
    for (name, trouble, remedy) in rows {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("log");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("audit.jsonl");
        let pki = Pki::new();
        let mut config = pki.config();
        config.audit = Some(AuditLog::new(AuditTarget::File(path.clone())));
        let server = TestServer::start(config).await;
        let client = pki.client(None);
        let review = async |image| {
            for protocol in PROTOCOLS {
                let answer = client.review(server.address, protocol, &[image]).await;
                assert!(answer.verdict().0, "{name}: {answer:?}");
            }
        };
        review("before:1").await;
        is_recorded(&path, "before:1").await;

        fs::rename(&path, folder.join("audit.1")).unwrap();
        trouble(&folder);
        server.reload.request();
        // What opens is found out at the next line.
        within(async {
            while metrics(server.health)
                .await
                .contains("imagereview_audit_write_errors_total 0\n")
            {
                review("during:1").await;
            }
        })
        .await;
        review("during:2").await;

        remedy(&folder);
        server.reload.request();
        within(async {
            while !path.is_file() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        review("after:1").await;
        is_recorded(&path, "after:1").await;
        within(server.stop()).await.unwrap();
        assert!(!lines(&path).is_empty(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_a_files_size_does_not_end_the_program() {
    let pki = Pki::new();
    // Of 512 bytes each.
    let limited = "ulimit -f 8 && exec";
    let webhook = Webhook::start_under(limited, &pki, &["--audit-log=audit.jsonl"]).await;
    let client = pki.client(None);
    let path = webhook.folder.path().join("audit.jsonl");
    within(async {
        while metrics(webhook.health)
            .await
            .contains("imagereview_audit_write_errors_total 0\n")
        {
            webhook.answers(&client).await;
        }
    })
    .await;
    webhook.answers(&client).await;
    // The last line is cut off where the limit is.
    assert_eq!(fs::metadata(&path).unwrap().len(), 8 * 512);

    fs::rename(&path, webhook.folder.path().join("audit.1")).unwrap();
    webhook.program.signal("HUP");
    within(async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    webhook.answers(&client).await;
    is_recorded(&path, ALLOWED).await;
    let errors = webhook.stops_with_errors().await;
    assert!(
        errors[0].contains("the audit log can't be written"),
        "{errors:?}"
    );
}

/// A pipe that nobody reads from is a disk that hangs.
pub(crate) fn pipe(folder: &Path) -> (std::path::PathBuf, fs::File) {
    let path = folder.join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    // Opened for both, so that neither end waits for the other.
    let reader = fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    (path, reader)
}

/// More than what the queue and the pipe's 64 KiB hold, however often it is sent.
fn long_review() -> hyper::Request<RequestBody> {
    let image = format!("{}:1", "a".repeat(200));
    image_review(&[&*image; 20])
}

#[tokio::test]
async fn a_disk_that_hangs_drops_lines_and_stops_nothing() {
    for when_full in [WhenFull::DropNew, WhenFull::DropOld] {
        let folder = tempfile::tempdir().unwrap();
        let (path, reader) = pipe(folder.path());
        let pki = Pki::new();
        let mut config = pki.config();
        let mut audit = AuditLog::new(AuditTarget::File(path));
        audit.queue = 2;
        audit.when_full = when_full;
        config.audit = Some(audit);
        let server = TestServer::start(config).await;
        let mut connection = pki
            .client(None)
            .connect(server.address, Protocol::Http2)
            .await
            .unwrap();
        let mut answered = 0;
        while metrics(server.health)
            .await
            .contains("imagereview_audit_records_dropped_total 0\n")
        {
            assert!(connection.send(long_review()).await.unwrap().verdict().0);
            answered += 1;
            assert!(answered < 1000, "{when_full:?}: the pipe takes everything");
        }
        println!("{when_full:?}: sent {answered}, answered {answered}, lost 0");
        drop(reader);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_wait_for_a_disk_that_hangs_where_that_was_chosen() {
    const SENT: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let (path, reader) = pipe(folder.path());
    let pki = Pki::new();
    let mut config = pki.config();
    let mut audit = AuditLog::new(AuditTarget::File(path));
    audit.queue = 2;
    audit.when_full = WhenFull::Block;
    config.audit = Some(audit);
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..SENT {
        let mut connection = client
            .connect(server.address, Protocol::Http2)
            .await
            .unwrap();
        asking.spawn(async move { connection.send(long_review()).await.unwrap().verdict().0 });
    }
    // Every request has come as far as the log, and the log has no room for all of them.
    metrics_say(
        server.health,
        &format!("imagereview_audit_records_total {SENT}"),
    )
    .await;
    let answered = std::iter::from_fn(|| asking.try_join_next()).count();
    assert!(answered < SENT, "the pipe took everything");
    let read = tokio::task::spawn_blocking(move || {
        std::io::BufRead::lines(std::io::BufReader::new(reader))
            .take(SENT)
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    });
    while let Some(allowed) = within(asking.join_next()).await {
        assert!(allowed.unwrap());
    }
    assert_eq!(within(read).await.unwrap().len(), SENT);
    metrics_say(server.health, "imagereview_audit_records_dropped_total 0").await;
    println!(
        "sent {SENT}, answered {answered} before the disk went on and the others after, lost 0"
    );
}

#[tokio::test]
async fn a_decision_whose_client_gives_up_is_counted_as_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (path, reader) = pipe(folder.path());
    let pki = Pki::new();
    let mut config = pki.config();
    let mut audit = AuditLog::new(AuditTarget::File(path));
    audit.queue = 1;
    audit.when_full = WhenFull::Block;
    config.audit = Some(audit);
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let mut connection = client
            .connect(server.address, Protocol::Http2)
            .await
            .unwrap();
        asking.spawn(async move { connection.send(long_review()).await });
    }
    metrics_say(server.health, "imagereview_audit_records_total 200").await;
    metrics_say(server.health, "imagereview_audit_records_dropped_total 0").await;
    asking.shutdown().await;
    metrics_say(server.health, "imagereview_requests_in_flight 0").await;
    let metrics = metrics(server.health).await;
    assert!(
        !metrics.contains("imagereview_audit_records_dropped_total 0\n"),
        "{metrics}"
    );
    drop(reader);
}
