//! Chains of certificates that lead to a root of one's own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use imagereview_core::facts::{Refusal, RefusalCause};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use crate::{certificate::Certificate, malformed::Malformed, public_key::fingerprint};

/// What a certificate must be for: signing code. Source: RFC 5280, section 4.2.1.12, `id-kp-codeSigning`.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];

/// What a certificate must be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Signing code, and it must say so.
    CodeSigning,
    /// Signing code, if it says what it is for.
    CodeSigningIfAny,
}

/// Certificates that are trusted, each with its fingerprint.
#[derive(Debug)]
pub(crate) struct Roots(Vec<(TrustAnchor<'static>, Box<str>)>);

/// A chain that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The fingerprint of the root.
    pub(crate) root: Box<str>,
    /// When the first of the certificates below the root expires. A root is trusted for as long as the
    /// policy says so.
    pub(crate) expires: SystemTime,
}

impl Roots {
    /// Takes certificates in DER. `Err` is the number of one that can't be used, from 1.
    pub(crate) fn new(certificates: &[Vec<u8>]) -> Result<Self, usize> {
        let roots = certificates.iter().enumerate().map(|(index, der)| {
            let certificate = CertificateDer::from(der.as_slice());
            let anchor = anchor_from_trusted_cert(&certificate).map_err(|_| index + 1)?;
            Ok((anchor.to_owned(), fingerprint(der)))
        });
        roots.collect::<Result<_, _>>().map(Self)
    }

    /// The chain by which a certificate leads to a root, if it was for signing code and valid at a time, and
    /// so were those between.
    pub(crate) fn chain(
        &self,
        certificate: &[u8],
        intermediates: &[&[u8]],
        at: SystemTime,
        purpose: Purpose,
    ) -> Result<Chain, Refusal> {
        let der = CertificateDer::from(certificate);
        let certificate = EndEntityCert::try_from(&der)
            .map_err(|_| Refusal::new(RefusalCause::Malformed, "its certificate can't be read"))?;
        let intermediates: Vec<CertificateDer<'_>> = intermediates
            .iter()
            .map(|der| CertificateDer::from(*der))
            .collect();
        let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let mut why = RefusalCause::Untrusted;
        for (anchor, fingerprint) in &self.0 {
            let path = certificate.verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                std::slice::from_ref(anchor),
                &intermediates,
                UnixTime::since_unix_epoch(since),
                match purpose {
                    Purpose::CodeSigning => KeyUsage::required(CODE_SIGNING),
                    Purpose::CodeSigningIfAny => KeyUsage::required_if_present(CODE_SIGNING),
                },
                None,
                None,
            );
            match path {
                Ok(path) => {
                    let between = path
                        .intermediate_certificates()
                        .map(|one| one.der().to_vec());
                    let all = between.chain([der.to_vec()]);
                    let expiries = all.map(|der| Ok(Certificate::parse(&der)?.expires()));
                    let expiries: Vec<SystemTime> = expiries.collect::<Result<_, Malformed>>()?;
                    return Ok(Chain {
                        root: fingerprint.clone(),
                        expires: expiries.into_iter().min().unwrap_or(at),
                    });
                }
                Err(Error::CertExpired { .. } | Error::CertNotValidYet { .. }) => {
                    why = RefusalCause::Expired;
                }
                Err(_) => {}
            }
        }
        Err(match why {
            RefusalCause::Expired => Refusal::new(
                RefusalCause::Expired,
                "its certificate, or one above it, was not valid at the time that counts: when it was signed, \
                 if that is proved, or now",
            ),
            cause => Refusal::new(
                cause,
                "its certificate does not lead to a root that is trusted, or is not one for signing code",
            ),
        })
    }
}
