//! Client CAs that expire, and certificates that are revoked.

use std::{fs, path::Path, time::SystemTime};

use imagereview_http::{Check, Server, ServerIdentity};
use rustls::HandshakeKind;

use crate::{
    harness::{
        Client, Connection, PROTOCOLS, Pki, Protocol, TestServer, file, image_review, metrics,
        metrics_say, within,
    },
    issuer::{DAY, Issuer},
};

/// Whether a client gets an answer on a new connection.
async fn is_let_in(client: &Client, server: &TestServer, protocol: Protocol) -> bool {
    match client.connect(server.address, protocol).await {
        Ok(mut connection) => connection.send(image_review(&["a:1"])).await.is_ok(),
        Err(_) => false,
    }
}

/// Waits until the server has ended a connection.
async fn is_ended(connection: &mut Connection) {
    within(async {
        while !connection.is_closed() {
            // HTTP/1.1 hears of it with an answer.
            let _ = connection.send(image_review(&["a:1"])).await;
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn refusals(cause: &str, number: usize) -> String {
    format!("imagereview_tls_handshake_failures_total{{cause=\"{cause}\"}} {number}")
}

#[tokio::test]
async fn a_revoked_client_is_refused_also_on_open_connections_and_resumed_sessions() {
    let pki = Pki::new();
    let issuer = Issuer::new("clients");
    let (ca, crl) = (file(&issuer.pem()), file(&issuer.revoke(&[1])));
    let mut config = pki.config();
    config.client_ca = Some(ca.path().to_owned());
    config.client_crl = Some(crl.path().to_owned());
    let server = TestServer::start(config).await;
    let [revoked, soon, other] = [1, 2, 3].map(|serial| issuer.client(&pki, serial));
    for protocol in PROTOCOLS {
        assert!(!is_let_in(&revoked, &server, protocol).await);
        assert!(is_let_in(&other, &server, protocol).await);
    }
    metrics_say(server.health, &refusals("client_certificate_revoked", 2)).await;

    let mut open = Vec::new();
    for protocol in PROTOCOLS {
        let mut connection = soon.connect(server.address, protocol).await.unwrap();
        assert!(connection.send(image_review(&["a:1"])).await.is_ok());
        open.push(connection);
    }
    fs::write(crl.path(), issuer.revoke(&[1, 2])).unwrap();
    let reloaded = "imagereview_reloads_total{part=\"client_ca\",result=\"success\"} 1";
    metrics_say(server.health, reloaded).await;
    for connection in &mut open {
        is_ended(connection).await;
    }
    for protocol in PROTOCOLS {
        assert!(!is_let_in(&soon, &server, protocol).await, "{protocol:?}");
        assert!(is_let_in(&other, &server, protocol).await, "{protocol:?}");
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_used_leaves_the_one_of_before_in_force() {
    let pki = Pki::new();
    let issuer = Issuer::new("clients");
    let (ca, crl) = (file(&issuer.pem()), file(&issuer.revoke(&[1])));
    let mut config = pki.config();
    config.client_ca = Some(ca.path().to_owned());
    config.client_crl = Some(crl.path().to_owned());
    let server = TestServer::start(config).await;
    let [revoked, other] = [1, 2].map(|serial| issuer.client(&pki, serial));
    let whole = issuer.revoke(&[]);
    let rows = [
        ("empty", String::new()),
        ("cut off", whole[..whole.len() / 2].to_owned()),
        ("a certificate", issuer.pem()),
        ("another authority's", Issuer::new("others").revoke(&[])),
        (
            "signed by another of the same name",
            Issuer::new("clients").revoke(&[]),
        ),
    ];
    for (failures, (name, text)) in (1..).zip(rows) {
        fs::write(crl.path(), text).unwrap();
        server.reload.request();
        metrics_say(
            server.health,
            "imagereview_last_reload_successful{part=\"client_ca\"} 0",
        )
        .await;
        within(async {
            let failed = "imagereview_reloads_total{part=\"client_ca\",result=\"failure\"} ";
            while !metrics(server.health).await.lines().any(|line| {
                line.strip_prefix(failed)
                    .is_some_and(|number| number.parse::<u32>().unwrap() >= failures)
            }) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(
            !is_let_in(&revoked, &server, Protocol::Http2).await,
            "{name}"
        );
        assert!(is_let_in(&other, &server, Protocol::Http2).await, "{name}");
    }
    fs::write(crl.path(), issuer.revoke(&[2])).unwrap();
    let reloaded = "imagereview_last_reload_successful{part=\"client_ca\"} 1";
    metrics_say(server.health, reloaded).await;
    assert!(is_let_in(&revoked, &server, Protocol::Http2).await);
    assert!(!is_let_in(&other, &server, Protocol::Http2).await);
}

#[tokio::test]
async fn an_authority_without_a_list_lets_nobody_in_once_there_are_lists() {
    let pki = Pki::new();
    let (with, without) = (Issuer::new("with"), Issuer::new("without"));
    let ca = file(&format!("{}{}", with.pem(), without.pem()));
    let crl = file(&with.revoke(&[]));
    let mut config = pki.config();
    config.client_ca = Some(ca.path().to_owned());
    config.client_crl = Some(crl.path().to_owned());
    let server = TestServer::start(config).await;
    assert!(is_let_in(&with.client(&pki, 1), &server, Protocol::Http2).await);
    assert!(!is_let_in(&without.client(&pki, 1), &server, Protocol::Http2).await);
    metrics_say(server.health, &refusals("client_revocation_unknown", 1)).await;
}

#[tokio::test]
async fn a_list_that_is_out_of_date_stays_in_force_and_is_reported() {
    let pki = Pki::new();
    let issuer = Issuer::new("clients");
    let end = SystemTime::now() - DAY;
    let (ca, crl) = (file(&issuer.pem()), file(&issuer.revoke_until(&[1], end)));
    let mut config = pki.config();
    config.client_ca = Some(ca.path().to_owned());
    config.client_crl = Some(crl.path().to_owned());
    let check = Check::new(
        &config,
        imagereview_http::ServerPolicy::BuiltIn,
        SystemTime::now(),
    );
    let said = check.problems.concat();
    assert!(
        said.starts_with("the client CRL should have been replaced by "),
        "{said}"
    );
    let server = TestServer::start(config).await;
    assert!(!is_let_in(&issuer.client(&pki, 1), &server, Protocol::Http2).await);
    assert!(is_let_in(&issuer.client(&pki, 2), &server, Protocol::Http2).await);
    let seen = metrics(server.health).await;
    let at = seen
        .lines()
        .find_map(|line| {
            line.strip_prefix("imagereview_client_crl_next_update_timestamp_seconds{} ")
        })
        .unwrap_or_else(|| panic!("{seen}"));
    let at: f64 = at.parse().unwrap();
    let expected = end.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert!((at - expected.as_secs_f64()).abs() < 1.0, "{at}");
}

/// What is wrong with the configuration that a row makes.
async fn error(change: impl FnOnce(&mut imagereview_http::Config)) -> String {
    let mut config = Pki::new().config();
    change(&mut config);
    match Server::bind(config, imagereview_http::ServerPolicy::BuiltIn).await {
        Ok(_) => panic!("it can be served"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn each_file_that_cannot_vouch_for_clients_is_explained() {
    let issuer = Issuer::new("clients");
    let leaf = issuer.issue(1, SystemTime::now() + DAY).certificate;
    let good = file(&issuer.pem());
    let rows: [(&str, String, Option<String>, &str); 7] = [
        (
            "a leaf",
            format!("{}{leaf}", issuer.pem()),
            None,
            "(\"kube-apiserver\") is no certificate authority: its basic constraints don't say CA:TRUE",
        ),
        (
            "P-521",
            // It is an authority, as `openssl req -x509` makes one.
            include_str!("../data/p521.crt").to_owned(),
            None,
            "has a key that is ECDSA P-521, which is not supported",
        ),
        (
            "a byte order mark",
            format!("\u{feff}{}", issuer.pem()),
            None,
            "it begins with a byte order mark",
        ),
        (
            "expired",
            Issuer::until("clients", SystemTime::now() - DAY).pem(),
            None,
            "every client CA in ",
        ),
        (
            "no list",
            issuer.pem(),
            Some(issuer.pem()),
            "it holds no revocation list (X509 CRL) in PEM",
        ),
        (
            "another authority's list",
            issuer.pem(),
            Some(Issuer::new("others").revoke(&[])),
            "was issued by a client CA, so no client could connect",
        ),
        (
            "a list of another key",
            issuer.pem(),
            Some(Issuer::new("clients").revoke(&[])),
            "\"CN=clients\" has the name of a client CA, but that has not signed it",
        ),
    ];
    for (name, ca, crl, said) in rows {
        let (ca, crl) = (file(&ca), crl.map(|crl| file(&crl)));
        let error = error(|config| {
            config.client_ca = Some(ca.path().to_owned());
            config.client_crl = crl.as_ref().map(|crl| crl.path().to_owned());
        })
        .await;
        assert!(error.contains(said), "{name}: {error}");
        let named = crl.as_ref().unwrap_or(&ca).path().display().to_string();
        assert!(error.contains(&named), "{name}: {error}");
    }
    let without = error(|config| config.client_crl = Some(good.path().to_owned())).await;
    assert!(
        without.contains("a client CRL needs a client CA"),
        "{without}"
    );
}

#[tokio::test]
async fn each_certificate_that_cannot_be_served_is_explained() {
    let (certificate, key) = Pki::new().server_files();
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"));
    let marked = file(&format!(
        "\u{feff}{}",
        fs::read_to_string(certificate.path()).unwrap()
    ));
    let rows = [
        (
            data.join("p521.crt"),
            "its key is ECDSA P-521, which is not supported",
        ),
        (
            data.join("rsa-8192.crt"),
            "its key is RSA with 8192 bits, which is not supported",
        ),
        (
            marked.path().to_owned(),
            "it begins with a byte order mark, so its first section would be missed",
        ),
    ];
    for (certificate, said) in rows {
        let error = error(|config| {
            config.identity = ServerIdentity::Files {
                certificate,
                key: key.path().to_owned(),
            };
        })
        .await;
        assert!(error.contains(said), "{said}: {error}");
    }
}

/// A session that is resumed has its certificates looked at again.
#[tokio::test]
async fn a_session_of_a_client_that_is_still_trusted_is_resumed() {
    let pki = Pki::new();
    let issuer = Issuer::new("clients");
    let (ca, crl) = (file(&issuer.pem()), file(&issuer.revoke(&[1])));
    let mut config = pki.config();
    config.client_ca = Some(ca.path().to_owned());
    config.client_crl = Some(crl.path().to_owned());
    let server = TestServer::start(config).await;
    for protocol in PROTOCOLS {
        let client = issuer.client(&pki, 2);
        client.review(server.address, protocol, &["a:1"]).await;
        let stream = client.tls(server.address, protocol).await.unwrap();
        let kind = stream.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(HandshakeKind::Resumed), "{protocol:?}");
        drop(stream);
        assert!(is_let_in(&client, &server, protocol).await, "{protocol:?}");
    }
}
