//! Public keys, and signatures by them.

use std::fmt::Write as _;

use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::{
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
        OID_PKCS1_RSAENCRYPTION, OID_PKCS1_RSASSAPSS, OID_SIG_ED448, OID_SIG_ED25519, Oid,
    },
    prelude::FromDer as _,
    public_key::PublicKey as Parsed,
    x509::SubjectPublicKeyInfo,
};

/// A public key that signatures can be verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    algorithm: KeyAlgorithm,
    /// The bits of the key, as `ring` takes them.
    bits: Box<[u8]>,
    spki: Box<[u8]>,
    /// Of RSA: the length of its modulus, in bits.
    rsa_size: Option<usize>,
    fingerprint: Box<str>,
}

/// The algorithm of a key. The hash is not part of it: cosign chooses one by the curve, and lets its
/// users choose another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyAlgorithm {
    P256,
    P384,
    Rsa,
    Ed25519,
}

/// Why a key can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a `SubjectPublicKeyInfo` of X.509, or more than that.
    #[error("it is not a public key in the form of X.509 (SubjectPublicKeyInfo)")]
    Form,
    /// A curve whose signatures can't be verified.
    #[error("signatures on the curve {0} can't be verified here; use P-256, P-384, RSA or Ed25519")]
    Curve(Box<str>),
    /// An algorithm whose signatures can't be verified.
    #[error(
        "signatures of the algorithm {0} can't be verified here; use P-256, P-384, RSA or Ed25519"
    )]
    Algorithm(Box<str>),
    /// An RSA key that is too short to be safe, or longer than can be verified.
    #[error("it is an RSA key of {0} bits; 2048 to 8192 are accepted")]
    RsaSize(usize),
    /// A point that is not written with both coordinates.
    #[error(
        "its point on the curve is not uncompressed; write it with `openssl ec -pubin -conv_form uncompressed`"
    )]
    Point,
}

