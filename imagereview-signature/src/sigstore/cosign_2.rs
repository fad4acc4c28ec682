//! Signatures and attestations of cosign 2 as bundles.
//!
//! Certificates, log entries and timestamps are in annotations of the layer. Source:
//! [cosign, "Signature Specification"](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#properties).

use imagereview_core::facts::Evidence;
use serde_json::{Value, json};

use crate::{
    base64::{self, encode},
    format::simple_signing,
    json::{self, Object},
    malformed::Malformed,
    pem,
};

const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// The versions of bundles that a chain of certificates can be in: with the promise of a log, and without.
const VERSION_1: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";
const VERSION_2: &str = "application/vnd.dev.sigstore.bundle+json;version=0.2";

/// Whether a certificate is there. Otherwise a key has signed.
pub(super) fn has_certificate(evidence: &Evidence) -> bool {
    evidence.annotations.contains_key(CERTIFICATE)
}

/// The signature of a payload as a bundle.
pub(super) fn signature(evidence: &Evidence) -> Result<Value, Malformed> {
    let signature = simple_signing::signature(evidence)?;
    let hash = ring::digest::digest(&ring::digest::SHA256, &evidence.content);
    let mut bundle = bundle(evidence)?;
    bundle["messageSignature"] = json!({
        "messageDigest": {"algorithm": "SHA2_256", "digest": encode(hash)},
        "signature": encode(signature),
    });
    Ok(bundle)
}

/// An envelope as a bundle. It was read before.
pub(super) fn attestation(evidence: &Evidence, envelope: Value) -> Result<Value, Malformed> {
    let mut bundle = bundle(evidence)?;
    bundle["dsseEnvelope"] = envelope;
    Ok(bundle)
}

/// What is not signed.
fn bundle(evidence: &Evidence) -> Result<Value, Malformed> {
    let annotation = |name: &str| evidence.annotations.get(name).map(String::as_str);
    let mut material = match annotation(CERTIFICATE) {
        None => json!({"publicKey": {"hint": ""}}),
        Some(certificate) => {
            let mut certificates = certificates(certificate)?;
            if let Some(chain) = annotation(CHAIN) {
                certificates.extend(self::certificates(chain)?);
            }
            json!({"x509CertificateChain": {"certificates": certificates}})
        }
    };
    let entry = annotation(LOG_ENTRY).map(log_entry).transpose()?;
    let version = if entry.is_some() {
        VERSION_1
    } else {
        VERSION_2
    };
    material["tlogEntries"] = entry.into_iter().collect();
    if let Some(timestamp) = annotation(TIMESTAMP) {
        let value = json::parse(timestamp.as_bytes(), "the timestamp")?;
        let timestamp = Object::new(&value, "the timestamp", &["SignedRFC3161Timestamp"])?;
        let token = timestamp.need_string("SignedRFC3161Timestamp")?;
        material["timestampVerificationData"] =
            json!({"rfc3161Timestamps": [{"signedTimestamp": token}]});
    }
    Ok(json!({"mediaType": version, "verificationMaterial": material}))
}

fn certificates(text: &str) -> Result<Vec<Value>, Malformed> {
    let certificates = pem::certificates(text).map_err(|_| {
        Malformed::new("an annotation with certificates is not PEM of certificates")
    })?;
    let certificates = certificates.into_iter();
    Ok(certificates
        .map(|der| json!({"rawBytes": encode(der)}))
        .collect())
}

/// An entry in Rekor, version 1, with its promise to take it in.
fn log_entry(text: &str) -> Result<Value, Malformed> {
    let value = json::parse(text.as_bytes(), "the log entry")?;
    let entry = Object::new(
        &value,
        "the log entry",
        &["SignedEntryTimestamp", "Payload"],
    )?;
    let payload = Object::new(
        entry.need("Payload")?,
        "the payload of the log entry",
        &["body", "integratedTime", "logIndex", "logID"],
    )?;
    let body = payload.need_string("body")?;
    let decoded = base64::decode(body, "the body of the log entry")?;
    let decoded = json::parse(&decoded, "the body of the log entry")?;
    let decoded = Object::new(
        &decoded,
        "the body of the log entry",
        &["apiVersion", "kind", "spec"],
    )?;
    let number = |name: &str| {
        let number = payload.need(name)?.as_u64();
        number.ok_or_else(|| payload.wrong(name, "is not a number"))
    };
    let log = hexadecimal(payload.need_string("logID")?)
        .ok_or_else(|| payload.wrong("logID", "is not hexadecimal"))?;
    Ok(json!({
        "logIndex": number("logIndex")?.to_string(),
        "logId": {"keyId": encode(log)},
        "kindVersion": {
            "kind": decoded.need_string("kind")?,
            "version": decoded.need_string("apiVersion")?,
        },
        "integratedTime": number("integratedTime")?.to_string(),
        "inclusionPromise": {"signedEntryTimestamp": entry.need_string("SignedEntryTimestamp")?},
        "canonicalizedBody": body,
    }))
}

/// The bytes of hexadecimal digits.
pub(super) fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let bytes = (0..text.len()).step_by(2);
    bytes
        .map(|index| u8::from_str_radix(&text[index..index + 2], 16).ok())
        .collect()
}
