//! Signatures and attestations of cosign, of which every signature fits. What is verified is what
//! another reader finds in the same bytes.

#![no_main]

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use imagereview_core::facts::{Claim, Evidence};
use imagereview_fuzz::signature::{IMAGE, statements};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The annotations that the parts after the first one are.
const ANNOTATIONS: &[&str] = &[
    "dev.cosignproject.cosign/signature",
    "dev.sigstore.cosign/certificate",
    "dev.sigstore.cosign/chain",
    "dev.sigstore.cosign/bundle",
    "dev.sigstore.cosign/rfc3161timestamp",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 3 {
        0 => {
            let media_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
            for statement in statements(&Evidence::new(media_type, rest)) {
                let bundle: Value = serde_json::from_slice(rest).expect("what is read is JSON");
                envelope(&bundle["dsseEnvelope"], &statement.claim);
            }
        }
        1 => {
            let evidence = layer("application/vnd.dev.cosign.simplesigning.v1+json", rest);
            for statement in statements(&evidence) {
                let payload: Value =
                    serde_json::from_slice(&evidence.content).expect("what is read is JSON");
                let digest = &payload["critical"]["image"]["docker-manifest-digest"];
                assert_eq!(digest, IMAGE.as_str());
                let Claim::Signature { annotations, .. } = statement.claim else {
                    panic!("a payload is a signature");
                };
                for (name, value) in &annotations {
                    assert_eq!(payload["optional"][name], value.as_str());
                }
            }
        }
        _ => {
            let evidence = layer("application/vnd.dsse.envelope.v1+json", rest);
            for statement in statements(&evidence) {
                let value = serde_json::from_slice(&evidence.content);
                envelope(&value.expect("what is read is JSON"), &statement.claim);
            }
        }
    }
});

/// A layer of cosign 2: its content, and what its annotations are, with zeros between.
fn layer(media_type: &str, bytes: &[u8]) -> Evidence {
    let mut parts = bytes.split(|byte| *byte == 0);
    let content = parts.next().unwrap_or_default();
    let annotations: BTreeMap<String, String> = ANNOTATIONS
        .iter()
        .zip(parts)
        .filter(|(_, part)| !part.is_empty())
        .map(|(name, part)| {
            (
                (*name).to_owned(),
                String::from_utf8_lossy(part).into_owned(),
            )
        })
        .collect();
    Evidence::new(media_type, content).with_annotations(annotations)
}

/// What an envelope says is what its payload says.
fn envelope(envelope: &Value, claim: &Claim) {
    let payload = envelope["payload"].as_str().expect("a payload");
    let payload = BASE64_STANDARD.decode(payload).expect("base64");
    let statement: Value = serde_json::from_slice(&payload).expect("what is read is JSON");
    let (_, digits) = IMAGE.as_str().split_once(':').expect("an algorithm");
    let subjects = statement["subject"].as_array().expect("a list");
    let mut subjects = subjects.iter();
    assert!(subjects.any(|subject| subject["digest"]["sha256"] == digits));
    let is_signature = statement["predicateType"] == "https://sigstore.dev/cosign/sign/v1";
    assert_eq!(matches!(claim, Claim::Signature { .. }), is_signature);
}
