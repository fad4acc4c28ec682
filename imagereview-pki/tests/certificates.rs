//! What the certificates say, and that a verifier of TLS libraries accepts them.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use imagereview_pki::{CertificateAuthority, Identity, PkiError, SubjectName, Validity};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A fixed time, 2026-01-01, so that no test depends on the day it runs.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

fn authority() -> CertificateAuthority {
    CertificateAuthority::generate("test authority", now(), Validity::AUTHORITY).unwrap()
}

fn days(days: u32) -> Validity {
    Validity::new(NonZeroU32::new(days).unwrap())
}

fn names(names: &[&str]) -> Vec<SubjectName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn verify(
    authority: &CertificateAuthority,
    identity: &Identity,
    usage: KeyUsage,
    at: SystemTime,
) -> Result<(), webpki::Error> {
    let root = der(authority.certificate_pem());
    let anchors = [webpki::anchor_from_trusted_cert(&root)?];
    let leaf = der(identity.certificate_pem());
    EndEntityCert::try_from(&leaf)?
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &[],
            UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap()),
            usage,
            None,
            None,
        )
        .map(|_| ())
}

#[test]
fn a_leaf_verifies_for_its_purpose_and_no_other() {
    let authority = authority();
    let server = authority
        .issue_server("webhook", &names(&["localhost"]), now(), Validity::LEAF)
        .unwrap();
    let client = authority
        .issue_client("kube-apiserver", None, now(), Validity::LEAF)
        .unwrap();

    for (identity, is_server) in [(&server, true), (&client, false)] {
        let as_server = verify(&authority, identity, KeyUsage::server_auth(), now());
        let as_client = verify(&authority, identity, KeyUsage::client_auth(), now());
        assert_eq!(as_server.is_ok(), is_server, "{as_server:?}");
        assert_eq!(as_client.is_ok(), !is_server, "{as_client:?}");
    }
    let stranger = self::authority();
    assert!(
        verify(&stranger, &server, KeyUsage::server_auth(), now()).is_err(),
        "another authority of the same name vouches for it"
    );
}

#[test]
fn a_server_is_valid_for_its_names_and_no_other() {
    let rows: &[(&[&str], &[&str], &[&str])] = &[
        (
            &["webhook.example.com"],
            &["webhook.example.com", "WEBHOOK.example.com"],
            &["example.com", "a.webhook.example.com", "127.0.0.1"],
        ),
        (
            &["192.0.2.1", "2001:db8::1", "localhost"],
            &["192.0.2.1", "2001:db8::1", "localhost"],
            &["192.0.2.2", "2001:db8::2", "webhook"],
        ),
        (&["[::1]"], &["::1"], &["127.0.0.1", "::2"]),
    ];
    for (subject_names, accepted, refused) in rows {
        let identity = authority()
            .issue_server("webhook", &names(subject_names), now(), Validity::LEAF)
            .unwrap();
        let leaf = der(identity.certificate_pem());
        let leaf = EndEntityCert::try_from(&leaf).unwrap();
        let valid_for = |name: &str| {
            leaf.verify_is_valid_for_subject_name(&ServerName::try_from(name.to_owned()).unwrap())
                .is_ok()
        };
        for name in *accepted {
            assert!(valid_for(name), "{subject_names:?} as {name}");
        }
        for name in *refused {
            assert!(!valid_for(name), "{subject_names:?} as {name}");
        }
    }
}

