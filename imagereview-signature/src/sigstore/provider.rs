//! The cryptography of the crate `sigstore-verify`, on ring.

use std::{cell::RefCell, sync::Once};

use ring::{
    digest,
    signature::{self, UnparsedPublicKey, VerificationAlgorithm},
};
use sigstore_verify::{
    crypto::{CryptoProvider, Error, HashContext, Result, SigningScheme, install_default_provider},
    types::HashAlgorithm,
};

/// Makes ring what that crate uses in this process, unless a program has chosen something else before.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error is that of another choice, which verifies the same signatures.
        let _ = install_default_provider(&Ring);
    });
}

thread_local! {
    /// The message whose signature this thread verifies.
    static MESSAGE: RefCell<Box<[u8]>> = RefCell::default();
}

/// Does something while the message is known whose hash is asked about.
///
/// The crate hands a hash where it verifies the signature of a file, which it needs to read only once. ring takes
/// messages only, so that no hash can be chosen instead of a message.
pub(super) fn with_message<T>(message: &[u8], action: impl FnOnce() -> T) -> T {
    MESSAGE.set(message.into());
    let result = action();
    MESSAGE.take();
    result
}

#[derive(Debug)]
struct Ring;

struct Hash(digest::Context);

impl HashContext for Hash {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}

impl CryptoProvider for Ring {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>> {
        let context = digest::Context::new(hash_algorithm(algorithm)?);
        Ok(Box::new(Hash(context)))
    }

    fn verify_raw(
        &self,
        scheme: SigningScheme,
        spki_pubkey_bytes: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let algorithm = signature_algorithm(scheme)?;
        // A fuzzer can't sign, and is to get further than that.
        if cfg!(fuzzing) && !signature.is_empty() {
            return Ok(());
        }
        UnparsedPublicKey::new(algorithm, spki_pubkey_bytes)
            .verify(data, signature)
            .map_err(|_| Error::Verification("the signature is wrong".to_owned()))
    }

    fn verify_prehashed(
        &self,
        scheme: SigningScheme,
        spki_pubkey_bytes: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let algorithm = scheme
            .hash_algorithm()
            .ok_or_else(|| Error::UnsupportedAlgorithm("a hash without a message".to_owned()))?;
        let algorithm = hash_algorithm(algorithm)?;
        MESSAGE.with_borrow(|message| {
            if digest::digest(algorithm, message).as_ref() != digest {
                let message = "the hash is not that of the message".to_owned();
                return Err(Error::Verification(message));
            }
            self.verify_raw(scheme, spki_pubkey_bytes, message, signature)
        })
    }
}

fn hash_algorithm(algorithm: HashAlgorithm) -> Result<&'static digest::Algorithm> {
    match algorithm {
        HashAlgorithm::Sha2256 => Ok(&digest::SHA256),
        HashAlgorithm::Sha2384 => Ok(&digest::SHA384),
        HashAlgorithm::Sha2512 => Ok(&digest::SHA512),
        _ => Err(Error::UnsupportedAlgorithm(
            "a hash that is not SHA-2".to_owned(),
        )),
    }
}

fn signature_algorithm(scheme: SigningScheme) -> Result<&'static dyn VerificationAlgorithm> {
    Ok(match scheme {
        SigningScheme::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_ASN1,
        SigningScheme::EcdsaP256Sha384 => &signature::ECDSA_P256_SHA384_ASN1,
        SigningScheme::EcdsaP384Sha256 => &signature::ECDSA_P384_SHA256_ASN1,
        SigningScheme::EcdsaP384Sha384 => &signature::ECDSA_P384_SHA384_ASN1,
        SigningScheme::Ed25519 => &signature::ED25519,
        SigningScheme::RsaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
        SigningScheme::RsaPssSha384 => &signature::RSA_PSS_2048_8192_SHA384,
        SigningScheme::RsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
        SigningScheme::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        SigningScheme::RsaPkcs1Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        SigningScheme::RsaPkcs1Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        _ => {
            let name = scheme.name().to_owned();
            return Err(Error::UnsupportedAlgorithm(name));
        }
    })
}
