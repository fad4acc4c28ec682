//! A clock that jumps: what depends on it, and what must not.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use tokio::net::TcpStream;

use crate::{
    harness::{Client, PROTOCOLS, Pki, image_review},
    issuer::Issuer,
    webhook::{MUTUAL_TLS, Metrics, Webhook},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The library that gives a process another clock, where it is installed.
fn libfaketime() -> Option<String> {
    let output = Command::new("faketime")
        .args(["-f", "+0", "printenv", "LD_PRELOAD"])
        .output()
        .ok()?;
    let library = String::from_utf8(output.stdout).unwrap();
    Some(library.trim().to_owned())
}

/// The clock of a program that can be set.
struct Clock(PathBuf);

impl Clock {
    fn in_folder(folder: &Path) -> Self {
        let clock = Self(folder.join("clock"));
        clock.jump(0);
        clock
    }

    /// Sets it to this many days from now.
    fn jump(&self, days: i32) {
        // Read anew at each look at the clock, so it is replaced and never half there.
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{days:+}d")).unwrap();
        fs::rename(new, &self.0).unwrap();
    }

    fn variables<'a>(&'a self, library: &'a str) -> [(&'a str, &'a str); 5] {
        [
            ("LD_PRELOAD", library),
            ("FAKETIME_TIMESTAMP_FILE", self.0.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            // As with a real clock, what measures durations goes on as before.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
        ]
    }
}

/// A policy with an exemption that ends tomorrow.
fn policy() -> String {
    let end = humantime::format_rfc3339_seconds(SystemTime::now() + DAY);
    format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: tags}}\n\
         rules:\n  - name: tags\n    tags: {{deny: [bad]}}\n\
         exemptions:\n  - name: until-tomorrow\n    rules: [tags]\n    images: [\"exempt.example.com/app\"]\n    \
         expires: {end}\n    reason: it is replaced by then\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_ends_what_has_an_end_and_nothing_else() {
    let Some(library) = libfaketime() else {
        println!("faketime is not on the PATH: the clock did not jump");
        return;
    };
    let pki = Pki::new();
    let folder = tempfile::tempdir().unwrap();
    pki.write_files(folder.path());
    fs::write(folder.path().join("policy.yaml"), policy()).unwrap();
    let clock = Clock::in_folder(folder.path());
    let options = [
        &MUTUAL_TLS[..],
        &[
            "--policy=policy.yaml",
            "--audit-log=audit.jsonl",
            "--handshake-timeout=1s",
        ],
    ]
    .concat();
    let webhook = Webhook::start_in(folder, "exec", &options, &clock.variables(&library)).await;
    let client = pki.api_server();
    let mut connections = Vec::new();
    for protocol in PROTOCOLS {
        connections.push(client.connect(webhook.address, protocol).await.unwrap());
    }
    // The day, whether the exemption holds, and whether the client's certificate is valid.
    let rows = [
        (0, true, true),
        (2, false, true),
        (-30, true, false),
        (3000, false, false),
        (0, true, true),
    ];
    for row @ (days, is_exempt, is_valid) in rows {
        clock.jump(days);
        // A client that has been silent for years, by that clock.
        for connection in &mut connections {
            for (image, expected) in [
                ("exempt.example.com/app:bad", is_exempt),
                ("exempt.example.com/app:1", true),
                ("other.example.com/app:bad", false),
            ] {
                let answer = connection.send(image_review(&[image])).await.unwrap();
                assert_eq!(answer.verdict().0, expected, "{row:?}: {answer:?}");
            }
        }
        for protocol in PROTOCOLS {
            let fresh = pki.api_server().without_resumption();
            let let_in = match fresh.connect(webhook.address, protocol).await {
                Ok(mut connection) => connection.send(image_review(&["a:1"])).await.is_ok(),
                Err(_) => false,
            };
            assert_eq!(let_in, is_valid, "{row:?}, {protocol:?}");
        }
        // The limit of time holds, in whatever year.
        let metric = "imagereview_tls_handshake_failures_total{cause=\"timeout\"}";
        let before = Metrics::of(webhook.health).await.value(metric);
        let silent = TcpStream::connect(webhook.address).await.unwrap();
        crate::harness::within(async {
            while Metrics::of(webhook.health).await.value(metric) == before {
                tokio::task::yield_now().await;
            }
        })
        .await;
        drop(silent);
    }
    let audit = fs::read_to_string(webhook.folder.path().join("audit.jsonl")).unwrap();
    let in_eight_years =
        humantime::format_rfc3339_seconds(SystemTime::now() + 3000 * DAY).to_string();
    assert!(
        audit.contains(&in_eight_years[..5]),
        "the log has the clock's time"
    );
    // A clock that is before or behind the certificate's time is told once a day.
    let errors = webhook.stops_with_errors().await;
    let of_clock =
        |line: &String| line.contains("is not valid before") || line.contains("expired on");
    assert!(errors.iter().all(of_clock), "{errors:#?}");
}

