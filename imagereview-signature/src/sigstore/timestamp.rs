//! Timestamps of RFC 3161 by an authority of which only the root is known.

use std::time::SystemTime;

use cms::{
    cert::{
        CertificateChoices,
        x509::der::{Any, Decode as _, Encode as _},
    },
    content_info::ContentInfo,
    signed_data::SignedData,
};
use sigstore_verify::{
    tsa::{TsaAuthority, verify_timestamp_for_authority},
    types::{DerCertificate, SignatureBytes, TimestampToken},
};

use super::provider;

/// The most certificates that are tried as the one that signed.
const MAX_CERTIFICATES: usize = 8;

/// The time of a timestamp of a signature, if one of the roots vouches for who made it.
pub(crate) fn timestamp(token: &[u8], signature: &[u8], roots: &[Vec<u8>]) -> Option<SystemTime> {
    provider::install();
    let certificates = certificates(token)?;
    let token = TimestampToken::from_bytes(token);
    let signature = SignatureBytes::from_bytes(signature);
    let leaves = certificates.iter().take(MAX_CERTIFICATES);
    leaves
        .flat_map(|leaf| roots.iter().map(move |root| (leaf, root)))
        .find_map(|(leaf, root)| {
            let root = DerCertificate::from_bytes(root);
            let authority = TsaAuthority::new(leaf.clone(), certificates.clone(), root, None);
            verify_timestamp_for_authority(&token, &signature, &authority).ok()
        })
        .map(SystemTime::from)
}

/// The certificates that came with a token.
fn certificates(token: &[u8]) -> Option<Vec<DerCertificate>> {
    let content = match ContentInfo::from_der(token) {
        Ok(content) => content,
        // A response has the status first. Whether it was granted is verified with the rest.
        Err(_) => match &Vec::<Any>::from_der(token).ok()?[..] {
            [_, token] => ContentInfo::from_der(&token.to_der().ok()?).ok()?,
            _ => return None,
        },
    };
    let content = content.content.to_der().ok()?;
    let data = SignedData::from_der(&content).ok()?;
    let certificates = data.certificates?.0;
    let certificates = certificates
        .iter()
        .filter_map(|certificate| match certificate {
            CertificateChoices::Certificate(certificate) => certificate.to_der().ok(),
            CertificateChoices::Other(_) => None,
        });
    Some(certificates.map(DerCertificate::new).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::base64::decode;

    /// A timestamp of a staging instance of Sigstore, and the root of who made it.
    fn real() -> (Vec<u8>, Vec<u8>, Vec<Vec<u8>>) {
        let bundle = include_str!("../../tests/data/sigstore/rekor-2.json");
        let root = include_str!("../../tests/data/sigstore/staging-root.json");
        let [bundle, root] =
            [bundle, root].map(|text| serde_json::from_str::<Value>(text).unwrap());
        let bytes = |value: &Value, path: &str| {
            decode(value.pointer(path).unwrap().as_str().unwrap(), "it").unwrap()
        };
        let authorities = root["timestampAuthorities"].as_array().unwrap().iter();
        let roots = authorities.map(|authority| {
            let chain = authority["certChain"]["certificates"].as_array().unwrap();
            bytes(chain.last().unwrap(), "/rawBytes")
        });
        (
            bytes(
                &bundle,
                "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp",
            ),
            bytes(&bundle, "/dsseEnvelope/signatures/0/sig"),
            roots.collect(),
        )
    }

    #[test]
    fn a_timestamp_is_of_one_signature_and_of_a_trusted_root() {
        let (token, signature, roots) = real();
        let time = timestamp(&token, &signature, &roots);
        assert!(time.is_some());
        assert_eq!(timestamp(&token, b"another", &roots), None);
        assert_eq!(timestamp(&token, &signature, &[]), None);
        assert_eq!(timestamp(b"", &signature, &roots), None);
        let mut changed = token.clone();
        for index in (0..token.len()).step_by(37) {
            changed[index] ^= 1;
            let found = timestamp(&changed, &signature, &roots);
            assert!(found.is_none() || found == time, "byte {index}");
            changed[index] ^= 1;
        }
    }
}
