//! What the TLS library says about files, in our own words. It is the one place that reads its errors
//! of files; those of handshakes are read in `handshake`.

use std::borrow::Cow;

use rustls::{Error, InconsistentKeys};
use rustls_pki_types::pem;

/// What is wrong with a PEM file that should hold something of this kind.
pub(super) fn pem_file(error: &pem::Error, kind: &str) -> Cow<'static, str> {
    match error {
        pem::Error::Io(error) => error.to_string().into(),
        pem::Error::NoItemsFound => format!("it holds no {kind} in PEM").into(),
        pem::Error::MissingSectionEnd { end_marker } => {
            let label = String::from_utf8_lossy(end_marker);
            format!("it is cut off: a section has no line -----END {label}-----").into()
        }
        pem::Error::IllegalSectionStart { .. } => {
            "a line begins a section and doesn't end in five dashes".into()
        }
        pem::Error::Base64Decode(_) => "a section holds text that is not base64".into(),
        pem::Error::SectionTooLarge => "a section is longer than 256 MB".into(),
        _ => "it is not PEM".into(),
    }
}

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

#[cfg(test)]
mod tests {
    use rustls::{RootCertStore, crypto::ring, sign::CertifiedKey};
    use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};

    use super::*;

    #[test]
    fn each_damaged_file_is_explained() {
        let rows = [
            ("", "it holds no certificate in PEM"),
            ("text", "it holds no certificate in PEM"),
            (
                "-----BEGIN CERTIFICATE-----\nMAA=\n",
                "it is cut off: a section has no line -----END CERTIFICATE-----",
            ),
            (
                "-----BEGIN CERTIFICATE\nMAA=\n",
                "a line begins a section and doesn't end in five dashes",
            ),
            (
                "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
                "a section holds text that is not base64",
            ),
        ];
        for (text, said) in rows {
            let error = CertificateDer::from_pem_slice(text.as_bytes()).unwrap_err();
            assert_eq!(pem_file(&error, "certificate"), said, "{text:?}");
        }
    }

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
