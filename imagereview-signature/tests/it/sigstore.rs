//! Bundles of public instances of Sigstore, offline.

use std::time::{Duration, SystemTime};

use imagereview_core::facts::{
    Claim, ContentDigest, Evidence, Format, Refusal, RefusalCause, Signer, Statement, TimeProof,
    Trust,
};
use imagereview_signature::{TrustError, TrustedRootError, Verifier};
use serde_json::Value;

use crate::forger::{BUNDLE, Forger, base64, digest, evidence, verify};

macro_rules! data {
    ($name:literal) => {
        include_str!(concat!("../data/sigstore/", $name, ".json"))
    };
}

const PUBLIC_GOOD: &str = data!("public-good-root");
const GITHUB: &str = data!("github-root");
const STAGING: &str = data!("staging-root");

/// A trusted root, and what must prove the time.
fn proof(trusted_root: &str, log: bool, timestamp: bool) -> TimeProof {
    TimeProof {
        trusted_root: trusted_root.into(),
        log,
        timestamp,
    }
}

/// The digest that a bundle is about.
fn subject(bundle: &str) -> ContentDigest {
    let statement = payload(bundle);
    let digests = statement["subject"]
        .as_array()
        .and_then(|subjects| subjects.last())
        .and_then(|subject| subject["digest"].as_object())
        .unwrap();
    let (algorithm, digits) = digests.iter().next().unwrap();
    ContentDigest::parse(&format!("{algorithm}:{}", digits.as_str().unwrap())).unwrap()
}

fn payload(bundle: &str) -> Value {
    use base64::{Engine as _, prelude::BASE64_STANDARD};

    let bundle: Value = serde_json::from_str(bundle).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    serde_json::from_slice(&BASE64_STANDARD.decode(payload).unwrap()).unwrap()
}

fn verified(bundle: &str, trust: &Trust) -> Result<Statement, Refusal> {
    verify(
        trust,
        &Evidence::new(BUNDLE, bundle.as_bytes()),
        &subject(bundle),
    )
}

struct Row {
    name: &'static str,
    bundle: &'static str,
    root: &'static str,
    is_certificate_logged: bool,
    /// Whether there is an entry in a log, a time of the log, and one of a timestamp.
    log: bool,
    times: (bool, bool),
    issuer: &'static str,
    /// The subject.
    subject: &'static str,
    /// One of the claims.
    claim: (&'static str, &'static str),
}

/// The issuer of workflows of GitHub.
const GITHUB_ACTIONS: &str = "https://token.actions.githubusercontent.com";

const ROWS: &[Row] = &[
    Row {
        name: "Rekor 1",
        bundle: data!("rekor-1"),
        root: PUBLIC_GOOD,
        is_certificate_logged: true,
        log: true,
        times: (true, false),
        issuer: GITHUB_ACTIONS,
        subject: "https://github.com/prefix-dev/sigstore-example/.github/workflows/action.yaml@refs/heads/main",
        claim: ("runnerEnvironment", "github-hosted"),
    },
    Row {
        name: "Rekor 2",
        bundle: data!("rekor-2"),
        root: STAGING,
        is_certificate_logged: true,
        log: true,
        times: (false, true),
        issuer: "https://github.com/login/oauth",
        subject: "jku@goto.fi",
        claim: ("", ""),
    },
    Row {
        name: "version 0.1",
        bundle: data!("version-0.1"),
        root: PUBLIC_GOOD,
        is_certificate_logged: true,
        log: true,
        times: (true, false),
        issuer: "https://github.com/login/oauth",
        subject: "brian@dehamer.com",
        claim: ("", ""),
    },
    Row {
        name: "SHA-512",
        bundle: data!("npm"),
        root: PUBLIC_GOOD,
        is_certificate_logged: true,
        log: true,
        times: (true, false),
        issuer: GITHUB_ACTIONS,
        subject: "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
        claim: ("githubWorkflowRepository", "sigstore/sigstore-js"),
    },
    Row {
        name: "staging",
        bundle: data!("staging"),
        root: STAGING,
        is_certificate_logged: true,
        log: true,
        times: (false, true),
        issuer: GITHUB_ACTIONS,
        subject: "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main",
        claim: ("githubWorkflowTrigger", "workflow_dispatch"),
    },
];

