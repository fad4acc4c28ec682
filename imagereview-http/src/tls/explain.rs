//! What the TLS library says about files, in our own words. Its errors of PEM are read in `pem_file`,
//! and those of handshakes in `handshake`.

use std::borrow::Cow;

use rustls::{CertRevocationListError, Error, InconsistentKeys, server::VerifierBuilderError};

/// Why a certificate and a key can't be served.
pub(super) fn identity(error: &Error) -> Cow<'static, str> {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the private key is not that of the certificate".into()
        }
        Error::InvalidCertificate(_) => "the certificate is damaged or no X.509 certificate".into(),
        Error::General(_) => {
            "the private key is damaged or of a kind that is not supported (RSA, ECDSA P-256 or \
             P-384, Ed25519 are)"
                .into()
        }
        other => format!("the TLS library refuses them ({other})").into(),
    }
}

/// Why a certificate can't be trusted as a client CA.
pub(super) fn client_ca(error: &Error) -> Cow<'static, str> {
    match error {
        Error::InvalidCertificate(_) => "it is damaged or no X.509 certificate of version 3".into(),
        other => format!("the TLS library refuses it ({other})").into(),
    }
}

/// Why clients can't be verified.
pub(super) fn verifier(error: &VerifierBuilderError) -> Cow<'static, str> {
    use CertRevocationListError as Crl;

    match error {
        VerifierBuilderError::InvalidCrl(Crl::UnsupportedDeltaCrl) => {
            "a revocation list tells only changes (a delta CRL); a whole one is needed".into()
        }
        VerifierBuilderError::InvalidCrl(Crl::UnsupportedIndirectCrl) => {
            "a revocation list is about the certificates of other authorities (an indirect CRL)"
                .into()
        }
        VerifierBuilderError::InvalidCrl(Crl::UnsupportedCrlVersion) => {
            "a revocation list is not of version 2".into()
        }
        VerifierBuilderError::InvalidCrl(error) => {
            format!("the TLS library refuses a revocation list ({error:?})").into()
        }
        other => format!("the TLS library refuses them ({other})").into(),
    }
}

#[cfg(test)]
mod tests {
    use rustls::{RootCertStore, crypto::ring, sign::CertifiedKey};
    use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};

    use super::*;

    #[test]
    fn an_identity_that_does_not_fit_is_explained() {
        let issue = || {
            let now = std::time::SystemTime::now();
            let validity = imagereview_pki::Validity::LEAF;
            let authority =
                imagereview_pki::CertificateAuthority::generate("test", now, validity).unwrap();
            authority
                .issue_server("test", &["127.0.0.1".parse().unwrap()], now, validity)
                .unwrap()
        };
        let (one, other) = (issue(), issue());
        let certificate = CertificateDer::from_pem_slice(one.certificate_pem().as_bytes()).unwrap();
        let key = |pem: &str| PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        let no_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(vec![0x30, 0]));
        let no_certificate = CertificateDer::from(vec![0x30, 0]);
        let rows = [
            (
                certificate.clone(),
                key(other.key_pem()),
                "the private key is not that of the certificate",
            ),
            (
                certificate,
                no_key,
                "the private key is damaged or of a kind that is not supported",
            ),
            (
                no_certificate.clone(),
                key(one.key_pem()),
                "the certificate is damaged or no X.509 certificate",
            ),
        ];
        for (certificate, key, beginning) in rows {
            let error = CertifiedKey::from_der(vec![certificate], key, &ring::default_provider())
                .unwrap_err();
            let said = identity(&error);
            assert!(
                said.starts_with(beginning),
                "{beginning:?}: {said} ({error:?})"
            );
        }
        let error = RootCertStore::empty().add(no_certificate).unwrap_err();
        assert_eq!(
            client_ca(&error),
            "it is damaged or no X.509 certificate of version 3"
        );
    }
}
