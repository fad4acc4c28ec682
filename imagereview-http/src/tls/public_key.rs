//! The public key of a certificate, and what the TLS library can do with it.

use std::fmt;

use rustls_pki_types::CertificateDer;
use x509_parser::{
    certificate::X509Certificate, oid_registry as oid, public_key, x509::SubjectPublicKeyInfo,
};

use super::certificate::parse;

/// A kind of public key, as far as the TLS library tells them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// RSA with a modulus of this many bits.
    Rsa(usize),
    EcdsaP256,
    EcdsaP384,
    Ed25519,
    /// Another kind, by the name that people give it.
    Other(String),
}

impl PublicKey {
    /// `None` where the certificate can't be read.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        parse(certificate)
            .ok()
            .map(|certificate| Self::of_parsed(&certificate))
    }

    fn of_parsed(certificate: &X509Certificate<'_>) -> Self {
        let key = certificate.public_key();
        let algorithm = &key.algorithm.algorithm;
        if let Ok(public_key::PublicKey::RSA(rsa)) = key.parsed() {
            return Self::Rsa(rsa.key_size());
        }
        if *algorithm == oid::OID_KEY_TYPE_EC_PUBLIC_KEY {
            return Self::of_curve(key);
        }
        if *algorithm == oid::OID_SIG_ED25519 {
            return Self::Ed25519;
        }
        Self::Other(if *algorithm == oid::OID_SIG_ED448 {
            "Ed448".to_owned()
        } else if *algorithm == oid::OID_KEY_TYPE_DSA {
            "DSA".to_owned()
        } else {
            format!("a key of the algorithm {algorithm}")
        })
    }

    fn of_curve(key: &SubjectPublicKeyInfo<'_>) -> Self {
        let curve = key.algorithm.parameters.as_ref();
        let Some(curve) = curve.and_then(|curve| curve.as_oid().ok()) else {
            return Self::Other("ECDSA with a curve that has no name".to_owned());
        };
        if curve == oid::OID_EC_P256 {
            Self::EcdsaP256
        } else if curve == oid::OID_NIST_EC_P384 {
            Self::EcdsaP384
        } else if curve == oid::OID_NIST_EC_P521 {
            Self::Other("ECDSA P-521".to_owned())
        } else {
            Self::Other(format!("ECDSA with the curve {curve}"))
        }
    }

    /// Whether a server can prove with its private key who it is. `ring` signs with RSA keys of 2048
    /// to 4096 bits (`ring::rsa::KeyPair`).
    pub(super) fn can_sign(&self) -> bool {
        match self {
            Self::Rsa(bits) => (2048..=4096).contains(bits),
            other => other.can_verify(),
        }
    }

    /// Whether a signature made with its private key can be verified. `ring` does so for RSA keys of
    /// 2048 to 8192 bits (`ring::signature::RSA_PKCS1_2048_8192_SHA256`).
    pub(super) fn can_verify(&self) -> bool {
        match self {
            Self::Rsa(bits) => (2048..=8192).contains(bits),
            Self::EcdsaP256 | Self::EcdsaP384 | Self::Ed25519 => true,
            Self::Other(_) => false,
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA with {bits} bits"),
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(name) => f.write_str(name),
        }
    }
}