#[test]
fn subject_alternative_names_hold_the_bytes_of_the_address() {
    let identity = authority()
        .issue_server(
            "webhook",
            &names(&["Webhook.example.com", "192.0.2.1", "2001:db8::1"]),
            now(),
            Validity::LEAF,
        )
        .unwrap();
    let leaf = der(identity.certificate_pem());
    let (_, leaf) = X509Certificate::from_der(&leaf).unwrap();
    let san = leaf.subject_alternative_name().unwrap().unwrap();
    assert_eq!(
        san.value.general_names,
        [
            GeneralName::DNSName("webhook.example.com"),
            GeneralName::IPAddress(&[192, 0, 2, 1]),
            GeneralName::IPAddress(&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ]
    );
}

#[test]
fn extensions_are_those_of_an_authority_and_of_a_leaf() {
    let authority = authority();
    let root = der(authority.certificate_pem());
    let (_, root) = X509Certificate::from_der(&root).unwrap();
    let constraints = root.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    let usage = root.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign());
    assert!(!usage.value.digital_signature());

    let client = authority
        .issue_client("someone", Some("some group"), now(), Validity::LEAF)
        .unwrap();
    let leaf = der(client.certificate_pem());
    let (_, leaf) = X509Certificate::from_der(&leaf).unwrap();
    assert_eq!(leaf.subject().to_string(), "O=some group, CN=someone");
    assert!(!leaf.is_ca());
    let usage = leaf.key_usage().unwrap().unwrap();
    assert!(usage.value.digital_signature() && !usage.value.key_cert_sign());
    let purposes = leaf.extended_key_usage().unwrap().unwrap();
    assert!(purposes.value.client_auth && !purposes.value.server_auth && !purposes.value.any);
    assert!(leaf.subject_alternative_name().unwrap().is_none());
    assert_eq!(
        key_identifiers(&leaf).1,
        key_identifiers(&root).0,
        "the leaf names another authority's key"
    );
}

/// The subject's and the authority's key identifier.
fn key_identifiers(certificate: &X509Certificate<'_>) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let (mut subject, mut authority) = (None, None);
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => subject = Some(id.0.to_vec()),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                authority = id.key_identifier.as_ref().map(|id| id.0.to_vec());
            }
            _ => {}
        }
    }
    assert!(subject.is_some(), "no subject key identifier");
    (subject, authority)
}

#[test]
fn serial_numbers_are_positive_and_never_the_same() {
    let authority = authority();
    let serials: HashSet<Vec<u8>> = (0..32)
        .map(|_| {
            let client = authority
                .issue_client("someone", None, now(), Validity::LEAF)
                .unwrap();
            let leaf = der(client.certificate_pem());
            let (_, leaf) = X509Certificate::from_der(&leaf).unwrap();
            let serial = leaf.raw_serial().to_vec();
            assert_eq!((serial.len(), serial[0] >> 6), (16, 1), "{serial:?}");
            serial
        })
        .collect();
    assert_eq!(serials.len(), 32);
}

#[test]
fn a_leaf_begins_early_and_ends_with_its_validity_or_its_authority() {
    let authority = CertificateAuthority::generate("short", now(), days(30)).unwrap();
    assert_eq!(authority.not_after(), now() + 30 * DAY);
    // Validity asked for, and the days after which the leaf ends.
    for (asked, ends) in [(days(10), 10), (days(30), 30), (Validity::LEAF, 30)] {
        let leaf = authority.issue_client("c", None, now(), asked).unwrap();
        let end = now() + ends * DAY;
        assert_eq!(leaf.not_after(), end, "{asked:?}");
        for (at, valid) in [
            (now() - Duration::from_secs(5 * 60 + 1), false),
            (now() - Duration::from_secs(5 * 60), true),
            (end, true),
            (end + Duration::from_secs(1), false),
        ] {
            let verdict = verify(&authority, &leaf, KeyUsage::client_auth(), at);
            assert_eq!(verdict.is_ok(), valid, "{asked:?} at {at:?}: {verdict:?}");
        }
    }

    let late = authority.issue_client("c", None, now() + 31 * DAY, days(1));
    let message = late.unwrap_err().to_string();
    assert!(message.contains("expired on 2026-01-31"), "{message}");
}

#[test]
fn an_authority_read_from_pem_issues_what_the_first_would() {
    let first = authority();
    // Files made by hand often hold a description, or the key beside the certificate.
    let certificate = format!(
        "the authority\n{}{}",
        first.key_pem(),
        first.certificate_pem()
    );
    let second = CertificateAuthority::from_pem(&certificate, first.key_pem()).unwrap();
    assert_eq!(second.certificate_pem(), first.certificate_pem());
    assert_eq!(second.key_pem(), first.key_pem());
    assert_eq!(second.not_after(), first.not_after());
    let client = second
        .issue_client("c", None, now(), Validity::LEAF)
        .unwrap();
    verify(&first, &client, KeyUsage::client_auth(), now()).unwrap();
}

