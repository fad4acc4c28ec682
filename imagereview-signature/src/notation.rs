//! Signatures of the Notary Project.
//!
//! Source: [Notary Project signature specification](https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md),
//! and its pages on [JWS](https://github.com/notaryproject/specifications/blob/main/specs/signature-envelope-jws.md),
//! [COSE](https://github.com/notaryproject/specifications/blob/main/specs/signature-envelope-cose.md) and
//! [trust](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md).

mod cose;
mod envelope;
mod jws;
mod payload;

use std::time::SystemTime;

use imagereview_core::facts::{Format, NotationLevel, Refusal, RefusalCause, Signer, Statement};

use self::envelope::{Envelope, Scheme};
use crate::{
    certificate::Certificate,
    chain::{Chain, Purpose, Roots},
    check::Check,
    sigstore,
};

/// The trust stores, and what is checked.
#[derive(Debug)]
pub(crate) struct Notation {
    /// Those of the kind `ca`.
    pub(crate) roots: Roots,
    /// Those of the kind `signingAuthority`.
    pub(crate) signing_authorities: Option<Roots>,
    /// Those of the kind `tsa`, in DER.
    pub(crate) timestamp_roots: Vec<Vec<u8>>,
    pub(crate) level: NotationLevel,
}

impl Notation {
    /// What evidence says of an image, if a certificate of the trust stores has signed it.
    pub(crate) fn verify(&self, check: Check<'_>) -> Result<Statement, Refusal> {
        let Check {
            format,
            evidence,
            image,
            now,
        } = check;
        let envelope = match format {
            Format::NotationJws => jws::read(&evidence.content)?,
            Format::NotationCose => cose::read(&evidence.content)?,
            _ => {
                return Err(Refusal::new(
                    RefusalCause::OtherKind,
                    "it is a signature of Sigstore, and the Notary Project's are trusted here",
                ));
            }
        };
        let [der, above @ ..] = &envelope.certificates[..] else {
            return Err(Refusal::new(
                RefusalCause::Malformed,
                "it has no certificate",
            ));
        };
        let certificate = Certificate::parse(der)?;
        envelope.check_signature(&certificate)?;
        let above: Vec<&[u8]> = above.iter().map(Vec::as_slice).collect();
        let (chain, timestamped, is_time_proved) =
            self.chain(&envelope, &certificate, der, &above, now)?;
        let expired = envelope.expiry.is_some_and(|expiry| expiry <= now);
        if expired && self.level == NotationLevel::Strict {
            let message = "the signature has expired, as its signer wanted it";
            return Err(Refusal::new(RefusalCause::Expired, message));
        }
        let signer = Signer::Notation {
            subject: certificate.subject()?,
            root: chain.root,
        };
        let claim = payload::read(&envelope.payload, image)?;
        let mut statement = Statement::new(signer, claim, image.clone());
        statement.timestamped = timestamped;
        if self.level == NotationLevel::Strict {
            let ends = envelope.expiry.into_iter();
            statement.expires = ends.chain((!is_time_proved).then_some(chain.expires)).min();
        }
        Ok(statement)
    }

    /// The chain to a root, the time of a timestamp, and whether it is proved when it was signed.
    fn chain(
        &self,
        envelope: &Envelope,
        certificate: &Certificate<'_>,
        der: &[u8],
        above: &[&[u8]],
        now: SystemTime,
    ) -> Result<(Chain, Option<SystemTime>, bool), Refusal> {
        if !certificate.may_sign() {
            let message = "its certificate is not one for signatures";
            return Err(Refusal::new(RefusalCause::Untrusted, message));
        }
        let purpose = Purpose::CodeSigningIfAny;
        match envelope.scheme {
            // The authority vouches for the time, too.
            Scheme::SigningAuthority { signed_at } => {
                let roots = self.signing_authorities.as_ref().ok_or_else(|| {
                    let message = "it is signed by a signing authority, and none is trusted";
                    Refusal::new(RefusalCause::Untrusted, message)
                })?;
                if signed_at > now + sigstore::SKEW {
                    let message = "its time is in the future; compare the clocks";
                    return Err(Refusal::new(RefusalCause::Timestamp, message));
                }
                let chain = roots.chain(der, above, signed_at, purpose)?;
                Ok((chain, None, true))
            }
            Scheme::Certificate { signed_at } => {
                let token = envelope.timestamp.as_deref();
                if let Some(token) = token.filter(|_| !self.timestamp_roots.is_empty()) {
                    let time = sigstore::timestamp(
                        token,
                        &envelope.signature,
                        &self.timestamp_roots,
                    )
                    .filter(|time| *time <= now + sigstore::SKEW)
                    .ok_or_else(|| {
                        let message =
                            "its timestamp is wrong, or is not of an authority that is trusted";
                        Refusal::new(RefusalCause::Timestamp, message)
                    })?;
                    let chain = self.roots.chain(der, above, time, purpose)?;
                    return Ok((chain, Some(time), true));
                }
                match self.roots.chain(der, above, now, purpose) {
                    // That time is the signer's own word.
                    Err(refusal)
                        if refusal.cause() == RefusalCause::Expired
                            && self.level == NotationLevel::Permissive =>
                    {
                        let at = signed_at.filter(|at| *at <= now).ok_or(refusal)?;
                        let chain = self.roots.chain(der, above, at, purpose)?;
                        Ok((chain, None, false))
                    }
                    chain => Ok((chain?, None, false)),
                }
            }
        }
    }
}
