//! Signatures by a key that the verifier knows.

use imagereview_core::facts::{
    Claim, ContentDigest, Format, Refusal, RefusalCause, Signer, Statement, TimeProof,
};

use crate::{
    check::Check,
    format::{
        bundle::{Bundle, Material},
        dsse::Envelope,
        in_toto, simple_signing,
    },
    json,
    public_key::{KeyAlgorithm, PublicKey},
    sigstore::{Instance, Signatory, Signed, TrustedRootError},
};

/// Keys, of which one must have signed, and what must prove the time.
#[derive(Debug)]
pub(crate) struct Keyed {
    keys: Vec<PublicKey>,
    time: Option<Instance>,
}

impl Keyed {
    /// Takes one or more keys.
    pub(crate) fn new(
        keys: Vec<PublicKey>,
        time: Option<&TimeProof>,
    ) -> Result<Self, TrustedRootError> {
        let time = time.map(|proof| Instance::new(proof, false, None));
        Ok(Self {
            keys,
            time: time.transpose()?,
        })
    }

    /// What evidence says of an image, if one of the keys has signed it.
    ///
    /// What it has of logs and timestamps is looked at only if a time must be proved: otherwise nothing
    /// depends on it, and what is wrong with it can't help an image.
    pub(crate) fn verify(&self, check: Check<'_>) -> Result<Statement, Refusal> {
        let Check {
            format,
            evidence,
            image,
            now,
        } = check;
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
            Format::CosignSignature => {
                let signature = simple_signing::signature(evidence)?;
                let key = self.signatory(&evidence.content, &signature)?;
                (key, simple_signing::read(&evidence.content, image)?)
            }
            _ => {
                return Err(Refusal::new(
                    RefusalCause::OtherKind,
                    "it is a signature of the Notary Project, and keys are trusted here",
                ));
            }
        };
        let signer = Signer::Key {
            fingerprint: key.fingerprint().into(),
        };
        let mut statement = Statement::new(signer, claim, image.clone());
        if let Some(instance) = &self.time
            && let Some((signed, _)) = Signed::new(format, evidence)?
        {
            let times = instance.verify(&signed, Signatory::Key(key.spki()), image, now)?;
            statement.logged = times.logged;
            statement.timestamped = times.timestamped;
        }
        Ok(statement)
    }

    fn envelope(
        &self,
        envelope: &Envelope,
        image: &ContentDigest,
    ) -> Result<(&PublicKey, Claim), Refusal> {
        let key = self.signatory(&envelope.signed_bytes(), &envelope.signature)?;
        Ok((key, in_toto::read(&envelope.payload, image)?))
    }

    /// The key that has signed a message.
    fn signatory(&self, message: &[u8], signature: &[u8]) -> Result<&PublicKey, Refusal> {
        let mut keys = self.keys.iter();
        keys.find(|key| key.has_signed(message, signature))
            .ok_or_else(|| self.refusal())
    }

    fn refusal(&self) -> Refusal {
        let mut message = match &self.keys[..] {
            [key] => format!("it is not signed with the key {}", key.fingerprint()),
            keys => format!("it is not signed with any of the {} keys", keys.len()),
        };
        let is_ed25519 = |key: &PublicKey| key.algorithm() == KeyAlgorithm::Ed25519;
        if self.keys.iter().any(is_ed25519) {
            message.push_str(
                "; cosign signs with Ed25519ph, which can't be verified here: sign with a key of P-256",
            );
        }
        Refusal::new(RefusalCause::OtherKey, message)
    }
}
