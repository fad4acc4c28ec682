//! What OpenSSL, the tool that operators check certificates with, says about ours, and what we say
//! about its.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::SystemTime;

use imagereview_pki::{CertificateAuthority, SubjectName, Validity};

fn openssl(folder: &Path, arguments: &str) -> Output {
    Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Whether there is an OpenSSL to ask. Says so when there is none, since the test then shows nothing.
fn is_installed() -> bool {
    let installed = Command::new("openssl").arg("version").output().is_ok();
    if !installed {
        println!("openssl is not on the PATH: its half of the tests did not run");
    }
    installed
}

#[test]
fn openssl_verifies_each_leaf_for_its_purpose() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let authority = CertificateAuthority::generate("a", now, Validity::AUTHORITY).unwrap();
    let names: [SubjectName; 3] =
        ["webhook.example.com", "192.0.2.1", "2001:db8::1"].map(|name| name.parse().unwrap());
    let server = authority
        .issue_server("webhook", &names, now, Validity::LEAF)
        .unwrap();
    let client = authority
        .issue_client("kube-apiserver", Some("o"), now, Validity::LEAF)
        .unwrap();
    for (name, contents) in [
        ("ca.crt", authority.certificate_pem()),
        ("server.crt", server.certificate_pem()),
        ("server.key", server.key_pem()),
        ("client.crt", client.certificate_pem()),
    ] {
        fs::write(folder.path().join(name), contents).unwrap();
    }

    for (arguments, accepted) in [
        ("-purpose sslserver server.crt", true),
        (
            "-purpose sslserver -verify_hostname webhook.example.com server.crt",
            true,
        ),
        ("-purpose sslserver -verify_ip 192.0.2.1 server.crt", true),
        ("-purpose sslserver -verify_ip 2001:db8::1 server.crt", true),
        (
            "-purpose sslserver -verify_hostname example.com server.crt",
            false,
        ),
        ("-purpose sslserver -verify_ip 192.0.2.2 server.crt", false),
        ("-purpose sslclient server.crt", false),
        ("-purpose sslclient client.crt", true),
        ("-purpose sslserver client.crt", false),
    ] {
        let output = openssl(
            folder.path(),
            &format!("verify -x509_strict -CAfile ca.crt {arguments}"),
        );
        assert_eq!(output.status.success(), accepted, "{arguments}: {output:?}");
    }

    let of_key = openssl(folder.path(), "pkey -in server.key -pubout");
    let of_certificate = openssl(folder.path(), "x509 -in server.crt -noout -pubkey");
    assert!(of_key.status.success(), "{of_key:?}");
    assert_eq!(of_key.stdout, of_certificate.stdout);
}

#[test]
fn an_authority_made_by_openssl_issues_or_says_why_not() {
    if !is_installed() {
        return;
    }
    let now = SystemTime::now();
    // Algorithm of the key, subject, further options, and the error if there is to be one.
    let rows: &[(&str, &str, &str, Option<&str>)] = &[
        ("ec -pkeyopt ec_paramgen_curve:P-256", "/O=e/CN=a", "", None),
        ("ec -pkeyopt ec_paramgen_curve:P-384", "/CN=a", "", None),
        ("ed25519", "/C=SE/L=x/CN=a", "", None),
        ("rsa:2048", "/emailAddress=a@example.com/CN=a", "", None),
        (
            "rsa:2048",
            "/OU=one/OU=two/CN=a",
            "",
            Some("can't be reproduced"),
        ),
        (
            "rsa:2048",
            "/CN=a",
            "-addext basicConstraints=CA:FALSE",
            Some("CA:TRUE"),
        ),
        (
            "rsa:2048",
            "/CN=a",
            "-addext keyUsage=digitalSignature",
            Some("keyCertSign"),
        ),
    ];
    for row @ (algorithm, subject, options, error) in rows {
        let folder = tempfile::tempdir().unwrap();
        let made = openssl(
            folder.path(),
            &format!(
                "req -x509 -newkey {algorithm} -nodes -keyout ca.key -out ca.crt -days 30 -subj {subject} {options}"
            ),
        );
        assert!(made.status.success(), "{row:?}: {made:?}");
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        let issued = CertificateAuthority::from_pem(&read("ca.crt"), &read("ca.key"))
            .and_then(|authority| authority.issue_client("c", None, now, Validity::LEAF));
        match (issued, error) {
            (Ok(client), None) => {
                fs::write(folder.path().join("client.crt"), client.certificate_pem()).unwrap();
                let verified = openssl(
                    folder.path(),
                    "verify -CAfile ca.crt -purpose sslclient client.crt",
                );
                assert!(verified.status.success(), "{row:?}: {verified:?}");
            }
            (Err(refusal), Some(error)) => {
                assert!(refusal.to_string().contains(error), "{row:?}: {refusal}");
            }
            (issued, _) => panic!("{row:?}: {issued:?}"),
        }
    }
}