impl Row {
    fn trust(&self, log: bool, timestamp: bool) -> Trust {
        Trust::keyless(proof(self.root, log, timestamp), self.is_certificate_logged)
    }
}

#[test]
fn bundles_of_public_instances_say_who_signed_and_when() {
    for row in ROWS {
        let name = row.name;
        let statement = verified(row.bundle, &row.trust(false, false));
        let statement = statement.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        let Signer::Keyless {
            issuer,
            subject,
            claims,
        } = &statement.signer
        else {
            panic!("{name}: {statement:?}");
        };
        assert_eq!(&**issuer, row.issuer, "{name}");
        assert_eq!(&**subject, row.subject, "{name}");
        let (claim, value) = row.claim;
        let found = claims.get(claim).map_or("", String::as_str);
        assert_eq!(found, value, "{name}: {claims:?}");
        assert_eq!(statement.subject, subject_of(row), "{name}");
        let times = (statement.logged.is_some(), statement.timestamped.is_some());
        assert_eq!(times, row.times, "{name}");
        let Claim::Attestation {
            predicate_type,
            predicate,
            ..
        } = &statement.claim
        else {
            panic!("{name}: {statement:?}");
        };
        let payload = payload(row.bundle);
        assert_eq!(payload["predicateType"], **predicate_type, "{name}");
        assert_eq!(payload["predicate"], *predicate, "{name}");
    }
}

fn subject_of(row: &Row) -> ContentDigest {
    subject(row.bundle)
}

#[test]
fn a_log_or_a_timestamp_can_be_required() {
    for row in ROWS {
        for (log, timestamp) in [(true, false), (false, true), (true, true)] {
            let is_enough = (!log || row.log) && (!timestamp || row.times.1);
            // A root without a log can't ask for one.
            let trust = row.trust(log, timestamp);
            if let Err(error) = Verifier::new(&trust) {
                assert!(matches!(
                    error,
                    TrustError::TrustedRoot(TrustedRootError::Missing(_))
                ));
                assert!(
                    !is_enough || row.root == PUBLIC_GOOD,
                    "{}: {error}",
                    row.name
                );
                continue;
            }
            match verified(row.bundle, &trust) {
                Ok(_) => assert!(is_enough, "{}, {log}, {timestamp}", row.name),
                Err(refusal) => {
                    assert!(!is_enough, "{}, {log}, {timestamp}: {refusal}", row.name);
                    assert_eq!(
                        refusal.cause(),
                        RefusalCause::NoTime,
                        "{}: {refusal}",
                        row.name
                    );
                }
            }
        }
    }
}

#[test]
fn no_instance_vouches_for_what_another_has_certified() {
    for row in ROWS {
        for root in [PUBLIC_GOOD, GITHUB, STAGING] {
            if root == row.root {
                continue;
            }
            let trust = Trust::keyless(proof(root, false, false), false);
            let refusal = verified(row.bundle, &trust).unwrap_err();
            assert!(
                matches!(
                    refusal.cause(),
                    RefusalCause::Untrusted
                        | RefusalCause::Log
                        | RefusalCause::Timestamp
                        | RefusalCause::NoTime
                ),
                "{}: {refusal}",
                row.name
            );
        }
    }
}

/// A bundle of Rekor 1 with a change.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut bundle = serde_json::from_str(data!("rekor-1")).unwrap();
    change(&mut bundle);
    bundle
}

