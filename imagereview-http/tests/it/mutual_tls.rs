//! Who gets past the handshake when client certificates are asked for.

use std::{
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use imagereview_pki::{CertificateAuthority, Validity};

use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{PROTOCOLS, Pki, TestServer, metrics_say, within};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test]
async fn only_a_valid_certificate_of_the_client_ca_is_accepted() {
    let pki = Pki::new();
    let client_ca = pki.authority_file();
    let now = SystemTime::now();
    let one_day = Validity::new(NonZeroU32::MIN);
    let stranger = CertificateAuthority::generate("test CA", now, Validity::AUTHORITY).unwrap();

    let issue = |authority: &CertificateAuthority, at, validity| {
        authority
            .issue_client("kube-apiserver", None, at, validity)
            .unwrap()
    };
    let names = ["127.0.0.1".parse().unwrap()];
    // Whose certificate the client shows, and the alert that tells it why it was refused.
    let rows = [
        (
            "a client's",
            Some(issue(&pki.authority, now, Validity::LEAF)),
            None,
        ),
        ("none", None, Some("CertificateRequired")),
        (
            "another authority's of the same name",
            Some(issue(&stranger, now, Validity::LEAF)),
            Some("DecryptError"),
        ),
        (
            "one that ended yesterday",
            Some(issue(&pki.authority, now - 2 * DAY, one_day)),
            Some("CertificateExpired"),
        ),
        (
            "one that begins the day after tomorrow",
            Some(issue(&pki.authority, now + 2 * DAY, one_day)),
            Some("CertificateExpired"),
        ),
        (
            "a server's",
            Some(
                pki.authority
                    .issue_server("webhook", &names, now, Validity::LEAF)
                    .unwrap(),
            ),
            Some("UnsupportedCertificate"),
        ),
    ];
    let mut config = pki.config();
    config.client_ca = Some(client_ca.path().to_owned());
    let server = TestServer::start(config).await;
    // More than the buffers between client and server hold.
    let request = vec![b'x'; 16 << 20];
    for protocol in PROTOCOLS {
        for (certificate, identity, alert) in &rows {
            let client = pki.client(identity.as_ref());
            let Some(alert) = alert else {
                let answer = client
                    .review(server.address, protocol, &["nginx:1.27"])
                    .await;
                assert!(
                    answer.verdict().0,
                    "{certificate} over {protocol:?}: {answer:?}"
                );
                continue;
            };
            // In TLS 1.3 a client has sent its request before it can learn that it was refused, and
            // must be able to read why.
            let mut stream = client.tls(server.address, protocol).await.unwrap();
            stream.write_all(&request).await.unwrap();
            let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
            assert!(
                error.to_string().contains(alert),
                "{certificate} over {protocol:?}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn without_a_client_ca_no_certificate_is_asked_for() {
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    for protocol in PROTOCOLS {
        let (allowed, reason) = pki
            .client(None)
            .review(server.address, protocol, &["nginx:1.27"])
            .await
            .verdict();
        assert!(allowed, "{protocol:?}: {reason}");
    }
}

#[tokio::test]
async fn only_clients_on_the_list_are_accepted() {
    let pki = Pki::new();
    let client_ca = pki.authority_file();
    let mut config = pki.config();
    config.client_ca = Some(client_ca.path().to_owned());
    config.client_names = vec!["kube-apiserver".to_owned(), "another".to_owned()];
    let server = TestServer::start(config).await;
    let rows = [
        ("kube-apiserver", true),
        ("another", true),
        ("kube-apiserver.example.com", false),
        ("KUBE-APISERVER", false),
    ];
    for protocol in PROTOCOLS {
        for (name, accepted) in rows {
            let client = pki.client(Some(&pki.client_identity(name)));
            if accepted {
                let answer = client
                    .review(server.address, protocol, &["nginx:1.27"])
                    .await;
                assert!(answer.verdict().0, "{name} over {protocol:?}: {answer:?}");
                continue;
            }
            let mut stream = client.tls(server.address, protocol).await.unwrap();
            let error = within(stream.read_to_end(&mut Vec::new()))
                .await
                .unwrap_err();
            assert!(
                error.to_string().contains("AccessDenied"),
                "{name} over {protocol:?}: {error}"
            );
        }
    }
    let line = "imagereview_tls_handshake_failures_total{cause=\"client_not_listed\"} 4";
    metrics_say(server.health, line).await;
}

#[tokio::test]
async fn a_session_is_resumed() {
    let pki = Pki::new();
    let client_ca = pki.authority_file();
    let mut config = pki.config();
    config.client_ca = Some(client_ca.path().to_owned());
    let server = TestServer::start(config).await;
    for protocol in PROTOCOLS {
        let client = pki.api_server();
        // The tickets come with the first response.
        client.review(server.address, protocol, &["a:1"]).await;
        let stream = client.tls(server.address, protocol).await.unwrap();
        let kind = stream.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(HandshakeKind::Resumed), "{protocol:?}");
    }
}
