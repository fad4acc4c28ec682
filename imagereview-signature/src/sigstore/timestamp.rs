//! Timestamps of RFC 3161 by an authority of which only the root is known.

use std::time::SystemTime;

use cms::{
    cert::{
        CertificateChoices,
        x509::der::{Decode as _, Encode as _},
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
    let content = ContentInfo::from_der(token).ok()?.content.to_der().ok()?;
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
