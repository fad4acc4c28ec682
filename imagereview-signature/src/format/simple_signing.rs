//! The payload of a signature of cosign's older format.
//!
//! Source: [cosign, "Signature Specification"](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md).

use imagereview_core::facts::{Claim, ContentDigest, Evidence, Refusal, RefusalCause};

use crate::{
    base64,
    json::{self, Object},
    malformed::Malformed,
};

/// The annotation of a layer that has the signature.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// What `critical.type` of a payload is.
const TYPE: &str = "cosign container image signature";

/// The most entries of `optional`.
const MAX_ANNOTATIONS: usize = 256;

/// The signature of a payload, which is the layer's content.
pub(crate) fn signature(evidence: &Evidence) -> Result<Vec<u8>, Malformed> {
    let signature = evidence
        .annotations
        .get(SIGNATURE)
        .ok_or_else(|| Malformed::new(format!("the layer has no annotation {SIGNATURE}")))?;
    base64::decode(signature, "the signature")
}

/// Reads a payload, which must be about an image.
pub(crate) fn read(payload: &[u8], image: &ContentDigest) -> Result<Claim, Refusal> {
    let value = json::parse(payload, "the payload")?;
    let payload = Object::new(&value, "the payload", &["critical", "optional"])?;
    let critical = Object::new(
        payload.need("critical")?,
        "critical",
        &["identity", "image", "type"],
    )?;
    if critical.need_string("type")? != TYPE {
        return Err(critical.wrong("type", &format!("is not {TYPE:?}")).into());
    }
    let about = Object::new(
        critical.need("image")?,
        "critical.image",
        &["docker-manifest-digest"],
    )?;
    if about.need_string("docker-manifest-digest")? != image.as_str() {
        return Err(Refusal::new(
            RefusalCause::OtherSubject,
            format!("the signature is not about {image}"),
        ));
    }
    let reference = match critical.get("identity") {
        None => None,
        Some(value) => Object::new(value, "critical.identity", &["docker-reference"])?
            .string("docker-reference")?
            .filter(|reference| !reference.is_empty()),
    };
    Ok(Claim::Signature {
        annotations: payload.strings("optional", MAX_ANNOTATIONS)?,
        reference: reference.map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// As cosign 2.6.5 and 3.1.3 write it.
    fn payload(digest: &str) -> String {
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"registry.example.com/app"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"cosign container image signature"}},"optional":{{"env":"prod","timestamp":1790000000}}}}"#
        )
    }

    #[test]
    fn a_payload_is_about_one_digest() {
        let digest = format!("sha256:{}", "1".repeat(64));
        let image = ContentDigest::parse(&digest).unwrap();
        let good = payload(&digest);
        match read(good.as_bytes(), &image).unwrap() {
            Claim::Signature {
                annotations,
                reference,
            } => {
                assert_eq!(annotations, BTreeMap::from([("env".into(), "prod".into())]));
                assert_eq!(reference.as_deref(), Some("registry.example.com/app"));
            }
            other => panic!("{other:?}"),
        }
        for (from, to, cause) in [
            ("sha256:1", "sha256:2", RefusalCause::OtherSubject),
            ("sha256:1", "SHA256:1", RefusalCause::OtherSubject),
            (
                "cosign container",
                "atomic container",
                RefusalCause::Malformed,
            ),
            (
                "docker-manifest-digest",
                "Docker-Manifest-Digest",
                RefusalCause::Malformed,
            ),
            (
                r#"{"critical""#,
                r#"{"Critical":{},"critical""#,
                RefusalCause::Malformed,
            ),
            (
                r#"{"critical""#,
                r#"{"critical":{},"critical""#,
                RefusalCause::Malformed,
            ),
            (r#""type""#, r#""tipe""#, RefusalCause::Malformed),
            (
                r#""optional":{"#,
                r#""optional":[{"#,
                RefusalCause::Malformed,
            ),
        ] {
            assert!(good.contains(from), "{from}");
            let wrong = good.replacen(from, to, 1);
            let refusal = read(wrong.as_bytes(), &image).unwrap_err();
            assert_eq!(refusal.cause(), cause, "{wrong}: {refusal}");
        }
        assert!(read((good + " x").as_bytes(), &image).is_err());
    }
}