#[test]
fn what_is_changed_in_a_bundle_makes_it_count_no_more() {
    let other: Value = serde_json::from_str(data!("rekor-2")).unwrap();
    let npm: Value = serde_json::from_str(data!("npm")).unwrap();
    let image = subject(data!("rekor-1"));
    let entry = "/verificationMaterial/tlogEntries/0";
    let set =
        |path: String, value: Value| changed(|bundle| *bundle.pointer_mut(&path).unwrap() = value);
    let taken = |path: &str| set(path.to_owned(), other.pointer(path).unwrap().clone());
    let rows = [
        (
            "no log entry",
            set(
                "/verificationMaterial/tlogEntries".into(),
                Value::Array(vec![]),
            ),
            RefusalCause::NoTime,
        ),
        (
            "log entry without a time",
            taken(entry),
            RefusalCause::NoTime,
        ),
        (
            "log entry of another signature",
            set(entry.into(), npm.pointer(entry).unwrap().clone()),
            RefusalCause::Expired,
        ),
        (
            "certificate of another signature",
            taken("/verificationMaterial/certificate"),
            RefusalCause::Expired,
        ),
        (
            "signature of another envelope",
            taken("/dsseEnvelope/signatures"),
            RefusalCause::BadSignature,
        ),
        (
            "another time",
            set(format!("{entry}/integratedTime"), "1756728840".into()),
            RefusalCause::Log,
        ),
        (
            "another index",
            set(format!("{entry}/inclusionProof/logIndex"), "1".into()),
            RefusalCause::Log,
        ),
        (
            "another promise",
            set(
                format!("{entry}/inclusionPromise/signedEntryTimestamp"),
                "AAAA".into(),
            ),
            RefusalCause::Log,
        ),
        (
            "no proof",
            changed(|bundle| {
                let entry = bundle.pointer_mut(entry).and_then(Value::as_object_mut);
                entry.unwrap().remove("inclusionProof");
            }),
            RefusalCause::Log,
        ),
        (
            "a key in place of a certificate",
            changed(|bundle| {
                let material = bundle["verificationMaterial"].as_object_mut().unwrap();
                material.remove("certificate");
                material.insert("publicKey".into(), serde_json::json!({"hint": ""}));
            }),
            RefusalCause::OtherKind,
        ),
        (
            "a key as a certificate",
            set(
                "/verificationMaterial/certificate/rawBytes".into(),
                base64(Forger::new().spki()).into(),
            ),
            RefusalCause::Malformed,
        ),
        (
            "two certificates",
            changed(|bundle| {
                let certificate = bundle["verificationMaterial"]["certificate"].clone();
                bundle["verificationMaterial"]["x509CertificateChain"] =
                    serde_json::json!({"certificates": [certificate]});
            }),
            RefusalCause::Malformed,
        ),
    ];
    for (name, bundle, cause) in rows {
        for log in [true, false] {
            // The proof is looked at only where a log is required, the promise always.
            let is_unused = !log && matches!(name, "another index" | "no proof");
            let trust = Trust::keyless(proof(PUBLIC_GOOD, log, false), true);
            match verify(&trust, &evidence(BUNDLE, &bundle), &image) {
                Ok(_) => assert!(is_unused, "{name}, {log}"),
                Err(refusal) => assert_eq!(refusal.cause(), cause, "{name}, {log}: {refusal}"),
            }
        }
    }
    let two = data!("two-signatures");
    let trust = Trust::keyless(proof(PUBLIC_GOOD, true, false), true);
    assert_eq!(
        verified(two, &trust).unwrap_err().cause(),
        RefusalCause::Malformed
    );
}

