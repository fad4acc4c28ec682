//! What attackers do. Each test is named for one attack, and holds that a good signature still counts.

use imagereview_core::facts::{Claim, ContentDigest, Evidence, Format, RefusalCause, Trust};
use serde_json::{Value, json};

use crate::forger::{
    BUNDLE, DSSE, Forger, SIGNED, SIMPLE_SIGNING, SPDX, base64, digest, evidence, payload,
    statement, verify,
};

/// Why evidence does not count for the image whose digest is all ones.
fn cause(trust: &Trust, evidence: &Evidence) -> RefusalCause {
    match verify(trust, evidence, &digest("1")) {
        Err(refusal) => refusal.cause(),
        Ok(statement) => panic!("{evidence:?} is {statement:?}"),
    }
}

#[test]
fn a_signature_of_another_digest() {
    let forger = Forger::new();
    let other = digest("2");
    for evidence in [
        forger.bundle(&statement(&other, SIGNED)),
        forger.bundle(&statement(&other, SPDX)),
        forger.attestation(&statement(&other, SPDX)),
        forger.simple_signing(&payload(&other)),
    ] {
        assert!(verify(&forger.trust(), &evidence, &other).is_ok());
        assert_eq!(
            cause(&forger.trust(), &evidence),
            RefusalCause::OtherSubject
        );
    }
    // The digits of the image under another algorithm are no digest of it.
    let mut confused = statement(&digest("1"), SIGNED);
    confused["subject"][0]["digest"] = json!({"sha512": "1".repeat(64), "sha1": "1".repeat(64)});
    let found = forger.bundle(&confused);
    assert_eq!(cause(&forger.trust(), &found), RefusalCause::OtherSubject);
    let sha512 = ContentDigest::parse(&format!("sha512:{}", "1".repeat(128))).unwrap();
    let good = forger.bundle(&statement(&sha512, SIGNED));
    assert!(verify(&forger.trust(), &good, &sha512).is_ok());
    assert_eq!(cause(&forger.trust(), &good), RefusalCause::OtherSubject);
}

#[test]
fn an_attestation_that_is_to_pass_for_a_signature() {
    let forger = Forger::new();
    let image = digest("1");
    let mut with_field = statement(&image, SPDX);
    with_field["predicate"]["predicateType"] = SIGNED.into();
    for evidence in [
        forger.bundle(&statement(&image, SPDX)),
        forger.attestation(&statement(&image, SPDX)),
        forger.bundle(&with_field),
    ] {
        let found = verify(&forger.trust(), &evidence, &image).unwrap();
        assert!(
            matches!(found.claim, Claim::Attestation { .. }),
            "{found:?}"
        );
    }
    // A payload of one format in the envelope of another is neither.
    let confused = forger.bundle(&payload(&image));
    assert_eq!(cause(&forger.trust(), &confused), RefusalCause::Malformed);
    let confused = forger.simple_signing(&statement(&image, SIGNED));
    assert_eq!(cause(&forger.trust(), &confused), RefusalCause::Malformed);
}

