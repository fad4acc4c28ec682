//! Makes signatures of each format, good and bad.

use std::{collections::BTreeMap, time::SystemTime};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use imagereview_core::facts::{ContentDigest, Evidence, Format, Refusal, Statement, Trust};
use imagereview_signature::Verifier;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, SigningKey as _,
};
use serde_json::{Value, json};

pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
pub(crate) const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
pub(crate) const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
pub(crate) const IN_TOTO: &str = "application/vnd.in-toto+json";
pub(crate) const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";
pub(crate) const SPDX: &str = "https://spdx.dev/Document";

/// The digest `sha256:` and 64 times a digit.
pub(crate) fn digest(digit: &str) -> ContentDigest {
    ContentDigest::parse(&format!("sha256:{}", digit.repeat(64))).unwrap()
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// What evidence says of an image to who trusts something.
pub(crate) fn verify(
    trust: &Trust,
    evidence: &Evidence,
    image: &ContentDigest,
) -> Result<Statement, Refusal> {
    let format = Format::of_media_type(&evidence.media_type).unwrap();
    let verifier = Verifier::new(trust).unwrap();
    verifier.verify(format, evidence, image, SystemTime::now())
}

/// A statement about an image.
pub(crate) fn statement(image: &ContentDigest, predicate_type: &str) -> Value {
    let (algorithm, digits) = image.as_str().split_once(':').unwrap();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {algorithm: digits}, "annotations": {"env": "prod"}}],
        "predicateType": predicate_type,
        "predicate": {"high": 0},
    })
}

/// A payload of simple signing about an image.
pub(crate) fn payload(image: &ContentDigest) -> Value {
    json!({
        "critical": {
            "identity": {"docker-reference": "registry.example.com/app"},
            "image": {"docker-manifest-digest": image.as_str()},
            "type": "cosign container image signature",
        },
        "optional": {"env": "prod"},
    })
}

/// An authority of certificates.
pub(crate) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "an authority");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Who has a key.
pub(crate) struct Forger(KeyPair);

impl Forger {
    pub(crate) fn new() -> Self {
        Self(KeyPair::generate().unwrap())
    }

    pub(crate) fn with(algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        Self(KeyPair::generate_for(algorithm).unwrap())
    }

    pub(crate) fn public_key(&self) -> String {
        self.0.public_key_pem()
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::key(self.public_key(), None)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> String {
        base64(self.0.sign(message).unwrap())
    }

    /// A DSSE envelope of a payload.
    pub(crate) fn envelope(&self, payload: &[u8]) -> Value {
        let mut signed = format!("DSSEv1 {} {IN_TOTO} {} ", IN_TOTO.len(), payload.len());
        signed.push_str(std::str::from_utf8(payload).unwrap());
        json!({
            "payloadType": IN_TOTO,
            "payload": base64(payload),
            "signatures": [{"sig": self.sign(signed.as_bytes())}],
        })
    }

    /// A bundle of a payload.
    pub(crate) fn bundle_json(&self, payload: &[u8]) -> Value {
        json!({
            "mediaType": BUNDLE,
            "verificationMaterial": {"publicKey": {"hint": "a hint"}},
            "dsseEnvelope": self.envelope(payload),
        })
    }

    /// What cosign 3 writes.
    pub(crate) fn bundle(&self, statement: &Value) -> Evidence {
        evidence(BUNDLE, &self.bundle_json(statement.to_string().as_bytes()))
    }

    /// What `cosign attest` of version 2 writes.
    pub(crate) fn attestation(&self, statement: &Value) -> Evidence {
        evidence(DSSE, &self.envelope(statement.to_string().as_bytes()))
    }

    /// What `cosign sign` of version 2 writes.
    pub(crate) fn simple_signing(&self, payload: &Value) -> Evidence {
        let payload = payload.to_string();
        let annotations = BTreeMap::from([(
            "dev.cosignproject.cosign/signature".to_owned(),
            self.sign(payload.as_bytes()),
        )]);
        Evidence::new(SIMPLE_SIGNING, payload.as_bytes()).with_annotations(annotations)
    }
}

/// A document as a layer.
pub(crate) fn evidence(media_type: &str, document: &Value) -> Evidence {
    Evidence::new(media_type, document.to_string().as_bytes())
}
