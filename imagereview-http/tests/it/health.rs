//! Probes and metrics.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use hyper::StatusCode;
use imagereview_http::{
    AuditLog, AuditTarget, DroppedLogLines, FactsSource, RegistryFiles, ServerPolicy,
};
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::{
    harness::{Pki, Protocol, TestServer, file, get, metrics, metrics_say, within},
    issuer::Issuer,
};

const POLICY: &str = "\
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: example}
rules:
  - name: no-latest
    tags: {deny: [latest]}
";

#[tokio::test]
async fn each_path_gets_a_response() {
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    // The path, the status, and what the body holds.
    let rows = [
        ("/livez", StatusCode::OK, "ok"),
        ("/readyz", StatusCode::OK, "ok"),
        ("/readyz?verbose", StatusCode::OK, "ok"),
        ("/healthz", StatusCode::OK, "ok"),
        ("/metrics", StatusCode::OK, "imagereview_build_info"),
        ("/", StatusCode::NOT_FOUND, "/livez, /readyz"),
        ("/image_policy", StatusCode::NOT_FOUND, "/livez, /readyz"),
    ];
    for row @ (path, status, body) in rows {
        let answer = get(server.health, path, "*/*").await;
        assert_eq!(answer.status, status, "{row:?}: {answer:?}");
        let text = String::from_utf8_lossy(&answer.body);
        assert!(text.contains(body), "{row:?}: {text}");
    }
}

#[tokio::test]
async fn the_metrics_come_in_the_form_that_is_accepted() {
    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    let rows = [
        ("*/*", TEXT, "# TYPE imagereview_panics_total counter"),
        (
            "text/plain;version=0.0.4;q=0.5",
            TEXT,
            "# TYPE imagereview_connections gauge",
        ),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
            OPENMETRICS,
            "# TYPE imagereview_panics counter",
        ),
    ];
    for row @ (accept, content_type, line) in rows {
        let answer = get(server.health, "/metrics", accept).await;
        assert_eq!(answer.headers["content-type"], content_type, "{row:?}");
        let text = String::from_utf8_lossy(&answer.body);
        assert!(text.lines().any(|found| found == line), "{row:?}: {text}");
        assert_eq!(
            text.ends_with("# EOF\n"),
            content_type == OPENMETRICS,
            "{row:?}: {text}"
        );
    }
}

#[tokio::test]
async fn connections_that_are_silent_keep_no_probe_out() {
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    let mut silent = Vec::new();
    // Some more than there is capacity for, and each waits longer than a probe does.
    for _ in 0..100 {
        silent.push(within(TcpStream::connect(server.health)).await.unwrap());
    }
    let answer = get(server.health, "/livez", "*/*").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    // The oldest have freed their slots, and the others were not waited for.
    let read = within(silent[0].read(&mut [0])).await;
    assert_eq!(read.unwrap_or_default(), 0);
    let other = silent[50].try_read(&mut [0]).unwrap_err();
    assert_eq!(other.kind(), std::io::ErrorKind::WouldBlock);
}

const FACTS: &str = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: facts}\n\
                     scope: {images: {include: ['127.0.0.1:1/**']}}\n\
                     rules: [{name: not-root, facts: {tags: checkOnly, nonRoot: true}}]\n";

/// The names, types and labels of `docs/metrics.md`.
fn documented() -> BTreeMap<String, (String, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = fs::read_to_string(path).unwrap();
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `imagereview_"));
    rows.map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().replace('`', ""));
        let [name, kind, labels] = [(); 3].map(|()| cells.next().unwrap());
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        let mut labels: Vec<String> = labels.map(str::to_owned).collect();
        labels.sort();
        (format!("imagereview_{name}"), (kind, labels))
    })
    .collect()
}

/// The same of what a server shows.
fn shown(metrics: &str) -> BTreeMap<String, (String, Vec<String>)> {
    let types = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .map(|(name, kind)| {
            let sample = metrics.lines().find(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(['{', ' ']) || rest.starts_with("_bucket"))
            });
            let sample = sample.unwrap_or_else(|| panic!("{name} has no sample in {metrics}"));
            let labels = sample.split_once('{').map_or("", |(_, rest)| rest);
            let mut labels: Vec<String> = labels
                .split("\",")
                .filter_map(|label| Some(label.split_once("=\"")?.0.to_owned()))
                .filter(|label| label != "le")
                .collect();
            labels.sort();
            (name.to_owned(), (kind.to_owned(), labels))
        })
        .collect()
}

