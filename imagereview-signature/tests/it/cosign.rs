//! What cosign itself has made. `WITH_COSIGN_2=1 e2e/run ./signatures -fixtures FILE` makes it anew, with new keys.

use std::collections::BTreeMap;

use imagereview_core::facts::{
    Claim, ContentDigest, Evidence, Format, RefusalCause, Signer, Trust,
};
use imagereview_signature::Verifier;
use serde::Deserialize;

use crate::forger::{SPDX, digest, verify};

#[derive(Deserialize)]
struct Fixture {
    /// The version of cosign.
    #[serde(default)]
    version: u8,
    /// The kind of key that signed.
    key: Box<str>,
    /// How: `bundle`, `sig`, `attestation bundle` or `att`.
    way: Box<str>,
    public: String,
    image: ContentDigest,
    evidence: [Evidence; 1],
}

fn fixtures() -> Vec<Fixture> {
    let read = |version, text| {
        let mut fixtures: Vec<Fixture> = serde_json::from_str(text).unwrap();
        for fixture in &mut fixtures {
            fixture.version = version;
        }
        fixtures
    };
    let mut fixtures = read(3, include_str!("../data/cosign-3.1.3.json"));
    fixtures.extend(read(2, include_str!("../data/cosign-2.6.5.json")));
    fixtures
}

#[test]
fn signatures_and_attestations_of_each_kind_of_key_are_verified() {
    let mut verified = 0;
    for fixture in fixtures() {
        let [evidence] = &fixture.evidence;
        let row = format!(
            "cosign {}, {}, {}",
            fixture.version, fixture.key, fixture.way
        );
        let trust = Trust::key(&*fixture.public, None);
        let is_bundle = fixture.way.ends_with("bundle");
        if &*fixture.key == "P-521" {
            let error = Verifier::new(&trust).unwrap_err().to_string();
            assert!(error.contains("P-521"), "{error}");
            continue;
        }
        let found = verify(&trust, evidence, &fixture.image);
        if &*fixture.key == "Ed25519" {
            let refusal = found.unwrap_err();
            assert_eq!(refusal.cause(), RefusalCause::OtherKey, "{row}");
            assert!(refusal.message().contains("Ed25519ph"), "{row}: {refusal}");
            continue;
        }
        let statement = found.unwrap_or_else(|refusal| panic!("{row}: {refusal}"));
        assert_eq!(statement.subject, fixture.image, "{row}");
        let Signer::Key { fingerprint } = &statement.signer else {
            panic!("{row}: {statement:?}");
        };
        assert!(fingerprint.starts_with("sha256:"), "{row}");
        match &statement.claim {
            Claim::Signature {
                annotations,
                reference,
            } => {
                assert!(&*fixture.way == "bundle" || &*fixture.way == "sig", "{row}");
                assert_eq!(
                    *annotations,
                    BTreeMap::from([("env".into(), "prod".into())])
                );
                // A bundle names no repository.
                assert_eq!(reference.is_some(), !is_bundle, "{row}");
            }
            Claim::Attestation {
                predicate_type,
                predicate,
                subjects,
            } => {
                assert!(fixture.way.starts_with("att"), "{row}");
                assert_eq!(&**predicate_type, SPDX, "{row}");
                assert_eq!(predicate["packages"][0]["name"], "zlib", "{row}");
                assert_eq!(subjects.len(), 1, "{row}");
            }
            other => panic!("{row}: {other:?}"),
        }
        let other = verify(&trust, evidence, &digest("0")).unwrap_err();
        assert_eq!(other.cause(), RefusalCause::OtherSubject, "{row}: {other}");
        verified += 1;
    }
    assert_eq!(verified, 4 * 4 + 4 * 2);
}

#[test]
fn no_key_has_signed_what_another_has() {
    let fixtures = fixtures();
    let mut refused = 0;
    for fixture in &fixtures {
        for other in fixtures
            .iter()
            .filter(|other| other.public != fixture.public)
        {
            let Ok(verifier) = Verifier::new(&Trust::key(&*other.public, None)) else {
                assert_eq!(&*other.key, "P-521");
                continue;
            };
            let [evidence] = &fixture.evidence;
            let format = Format::of_media_type(&evidence.media_type).unwrap();
            let now = std::time::SystemTime::now();
            let refusal = verifier.verify(format, evidence, &fixture.image, now);
            assert_eq!(refusal.unwrap_err().cause(), RefusalCause::OtherKey);
            refused += 1;
        }
    }
    assert_eq!(refused, 980);
}

#[test]
fn no_byte_of_what_is_signed_can_be_changed() {
    for fixture in fixtures() {
        let [evidence] = &fixture.evidence;
        let trust = Trust::key(&*fixture.public, None);
        let Ok(verifier) = Verifier::new(&trust) else {
            continue;
        };
        let format = Format::of_media_type(&evidence.media_type).unwrap();
        let now = std::time::SystemTime::now();
        let Ok(original) = verifier.verify(format, evidence, &fixture.image, now) else {
            continue;
        };
        // Each 7th byte: RSA and P-384 take their time in a build for tests.
        for index in (0..evidence.content.len()).step_by(7) {
            let mut changed = evidence.clone();
            let mut content = evidence.content.to_vec();
            content[index] ^= 1;
            changed.content = content.into();
            // What is not signed, such as the hint at a key, can be changed, and changes nothing.
            if let Ok(statement) = verifier.verify(format, &changed, &fixture.image, now) {
                assert_eq!(
                    statement, original,
                    "{}, {}: byte {index}",
                    fixture.key, fixture.way
                );
                assert_ne!(format, Format::CosignSignature);
            }
        }
    }
}
