//! An instance of Sigstore of one's own: an authority and a log.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use imagereview_core::facts::{Evidence, TimeProof, Trust};
use rcgen::{
    CertificateParams, CertifiedIssuer, CustomExtension, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SanType, SigningKey as _,
};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::forger::{DSSE, IN_TOTO, SIMPLE_SIGNING, authority, base64};

pub(crate) const EMAIL: &str = "dev@example.com";
pub(crate) const ISSUER: &str = "https://issuer.example.com";

/// How long a certificate is valid.
const MINUTES: Duration = Duration::from_secs(600);

/// The authority and the log.
pub(crate) struct Instance {
    authority: CertifiedIssuer<'static, KeyPair>,
    log: KeyPair,
}

/// Who has a certificate, or only a key.
pub(crate) struct Signatory {
    pub(crate) key: KeyPair,
    /// The certificate in PEM.
    pub(crate) certificate: Option<String>,
}

/// An entry of the log, as it is before it is written.
pub(crate) struct Entry {
    pub(crate) body: Value,
    pub(crate) time: SystemTime,
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

impl Instance {
    pub(crate) fn new() -> Self {
        Self {
            authority: authority(),
            log: KeyPair::generate().unwrap(),
        }
    }

    fn log_id(&self) -> Vec<u8> {
        digest(&SHA256, &self.log.subject_public_key_info())
            .as_ref()
            .to_vec()
    }

    pub(crate) fn trusted_root(&self) -> String {
        let since = json!({"start": "2020-01-01T00:00:00Z"});
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.example.com",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": base64(self.log.subject_public_key_info()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": since,
                },
                "logId": {"keyId": base64(self.log_id())},
            }],
            "certificateAuthorities": [{
                "uri": "https://ca.example.com",
                "certChain": {"certificates": [{"rawBytes": base64(self.authority.der())}]},
                "validFor": since,
            }],
        });
        root.to_string()
    }

    pub(crate) fn root_pem(&self) -> String {
        self.authority.pem()
    }

    pub(crate) fn proof(&self, log: bool) -> TimeProof {
        TimeProof {
            trusted_root: self.trusted_root().into(),
            log,
            timestamp: false,
        }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::keyless(self.proof(true), false)
    }

    /// A certificate that is valid for minutes from a time, with a change.
    pub(crate) fn certify(
        &self,
        from: SystemTime,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Signatory {
        let mut params = CertificateParams::default();
        params.not_before = from.into();
        params.not_after = (from + MINUTES).into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.subject_alt_names = vec![SanType::Rfc822Name(EMAIL.try_into().unwrap())];
        let mut issuer = vec![12, u8::try_from(ISSUER.len()).unwrap()];
        issuer.extend(ISSUER.as_bytes());
        params.custom_extensions = vec![CustomExtension::from_oid_content(
            &[1, 3, 6, 1, 4, 1, 57264, 1, 8],
            issuer,
        )];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        Signatory {
            key,
            certificate: Some(certificate.pem()),
        }
    }

    /// The annotation that has an entry, and the log's promise to take it in.
    pub(crate) fn promise(&self, entry: &Entry) -> String {
        let seconds = entry.time.duration_since(UNIX_EPOCH).unwrap().as_secs();
        // Its names are in order, and it has no spaces: that is its canonical form.
        let payload = json!({
            "body": base64(entry.body.to_string()),
            "integratedTime": seconds,
            "logID": hex(&self.log_id()),
            "logIndex": 7,
        });
        let promise = self.log.sign(payload.to_string().as_bytes()).unwrap();
        json!({"SignedEntryTimestamp": base64(promise), "Payload": payload}).to_string()
    }
}

impl Signatory {
    pub(crate) fn with_key() -> Self {
        Self {
            key: KeyPair::generate().unwrap(),
            certificate: None,
        }
    }

    /// What the log knows the signatory by.
    fn verifier(&self) -> String {
        self.certificate
            .clone()
            .unwrap_or_else(|| self.key.public_key_pem())
    }

    /// An entry about the signature of a payload.
    pub(crate) fn entry(&self, payload: &[u8], signature: &str, time: SystemTime) -> Entry {
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hex(digest(&SHA256, payload).as_ref())}},
                "signature": {"content": signature, "publicKey": {"content": base64(self.verifier())}},
            },
        });
        Entry { body, time }
    }

    /// A signature as cosign 2 writes it, and its entry.
    pub(crate) fn signature(&self, payload: &Value, time: SystemTime) -> (Evidence, Entry) {
        let payload = payload.to_string();
        let signature = base64(self.key.sign(payload.as_bytes()).unwrap());
        let entry = self.entry(payload.as_bytes(), &signature, time);
        let mut annotations =
            BTreeMap::from([("dev.cosignproject.cosign/signature".to_owned(), signature)]);
        if let Some(certificate) = &self.certificate {
            annotations.insert(
                "dev.sigstore.cosign/certificate".into(),
                certificate.clone(),
            );
        }
        let evidence = Evidence::new(SIMPLE_SIGNING, payload.as_bytes());
        (evidence.with_annotations(annotations), entry)
    }

    /// An attestation as cosign 2 writes it, and its entry.
    pub(crate) fn attestation(&self, statement: &Value, time: SystemTime) -> (Evidence, Entry) {
        let statement = statement.to_string();
        let signed = format!(
            "DSSEv1 {} {IN_TOTO} {} {statement}",
            IN_TOTO.len(),
            statement.len()
        );
        let signature = base64(self.key.sign(signed.as_bytes()).unwrap());
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": "0".repeat(64)},
                "payloadHash": {"algorithm": "sha256", "value": hex(digest(&SHA256, statement.as_bytes()).as_ref())},
                "signatures": [{"signature": signature, "verifier": base64(self.verifier())}],
            },
        });
        let envelope = json!({
            "payloadType": IN_TOTO,
            "payload": base64(&statement),
            "signatures": [{"sig": signature}],
        });
        let mut annotations = BTreeMap::from([(
            "dev.cosignproject.cosign/signature".to_owned(),
            String::new(),
        )]);
        if let Some(certificate) = &self.certificate {
            annotations.insert(
                "dev.sigstore.cosign/certificate".into(),
                certificate.clone(),
            );
        }
        let evidence = Evidence::new(DSSE, envelope.to_string().as_bytes());
        (evidence.with_annotations(annotations), Entry { body, time })
    }
}

/// Evidence with the annotation of an entry.
pub(crate) fn logged(evidence: &Evidence, promise: String) -> Evidence {
    let mut evidence = evidence.clone();
    evidence
        .annotations
        .insert("dev.sigstore.cosign/bundle".into(), promise);
    evidence
}