#[test]
fn what_is_no_authority_is_refused_with_the_reason() {
    let (first, second) = (authority(), authority());
    let leaf = first
        .issue_client("a client", None, now(), Validity::LEAF)
        .unwrap();
    let both = [first.certificate_pem(), second.certificate_pem()].concat();
    let sec1 = first.key_pem().replace("PRIVATE KEY", "EC PRIVATE KEY");
    let encrypted = first
        .key_pem()
        .replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let rows: &[(&str, &str, &str)] = &[
        ("", first.key_pem(), "no certificate found"),
        ("nonsense", first.key_pem(), "no certificate found"),
        (first.key_pem(), first.key_pem(), "no certificate found"),
        (&both, first.key_pem(), "more than one certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            first.key_pem(),
            "certificate can't be read",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            first.key_pem(),
            "its contents are not an X.509 certificate; give one",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n",
            first.key_pem(),
            "its `-----END` line is missing; give one",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n",
            first.key_pem(),
            "is not base64; give one",
        ),
        (
            first.certificate_pem(),
            "nonsense",
            "no unencrypted private key found; give one",
        ),
        (first.certificate_pem(), "", "key can't be read"),
        (first.certificate_pem(), "nonsense", "key can't be read"),
        (first.certificate_pem(), &sec1, "openssl pkcs8"),
        (first.certificate_pem(), &encrypted, "openssl pkcs8"),
        (
            first.certificate_pem(),
            second.key_pem(),
            "does not belong to its certificate, that of CN=test authority",
        ),
        (
            leaf.certificate_pem(),
            leaf.key_pem(),
            "CN=a client is not an authority's",
        ),
    ];
    for (certificate, key, expected) in rows {
        let message = CertificateAuthority::from_pem(certificate, key)
            .expect_err(expected)
            .to_string();
        assert!(message.contains(expected), "{message}, not {expected}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn what_a_certificate_can_not_hold_is_an_error() {
    let authority = authority();
    let long = "x".repeat(65);
    for name in ["", &long, "a\nb", "a\0"] {
        let common_name = CertificateAuthority::generate(name, now(), Validity::AUTHORITY);
        assert!(
            matches!(common_name, Err(PkiError::Attribute { .. })),
            "{name:?}: {common_name:?}"
        );
        let organization = authority.issue_client("c", Some(name), now(), Validity::LEAF);
        assert!(
            matches!(organization, Err(PkiError::Attribute { .. })),
            "{name:?}: {organization:?}"
        );
    }
    authority
        .issue_client(&long[1..], None, now(), Validity::LEAF)
        .unwrap();

    let nameless = authority.issue_server("s", &[], now(), Validity::LEAF);
    assert!(matches!(nameless, Err(PkiError::NoSubjectName)));
    let wrong = [SubjectName::Dns("not a name".into())];
    let wrong = authority.issue_server("s", &wrong, now(), Validity::LEAF);
    assert!(matches!(wrong, Err(PkiError::SubjectName(_))), "{wrong:?}");

    let before_1970 = UNIX_EPOCH - DAY;
    for (now, validity) in [(before_1970, days(1)), (now(), days(u32::MAX))] {
        let result = CertificateAuthority::generate("a", now, validity);
        assert!(
            matches!(result, Err(PkiError::Time)),
            "{now:?} {validity:?}: {result:?}"
        );
    }
}

#[test]
fn debug_shows_no_key() {
    let authority = authority();
    let client = authority
        .issue_client("c", None, now(), Validity::LEAF)
        .unwrap();
    for (shown, key) in [
        (format!("{authority:?}"), authority.key_pem()),
        (format!("{client:?}"), client.key_pem()),
    ] {
        assert!(!shown.contains("PRIVATE KEY"), "{shown}");
        for line in key.lines() {
            assert!(!shown.contains(line), "{shown}");
        }
    }
}