#[tokio::test]
async fn the_documentation_names_every_metric_and_no_other() {
    let pki = Pki::new();
    let clients = Issuer::new("clients");
    let (client_ca, client_crl) = (file(&clients.pem()), file(&clients.revoke(&[])));
    let policy = tempfile::tempdir().unwrap();
    fs::write(policy.path().join("policy.yaml"), POLICY).unwrap();
    fs::write(policy.path().join("facts.yaml"), FACTS).unwrap();
    let mut config = pki.config();
    config.facts = FactsSource::Files(RegistryFiles::default());
    config.client_ca = Some(client_ca.path().to_owned());
    config.client_crl = Some(client_crl.path().to_owned());
    config.audit = Some(AuditLog::new(AuditTarget::File(
        policy.path().join("audit"),
    )));
    config.dropped_log_lines = Some(DroppedLogLines::new(|| 7));
    let policy = ServerPolicy::Files(vec![policy.path().to_owned()]);
    let server = TestServer::start_serving(config, policy).await;
    // Some show up with their first value only.
    let answer = clients
        .client(&pki, 1)
        // No image name leads to this machine, so nothing is sent to the other.
        .review(
            server.address,
            Protocol::Http2,
            &["nginx", "127.0.0.1:1/a/b:1"],
        )
        .await;
    assert!(!answer.verdict().0);
    let metrics = metrics(server.health).await;
    assert_eq!(shown(&metrics), documented());
    assert!(metrics.contains("imagereview_log_lines_dropped_total 7\n"));
}

#[tokio::test]
async fn what_happens_is_counted() {
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    let client = pki.client(None);
    for (images, allowed) in [
        (["nginx:1.27"], true),
        (["nginx"], false),
        (["Foo/x"], false),
    ] {
        for protocol in crate::harness::PROTOCOLS {
            let answer = client.review(server.address, protocol, &images).await;
            assert_eq!(answer.verdict().0, allowed, "{images:?} {protocol:?}");
        }
    }
    drop(TcpStream::connect(server.address).await.unwrap());
    for line in [
        r#"imagereview_reviews_total{endpoint="image_policy",outcome="allowed"} 2"#,
        r#"imagereview_reviews_total{endpoint="image_policy",outcome="denied"} 4"#,
        r#"imagereview_reviews_total{endpoint="image_policy",outcome="undecided"} 0"#,
        r#"imagereview_review_duration_seconds_count{endpoint="image_policy"} 6"#,
        r#"imagereview_violations_total{rule="no-latest-tag",mode="enforce"} 2"#,
        r#"imagereview_violations_total{rule="unreadable-reference",mode="enforce"} 2"#,
        r#"imagereview_tls_handshake_failures_total{cause="broken_off"} 1"#,
        "imagereview_connections_accepted_total 7",
        "imagereview_requests_in_flight 0",
        "imagereview_connections 0",
    ] {
        metrics_say(server.health, line).await;
    }
}

#[tokio::test]
async fn readiness_goes_first_and_reviews_go_on_meanwhile() {
    let pki = Pki::new();
    let mut config = pki.config();
    // Ended by dropping the server, since the test is over before.
    config.timeouts.shutdown_delay = Duration::from_secs(600);
    let server = TestServer::start(config).await;
    let (address, health) = (server.address, server.health);
    let running = server.stop();
    within(async {
        while get(health, "/readyz", "*/*").await.status == StatusCode::OK {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let answer = get(health, "/readyz", "*/*").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert_eq!(get(health, "/livez", "*/*").await.status, StatusCode::OK);
    for protocol in crate::harness::PROTOCOLS {
        let answer = pki.client(None).review(address, protocol, &["a:1"]).await;
        assert!(answer.verdict().0, "{protocol:?}");
    }
    running.abort();
}
