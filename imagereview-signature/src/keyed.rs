//! Signatures by a key that the verifier knows.

use imagereview_core::facts::{
    Claim, ContentDigest, Evidence, Format, Refusal, RefusalCause, Signer, Statement,
};

use crate::{
    base64,
    format::{
        bundle::{Bundle, Material},
        dsse::Envelope,
        in_toto, simple_signing,
    },
    json,
    pem::{self, PemError},
    public_key::{KeyAlgorithm, PublicKey},
};

/// The annotation of a layer that has cosign 2's signature.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// Keys, of which one must have signed.
#[derive(Debug)]
pub(crate) struct Keys(Vec<PublicKey>);

impl Keys {
    /// Reads one or more keys in PEM.
    pub(crate) fn parse(text: &str) -> Result<Self, PemError> {
        pem::public_keys(text).map(Self)
    }

    /// What evidence says of an image, if one of the keys has signed it.
    ///
    /// What a bundle has of logs and timestamps is not looked at: nothing depends on it here, and what
    /// is wrong with it can't help an image.
    pub(crate) fn verify(
        &self,
        format: Format,
        evidence: &Evidence,
        image: &ContentDigest,
    ) -> Result<Statement, Refusal> {
        let (key, claim) = match format {
            Format::Bundle => {
                let bundle = Bundle::parse(&evidence.content)?;
                // A certificate that another key has signed must not pass for a signature by that key.
                if bundle.material != Material::PublicKey {
                    return Err(Refusal::new(
                        RefusalCause::OtherKind,
                        "the bundle is signed with a certificate, and keys are trusted here",
                    ));
                }
                self.envelope(&bundle.envelope, image)?
            }
            Format::CosignAttestation => {
                let value = json::parse(&evidence.content, "the DSSE envelope")?;
                self.envelope(&Envelope::new(&value)?, image)?
            }
            Format::CosignSignature => self.simple_signing(evidence, image)?,
            _ => {
                return Err(Refusal::new(
                    RefusalCause::OtherKind,
                    "it is a signature of the Notary Project, which has certificates, and keys are trusted here",
                ));
            }
        };
        let signer = Signer::Key {
            fingerprint: key.fingerprint().into(),
        };
        Ok(Statement::new(signer, claim, image.clone()))
    }

    fn envelope(
        &self,
        envelope: &Envelope,
        image: &ContentDigest,
    ) -> Result<(&PublicKey, Claim), Refusal> {
        let key = self.signed(&envelope.signed_bytes(), &envelope.signature)?;
        Ok((key, in_toto::read(&envelope.payload, image)?))
    }

    fn simple_signing(
        &self,
        evidence: &Evidence,
        image: &ContentDigest,
    ) -> Result<(&PublicKey, Claim), Refusal> {
        let signature = evidence.annotations.get(SIGNATURE).ok_or_else(|| {
            let message = format!("the layer has no annotation {SIGNATURE}");
            Refusal::new(RefusalCause::Malformed, message)
        })?;
        let signature = base64::decode(signature, "the signature")?;
        let key = self.signed(&evidence.content, &signature)?;
        Ok((key, simple_signing::read(&evidence.content, image)?))
    }

    /// The key that has signed a message.
    fn signed(&self, message: &[u8], signature: &[u8]) -> Result<&PublicKey, Refusal> {
        let mut keys = self.0.iter();
        keys.find(|key| key.has_signed(message, signature))
            .ok_or_else(|| self.refusal())
    }

    fn refusal(&self) -> Refusal {
        let mut message = match &self.0[..] {
            [key] => format!("it is not signed with the key {}", key.fingerprint()),
            keys => format!("it is not signed with any of the {} keys", keys.len()),
        };
        let is_ed25519 = |key: &PublicKey| key.algorithm() == KeyAlgorithm::Ed25519;
        if self.0.iter().any(is_ed25519) {
            message.push_str(
                "; cosign signs with Ed25519ph, which can't be verified here: sign with a key of P-256",
            );
        }
        Refusal::new(RefusalCause::OtherKey, message)
    }
}