/// To a TLS library, an authority that is trusted has no end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_ca_that_expires_vouches_for_nobody_from_then_on() {
    let Some(library) = libfaketime() else {
        println!("faketime is not on the PATH: the clock did not jump");
        return;
    };
    let pki = Pki::new();
    let folder = tempfile::tempdir().unwrap();
    pki.write_files(folder.path());
    let now = SystemTime::now();
    let (short, long) = (
        Issuer::until("short", now + 10 * DAY),
        Issuer::until("long", now + 1000 * DAY),
    );
    fs::write(
        folder.path().join("ca.crt"),
        format!("{}{}", short.pem(), long.pem()),
    )
    .unwrap();
    let clock = Clock::in_folder(folder.path());
    let webhook = Webhook::start_in(folder, "exec", &MUTUAL_TLS, &clock.variables(&library)).await;
    // Both have certificates that outlive the first authority.
    let [of_short, of_long] = [&short, &long].map(|issuer| issuer.client(&pki, 1));
    let is_let_in =
        async |client: &Client, protocol| match client.connect(webhook.address, protocol).await {
            Ok(mut connection) => connection.send(image_review(&["a:1"])).await.is_ok(),
            Err(_) => false,
        };
    let mut open = Vec::new();
    for protocol in PROTOCOLS {
        // The second resumes a session, and so does each that follows.
        for _ in 0..2 {
            assert!(is_let_in(&of_short, protocol).await, "{protocol:?}");
            assert!(is_let_in(&of_long, protocol).await, "{protocol:?}");
        }
        let mut connection = of_short.connect(webhook.address, protocol).await.unwrap();
        assert!(connection.send(image_review(&["a:1"])).await.is_ok());
        open.push(connection);
    }
    clock.jump(11);
    for protocol in PROTOCOLS {
        assert!(is_let_in(&of_long, protocol).await, "{protocol:?}");
        assert!(
            !is_let_in(&of_short, protocol).await,
            "{protocol:?}, resumed"
        );
        let fresh = short.client(&pki, 2).without_resumption();
        assert!(!is_let_in(&fresh, protocol).await, "{protocol:?}, anew");
    }
    let metric = "imagereview_tls_handshake_failures_total{cause=\"client_ca_expired\"}";
    let refused = Metrics::of(webhook.health).await.value(metric);
    assert_eq!(refused, 4);
    // The thread that looks after files closes what is open.
    for connection in &mut open {
        crate::harness::within(async {
            while !connection.is_closed() {
                let _ = connection.send(image_review(&["a:1"])).await;
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    clock.jump(0);
    for protocol in PROTOCOLS {
        assert!(
            is_let_in(&short.client(&pki, 3), protocol).await,
            "{protocol:?}"
        );
    }
    let errors = webhook.stops_with_errors().await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].contains("has expired: clients with its certificates are refused"),
        "{errors:?}"
    );
}