#[test]
fn a_certificate_that_is_in_no_log_counts_only_where_none_is_asked_for() {
    let bundle = data!("timestamp-only");
    let mut root: Value = serde_json::from_str(GITHUB).unwrap();
    let public: Value = serde_json::from_str(PUBLIC_GOOD).unwrap();
    root["ctlogs"] = public["ctlogs"].clone();
    let root = root.to_string();
    let asked = Trust::keyless(proof(&root, false, true), true);
    let refusal = verified(bundle, &asked).unwrap_err();
    assert_eq!(refusal.cause(), RefusalCause::Untrusted, "{refusal}");
    assert!(
        refusal.message().contains("log of certificates"),
        "{refusal}"
    );
    // All else of it is right, but that GitHub's certificates for releases name no issuer.
    let refusal = verified(bundle, &Trust::keyless(proof(&root, false, true), false)).unwrap_err();
    assert_eq!(refusal.cause(), RefusalCause::Unsupported, "{refusal}");
    assert!(refusal.message().contains("who vouches"), "{refusal}");
    // As a certificate of an authority of one's own it counts, and has its name.
    let root: Value = serde_json::from_str(GITHUB).unwrap();
    let authorities = root["certificateAuthorities"].as_array().unwrap();
    let certificates = authorities
        .iter()
        .flat_map(|authority| authority["certChain"]["certificates"].as_array().unwrap());
    let blocks: Vec<String> = certificates
        .map(|certificate| {
            let der = certificate["rawBytes"].as_str().unwrap();
            format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
        })
        .collect();
    let pem = blocks.concat();
    let own = Trust::certificate(pem.clone(), Some(proof(GITHUB, false, true)));
    let statement = verified(bundle, &own).unwrap();
    let Signer::Certificate { names, .. } = &statement.signer else {
        panic!("{statement:?}");
    };
    assert_eq!(*names, ["https://dotcom.releases.github.com".into()]);
    assert!(statement.timestamped.is_some());
    // Without its timestamp it has expired.
    let refusal = verified(bundle, &Trust::certificate(pem, None)).unwrap_err();
    assert_eq!(refusal.cause(), RefusalCause::Expired, "{refusal}");
}

#[test]
fn a_statement_of_another_digest_does_not_count() {
    for row in ROWS {
        let found = Evidence::new(BUNDLE, row.bundle.as_bytes());
        let refusal = verify(&row.trust(false, false), &found, &digest("1")).unwrap_err();
        assert!(
            matches!(
                refusal.cause(),
                RefusalCause::OtherSubject | RefusalCause::Unsupported
            ),
            "{}: {refusal}",
            row.name
        );
    }
}

#[test]
fn a_time_that_is_later_than_the_clock_that_is_handed_in_does_not_count() {
    let row = &ROWS[0];
    let found = Evidence::new(BUNDLE, row.bundle.as_bytes());
    let verifier = Verifier::new(&row.trust(true, false)).unwrap();
    let at = |now| verifier.verify(Format::Bundle, &found, &subject_of(row), now);
    let logged = at(SystemTime::now()).unwrap().logged.unwrap();
    assert!(at(logged).is_ok());
    // Clocks may differ by a minute.
    assert!(at(logged - Duration::from_secs(60)).is_ok());
    let refusal = at(logged - Duration::from_secs(61)).unwrap_err();
    assert_eq!(refusal.cause(), RefusalCause::Timestamp);
    // Certificates of minutes count for ever, by the time at which they were used.
    assert!(at(logged + Duration::from_secs(10 * 365 * 24 * 3600)).is_ok());
}

#[test]
fn trusted_roots_that_cannot_be_used_are_refused_with_the_reason() {
    let twice = PUBLIC_GOOD.replacen('{', r#"{"tlogs": [],"#, 1);
    let empty = r#"{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;
    for (root, log, timestamp, is_certificate_logged, error) in [
        ("", false, false, false, "is not JSON"),
        (
            "[]",
            false,
            false,
            false,
            "is not a Sigstore trusted root that can be used",
        ),
        (
            "{}",
            false,
            false,
            false,
            "is not a Sigstore trusted root that can be used",
        ),
        (&*twice, false, false, false, "one name twice"),
        (
            empty,
            true,
            false,
            false,
            "a log is required, and it has none",
        ),
        (
            empty,
            false,
            true,
            false,
            "a timestamp authority is required, and it has none",
        ),
        (
            empty,
            false,
            false,
            true,
            "a log of certificates is required, and it has none",
        ),
    ] {
        let trust = Trust::keyless(proof(root, log, timestamp), is_certificate_logged);
        let found = Verifier::new(&trust).unwrap_err().to_string();
        assert!(found.contains(error), "{root}: {found}");
    }
    // Without any authority nothing is trusted, which is not to say that everything is.
    let trust = Trust::keyless(proof(empty, false, false), false);
    let refusal = verified(data!("rekor-1"), &trust).unwrap_err();
    assert_eq!(refusal.cause(), RefusalCause::NoTime);
}
