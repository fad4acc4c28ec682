//! Sigstore bundles.
//!
//! Source: [protobuf-specs, `sigstore_bundle.proto`](https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto).

use imagereview_core::facts::{Refusal, RefusalCause};

use super::dsse::Envelope;
use crate::{
    json::{self, Object},
    malformed::Malformed,
};

/// The media types of bundles that are read.
const MEDIA_TYPES: &[&str] = &[
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
];

/// A bundle: a signed envelope, and what it is to be verified with.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) envelope: Envelope,
    pub(crate) material: Material,
}

/// What a bundle is to be verified with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Material {
    /// A key that the verifier knows. The bundle has a hint about which, which proves nothing.
    PublicKey,
    /// A certificate, with or without its chain.
    Certificate,
}

impl Bundle {
    /// Reads a bundle of an image.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let value = json::parse(bytes, "the bundle")?;
        let bundle = Object::new(
            &value,
            "the bundle",
            &[
                "mediaType",
                "verificationMaterial",
                "dsseEnvelope",
                "messageSignature",
            ],
        )?;
        let media_type = bundle.need_string("mediaType")?;
        if !MEDIA_TYPES.contains(&media_type) {
            return Err(Refusal::new(
                RefusalCause::Unsupported,
                "the bundle is of another version than 0.1, 0.2 and 0.3",
            ));
        }
        if bundle.get("messageSignature").is_some() {
            return Err(Refusal::new(
                RefusalCause::Unsupported,
                "the bundle signs a file and not a statement about an image",
            ));
        }
        let envelope = Envelope::new(bundle.need("dsseEnvelope")?)?;
        let material = Object::new(
            bundle.need("verificationMaterial")?,
            "verificationMaterial",
            &[
                "publicKey",
                "certificate",
                "x509CertificateChain",
                "tlogEntries",
                "timestampVerificationData",
            ],
        )?;
        Ok(Self {
            envelope,
            material: kind(&material)?,
        })
    }
}

fn kind(material: &Object<'_>) -> Result<Material, Malformed> {
    let is_there = |name| material.get(name).is_some();
    let [key, certificate, chain] =
        ["publicKey", "certificate", "x509CertificateChain"].map(is_there);
    match (key, certificate, chain) {
        (true, false, false) => Ok(Material::PublicKey),
        (false, true, false) | (false, false, true) => Ok(Material::Certificate),
        _ => Err(Malformed::new(
            "the bundle must have one of publicKey, certificate and x509CertificateChain",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bundles_of_another_form_are_refused() {
        let good = json!({
            "mediaType": MEDIA_TYPES[0],
            "verificationMaterial": {"publicKey": {"hint": "x"}},
            "dsseEnvelope": {
                "payload": "e30=",
                "payloadType": "application/vnd.in-toto+json",
                "signatures": [{"sig": "AA=="}],
            },
        });
        let bundle = Bundle::parse(good.to_string().as_bytes()).unwrap();
        assert_eq!(bundle.material, Material::PublicKey);
        let version = json!("application/vnd.dev.sigstore.bundle.v0.4+json");
        let two = json!({"publicKey": {"hint": "x"}, "certificate": {"rawBytes": "AA=="}});
        let none = json!({"tlogEntries": []});
        for (field, value, cause) in [
            ("mediaType", version, RefusalCause::Unsupported),
            ("mediaType", json!(null), RefusalCause::Malformed),
            ("messageSignature", json!({}), RefusalCause::Unsupported),
            ("dsseEnvelope", json!(null), RefusalCause::Malformed),
            ("dsse_envelope", json!({}), RefusalCause::Malformed),
            ("verificationMaterial", two, RefusalCause::Malformed),
            ("verificationMaterial", none, RefusalCause::Malformed),
        ] {
            let mut wrong = good.clone();
            wrong[field] = value;
            let refusal = Bundle::parse(wrong.to_string().as_bytes()).unwrap_err();
            assert_eq!(refusal.cause(), cause, "{wrong}: {refusal}");
        }
    }
}