#[test]
fn a_replay_in_another_repository() {
    let forger = Forger::new();
    let image = digest("1");
    let found = |evidence| verify(&forger.trust(), &evidence, &image).unwrap().claim;
    // The older format says where it was made, so a rule can ask for it.
    match found(forger.simple_signing(&payload(&image))) {
        Claim::Signature { reference, .. } => {
            assert_eq!(reference.as_deref(), Some("registry.example.com/app"));
        }
        other => panic!("{other:?}"),
    }
    // cosign 3 does not say it: what can't be known is not made up.
    match found(forger.bundle(&statement(&image, SIGNED))) {
        Claim::Signature { reference, .. } => assert_eq!(reference, None),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bad_signature_beside_a_good_one() {
    let [forger, attacker] = [Forger::new(), Forger::new()];
    let image = digest("1");
    let good = forger.bundle(&statement(&image, SIGNED));
    let bad = [
        attacker.bundle(&statement(&image, SIGNED)),
        Evidence::new(BUNDLE, *b"\xff"),
        Evidence::new(BUNDLE, *b"{}"),
        Evidence::new(SIMPLE_SIGNING, *b"{}"),
        Evidence::new(DSSE, *b"[]"),
    ];
    let expected = verify(&forger.trust(), &good, &image).unwrap();
    for evidence in &bad {
        cause(&forger.trust(), evidence);
        // Nothing of it is left over.
        assert_eq!(verify(&forger.trust(), &good, &image).unwrap(), expected);
    }
}

#[test]
fn an_envelope_with_two_signatures() {
    let [forger, attacker] = [Forger::new(), Forger::new()];
    let statement = statement(&digest("1"), SIGNED).to_string();
    let ours = forger.bundle_json(statement.as_bytes());
    let theirs = attacker.envelope(statement.as_bytes())["signatures"][0].clone();
    for signatures in [
        json!([ours["dsseEnvelope"]["signatures"][0], theirs]),
        json!([theirs, ours["dsseEnvelope"]["signatures"][0]]),
        json!([]),
    ] {
        let mut two = ours.clone();
        two["dsseEnvelope"]["signatures"] = signatures.clone();
        assert_eq!(
            cause(&forger.trust(), &evidence(BUNDLE, &two)),
            RefusalCause::Malformed
        );
        let mut two = ours["dsseEnvelope"].clone();
        two["signatures"] = signatures;
        assert_eq!(
            cause(&forger.trust(), &evidence(DSSE, &two)),
            RefusalCause::Malformed
        );
    }
}

#[test]
fn a_certificate_that_is_to_pass_for_a_key() {
    let forger = Forger::new();
    let mut bundle = forger.bundle_json(statement(&digest("1"), SIGNED).to_string().as_bytes());
    // The key itself in the field of the certificate, as in GHSA-fx35-mq7g-6g98 of cosign.
    let key = json!({"rawBytes": base64(forger.spki())});
    for material in [
        json!({"certificate": key}),
        json!({"x509CertificateChain": {"certificates": [key]}}),
    ] {
        bundle["verificationMaterial"] = material;
        let found = evidence(BUNDLE, &bundle);
        assert_eq!(cause(&forger.trust(), &found), RefusalCause::OtherKind);
    }
    // Both at once has two readings.
    bundle["verificationMaterial"] = json!({"publicKey": {}, "certificate": key});
    assert_eq!(
        cause(&forger.trust(), &evidence(BUNDLE, &bundle)),
        RefusalCause::Malformed
    );
}

#[test]
fn a_signature_that_names_its_own_key_or_algorithm() {
    let [forger, attacker] = [Forger::new(), Forger::new()];
    let statement = statement(&digest("1"), SIGNED).to_string();
    let mut bundle = attacker.bundle_json(statement.as_bytes());
    bundle["verificationMaterial"]["publicKey"] =
        json!({"hint": base64(attacker.spki()), "rawBytes": base64(attacker.spki())});
    bundle["dsseEnvelope"]["signatures"][0]["keyid"] = forger.public_key().into();
    bundle["dsseEnvelope"]["signatures"][0]["alg"] = "none".into();
    assert_eq!(
        cause(&forger.trust(), &evidence(BUNDLE, &bundle)),
        RefusalCause::OtherKey
    );
    // No signature at all, and the public key as the secret of a MAC.
    let hmac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, forger.public_key().as_bytes());
    let mac = ring::hmac::sign(&hmac, statement.as_bytes());
    for signature in [
        String::new(),
        base64(mac),
        base64([0; 64]),
        base64([0x30, 0]),
    ] {
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = signature.into();
        assert_eq!(
            cause(&forger.trust(), &evidence(BUNDLE, &bundle)),
            RefusalCause::OtherKey
        );
    }
}

#[test]
fn a_signature_of_the_payload_without_its_type() {
    let forger = Forger::new();
    let statement = statement(&digest("1"), SIGNED).to_string();
    let mut bundle = forger.bundle_json(statement.as_bytes());
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = forger.sign(statement.as_bytes()).into();
    assert_eq!(
        cause(&forger.trust(), &evidence(BUNDLE, &bundle)),
        RefusalCause::OtherKey
    );
}

#[test]
fn documents_with_two_readings() {
    let forger = Forger::new();
    let image = digest("1");
    // What is signed: another digest that some readers see.
    let statement = statement(&image, SIGNED).to_string();
    let other = json!([{"digest": {"sha256": "2".repeat(64)}}]).to_string();
    for name in ["subject", "Subject", "SUBJECT", "\\u0073ubject"] {
        let two = statement.replacen('{', &format!(r#"{{"{name}":{other},"#), 1);
        let found = evidence(BUNDLE, &forger.bundle_json(two.as_bytes()));
        assert_eq!(
            cause(&forger.trust(), &found),
            RefusalCause::Malformed,
            "{two}"
        );
        let found = evidence(DSSE, &forger.envelope(two.as_bytes()));
        assert_eq!(
            cause(&forger.trust(), &found),
            RefusalCause::Malformed,
            "{two}"
        );
    }
    let in_digest = statement.replacen(
        r#""sha256":"#,
        &format!(r#""sha256":"{}","sha256":"#, "2".repeat(64)),
        1,
    );
    let found = evidence(BUNDLE, &forger.bundle_json(in_digest.as_bytes()));
    assert_eq!(cause(&forger.trust(), &found), RefusalCause::Malformed);
    // What is around it: another envelope that some readers see.
    let good = forger.bundle_json(statement.as_bytes()).to_string();
    let attackers = Forger::new().envelope(statement.as_bytes()).to_string();
    for name in ["dsseEnvelope", "DsseEnvelope", "dsse_envelope"] {
        let two = good.replacen('{', &format!(r#"{{"{name}":{attackers},"#), 1);
        let found = Evidence::new(BUNDLE, two.as_bytes());
        assert_eq!(
            cause(&forger.trust(), &found),
            RefusalCause::Malformed,
            "{name}"
        );
    }
    assert!(
        verify(
            &forger.trust(),
            &Evidence::new(BUNDLE, good.as_bytes()),
            &image
        )
        .is_ok()
    );
    // A second document behind the first.
    for rest in ["{}", "\0", "x", &good] {
        let found = Evidence::new(BUNDLE, format!("{good}{rest}").as_bytes());
        assert_eq!(
            cause(&forger.trust(), &found),
            RefusalCause::Malformed,
            "{rest}"
        );
    }
}

#[test]
fn odd_base64() {
    let forger = Forger::new();
    let bundle = forger.bundle_json(statement(&digest("1"), SIGNED).to_string().as_bytes());
    let paths = ["/dsseEnvelope/payload", "/dsseEnvelope/signatures/0/sig"];
    for path in paths {
        let good = bundle.pointer(path).unwrap().as_str().unwrap();
        for odd in [
            format!("{good}\n"),
            format!("{} {}", &good[..4], &good[4..]),
            format!("{}\r\n{}", &good[..4], &good[4..]),
            good.trim_end_matches('=').to_owned() + "===",
            format!("{good}=AA=="),
            format!("-_{}", &good[2..]),
        ] {
            let mut changed = bundle.clone();
            *changed.pointer_mut(path).unwrap() = Value::String(odd.clone());
            let found = cause(&forger.trust(), &evidence(BUNDLE, &changed));
            assert_eq!(found, RefusalCause::Malformed, "{path}: {odd:?}");
        }
    }
    let mut found = forger.simple_signing(&payload(&digest("1")));
    for signature in found.annotations.values_mut() {
        signature.push('\n');
    }
    assert_eq!(cause(&forger.trust(), &found), RefusalCause::Malformed);
    found.annotations.clear();
    assert_eq!(cause(&forger.trust(), &found), RefusalCause::Malformed);
}

#[test]
fn content_that_is_sent_as_another_format() {
    let forger = Forger::new();
    let image = digest("1");
    let bundle = forger.bundle(&statement(&image, SIGNED));
    let now = std::time::SystemTime::now();
    let verifier = imagereview_signature::Verifier::new(&forger.trust()).unwrap();
    for format in [
        Format::CosignAttestation,
        Format::CosignSignature,
        Format::NotationJws,
    ] {
        let refusal = verifier.verify(format, &bundle, &image, now).unwrap_err();
        assert_eq!(refusal.cause(), RefusalCause::Unsupported);
    }
    for media_type in [DSSE, SIMPLE_SIGNING] {
        let found = Evidence::new(media_type, bundle.content.clone());
        assert_eq!(
            cause(&forger.trust(), &found),
            RefusalCause::Malformed,
            "{media_type}"
        );
    }
    for media_type in ["application/jose+json", "application/cose"] {
        let found = Evidence::new(media_type, bundle.content.clone());
        assert_eq!(
            cause(&forger.trust(), &found),
            RefusalCause::OtherKind,
            "{media_type}"
        );
    }
}

#[test]
fn deep_and_long_documents() {
    let forger = Forger::new();
    for found in [
        Evidence::new(BUNDLE, "[".repeat(1 << 20).as_bytes()),
        Evidence::new(BUNDLE, r#"{"a":"#.repeat(1 << 18).as_bytes()),
        Evidence::new(SIMPLE_SIGNING, "[".repeat(1 << 20).as_bytes()),
        Evidence::new(DSSE, "{".repeat(1 << 20).as_bytes()),
    ] {
        assert_eq!(cause(&forger.trust(), &found), RefusalCause::Malformed);
    }
    let many = vec![json!({"digest": {"sha256": "2".repeat(64)}}); 2000];
    let mut statement = statement(&digest("1"), SIGNED);
    statement["subject"].as_array_mut().unwrap().extend(many);
    let found = forger.bundle(&statement);
    assert_eq!(cause(&forger.trust(), &found), RefusalCause::Malformed);
}

#[test]
fn text_of_the_attacker_in_a_reason() {
    let forger = Forger::new();
    let evil = "<script>\u{202e}evil\n";
    for mut document in [
        statement(&digest("1"), SIGNED),
        statement(&digest("1"), evil),
    ] {
        for field in ["_type", "predicateType", "subject", "Subject"] {
            let mut changed = document.clone();
            changed[field] = evil.into();
            let bundle = forger.bundle(&changed);
            if let Err(refusal) = verify(&forger.trust(), &bundle, &digest("1")) {
                assert!(!refusal.message().contains("evil"), "{refusal}");
            }
        }
        document["subject"] = json!([{"digest": {evil: evil}, "name": evil}]);
        let refusal = verify(&forger.trust(), &forger.bundle(&document), &digest("1")).unwrap_err();
        assert!(!refusal.message().contains("evil"), "{refusal}");
    }
}

#[test]
fn the_table_of_attacks_names_tests_that_exist() {
    let table = include_str!("../../../docs/signature-formats.md");
    let files = [
        ("attacks", include_str!("attacks.rs")),
        ("cosign", include_str!("cosign.rs")),
        ("keyless", include_str!("keyless.rs")),
        ("notation", include_str!("notation.rs")),
        ("sigstore", include_str!("sigstore.rs")),
    ];
    let mut named = 0;
    for text in table.split('`') {
        let Some((file, test)) = text.split_once("::") else {
            continue;
        };
        let (_, source) = files.iter().find(|(name, _)| *name == file).unwrap();
        assert!(source.contains(&format!("fn {test}()")), "{text}");
        named += 1;
    }
    assert!(named > 25, "{named}");
}