/// Hashes are tried in the order in which they are common.
const P256: &[&dyn VerificationAlgorithm] = &[
    &signature::ECDSA_P256_SHA256_ASN1,
    &signature::ECDSA_P256_SHA384_ASN1,
];
const P384: &[&dyn VerificationAlgorithm] = &[
    &signature::ECDSA_P384_SHA384_ASN1,
    &signature::ECDSA_P384_SHA256_ASN1,
];
const RSA: &[&dyn VerificationAlgorithm] = &[
    &signature::RSA_PKCS1_2048_8192_SHA256,
    &signature::RSA_PKCS1_2048_8192_SHA512,
    &signature::RSA_PKCS1_2048_8192_SHA384,
    &signature::RSA_PSS_2048_8192_SHA256,
    &signature::RSA_PSS_2048_8192_SHA512,
    &signature::RSA_PSS_2048_8192_SHA384,
];
const ED25519: &[&dyn VerificationAlgorithm] = &[&signature::ED25519];

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` in DER.
    pub(crate) fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let (rest, info) = SubjectPublicKeyInfo::from_der(der).map_err(|_| KeyError::Form)?;
        if !rest.is_empty() || info.subject_public_key.unused_bits != 0 {
            return Err(KeyError::Form);
        }
        let bits: &[u8] = &info.subject_public_key.data;
        let oid = &info.algorithm.algorithm;
        let mut rsa_size = None;
        let algorithm = if *oid == OID_KEY_TYPE_EC_PUBLIC_KEY {
            let curve = info
                .algorithm
                .parameters()
                .and_then(|any| any.as_oid().ok());
            curve_algorithm(&curve.ok_or(KeyError::Form)?, bits)?
        } else if *oid == OID_PKCS1_RSAENCRYPTION {
            let Ok(Parsed::RSA(key)) = info.parsed() else {
                return Err(KeyError::Form);
            };
            let size = key.key_size();
            if !(2048..=8192).contains(&size) {
                return Err(KeyError::RsaSize(size));
            }
            rsa_size = Some(size);
            KeyAlgorithm::Rsa
        } else if *oid == OID_SIG_ED25519 {
            if bits.len() != 32 {
                return Err(KeyError::Form);
            }
            KeyAlgorithm::Ed25519
        } else {
            return Err(KeyError::Algorithm(algorithm_name(oid)));
        };
        Ok(Self {
            algorithm,
            bits: bits.into(),
            spki: der.into(),
            rsa_size,
            fingerprint: fingerprint(der),
        })
    }

    /// `sha256:` and the hash of the key.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The key in DER.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The algorithm of the key.
    pub(crate) fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Whether a signature over a message was made with this key. The algorithm is the key's own,
    /// whatever the signature says of itself.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        // A fuzzer can't sign, and is to get further than that.
        if cfg!(fuzzing) {
            return !signature.is_empty();
        }
        let mut algorithms = self.algorithm.schemes().iter();
        algorithms.any(|algorithm| {
            let key = UnparsedPublicKey::new(*algorithm, &self.bits);
            key.verify(message, signature).is_ok()
        })
    }
}

/// An algorithm of envelopes of the Notary Project. Their signatures of ECDSA are two numbers side by
/// side, and not those of X.509.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnvelopeAlgorithm {
    PssSha256,
    PssSha384,
    PssSha512,
    P256,
    P384,
    /// It can be read, and no key has it: see [`KeyError::Curve`].
    P521,
}

impl PublicKey {
    /// The one algorithm that the key must be used with there. Source: [Notary Project, "Signature
    /// Algorithm Requirements"](https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md#signature-algorithm-requirements).
    pub(crate) fn envelope_algorithm(&self) -> Option<EnvelopeAlgorithm> {
        match (self.algorithm, self.rsa_size) {
            (KeyAlgorithm::Rsa, Some(2048)) => Some(EnvelopeAlgorithm::PssSha256),
            (KeyAlgorithm::Rsa, Some(3072)) => Some(EnvelopeAlgorithm::PssSha384),
            (KeyAlgorithm::Rsa, Some(4096)) => Some(EnvelopeAlgorithm::PssSha512),
            (KeyAlgorithm::P256, _) => Some(EnvelopeAlgorithm::P256),
            (KeyAlgorithm::P384, _) => Some(EnvelopeAlgorithm::P384),
            _ => None,
        }
    }

    /// Whether a signature there was made with this key.
    pub(crate) fn has_signed_envelope(&self, message: &[u8], signature: &[u8]) -> bool {
        if cfg!(fuzzing) {
            return !signature.is_empty();
        }
        let algorithm: &dyn VerificationAlgorithm = match self.envelope_algorithm() {
            None | Some(EnvelopeAlgorithm::P521) => return false,
            Some(EnvelopeAlgorithm::PssSha256) => &signature::RSA_PSS_2048_8192_SHA256,
            Some(EnvelopeAlgorithm::PssSha384) => &signature::RSA_PSS_2048_8192_SHA384,
            Some(EnvelopeAlgorithm::PssSha512) => &signature::RSA_PSS_2048_8192_SHA512,
            Some(EnvelopeAlgorithm::P256) => &signature::ECDSA_P256_SHA256_FIXED,
            Some(EnvelopeAlgorithm::P384) => &signature::ECDSA_P384_SHA384_FIXED,
        };
        let key = UnparsedPublicKey::new(algorithm, &self.bits);
        key.verify(message, signature).is_ok()
    }
}

impl KeyAlgorithm {
    fn schemes(self) -> &'static [&'static dyn VerificationAlgorithm] {
        match self {
            Self::P256 => P256,
            Self::P384 => P384,
            Self::Rsa => RSA,
            Self::Ed25519 => ED25519,
        }
    }
}

fn curve_algorithm(curve: &Oid<'_>, point: &[u8]) -> Result<KeyAlgorithm, KeyError> {
    let (algorithm, len) = if *curve == OID_EC_P256 {
        (KeyAlgorithm::P256, 65)
    } else if *curve == OID_NIST_EC_P384 {
        (KeyAlgorithm::P384, 97)
    } else if *curve == OID_NIST_EC_P521 {
        return Err(KeyError::Curve("P-521".into()));
    } else {
        return Err(KeyError::Curve(curve.to_id_string().into()));
    };
    // The first byte tells how the point is written.
    match point.first() {
        Some(4) if point.len() == len => Ok(algorithm),
        Some(2 | 3) => Err(KeyError::Point),
        _ => Err(KeyError::Form),
    }
}

fn algorithm_name(oid: &Oid<'_>) -> Box<str> {
    if *oid == OID_PKCS1_RSASSAPSS {
        "RSASSA-PSS with parameters".into()
    } else if *oid == OID_SIG_ED448 {
        "Ed448".into()
    } else {
        oid.to_id_string().into()
    }
}

/// `sha256:` and the hash of DER in hexadecimal digits.
pub(crate) fn fingerprint(der: &[u8]) -> Box<str> {
    let hash = ring::digest::digest(&ring::digest::SHA256, der);
    let mut text = "sha256:".to_owned();
    for byte in hash.as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}
