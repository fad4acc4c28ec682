//! Signatures with a certificate: of a Sigstore instance, or of one's own authority.

use imagereview_core::facts::{
    Claim, ContentDigest, Evidence, Format, Refusal, RefusalCause, Signer, Statement,
};

use crate::{
    certificate::Certificate,
    chain::{Purpose, Roots},
    check::Check,
    format::{
        bundle::{Bundle, Material},
        dsse::Envelope,
        in_toto, simple_signing,
    },
    json,
    sigstore::{Instance, Signatory, Signed},
};

/// Verifies what an instance of Sigstore has certified.
#[derive(Debug)]
pub(crate) struct Keyless {
    pub(crate) instance: Instance,
    /// Whether certificates must be in a log of certificates.
    pub(crate) is_certificate_logged: bool,
}

/// Verifies what one's own authority has certified.
#[derive(Debug)]
pub(crate) struct Certified {
    pub(crate) roots: Roots,
    /// What proves the time, with the roots as authorities.
    pub(crate) instance: Option<Instance>,
}

impl Keyless {
    /// What evidence says of an image, if the instance vouches for who has signed it.
    pub(crate) fn verify(&self, check: Check<'_>) -> Result<Statement, Refusal> {
        let Check {
            format,
            evidence,
            image,
            now,
        } = check;
        let found = signed(format, evidence)?;
        let by = Signatory::Certificate {
            is_logged: self.is_certificate_logged,
        };
        let times = self.instance.verify(&found, by, image, now)?;
        let identity = Certificate::parse(found.certificate().unwrap_or_default())?.identity()?;
        let signer = Signer::Keyless {
            issuer: identity.issuer,
            subject: identity.subject,
            claims: identity.claims,
        };
        let mut verified = Statement::new(signer, claim(format, &found, image)?, image.clone());
        verified.logged = times.logged;
        verified.timestamped = times.timestamped;
        Ok(verified)
    }
}

impl Certified {
    /// What evidence says of an image, if a certificate of the authority has signed it.
    pub(crate) fn verify(&self, check: Check<'_>) -> Result<Statement, Refusal> {
        let Check {
            format,
            evidence,
            image,
            now,
        } = check;
        let found = signed(format, evidence)?;
        let der = found.certificate().unwrap_or_default();
        let certificate = Certificate::parse(der)?;
        let mut times = None;
        let at = match &self.instance {
            None => now,
            Some(instance) => {
                let by = Signatory::Certificate { is_logged: false };
                let proved = instance.verify(&found, by, image, now)?;
                times = Some(proved);
                proved.logged.or(proved.timestamped).unwrap_or(now)
            }
        };
        let chain = self
            .roots
            .chain(der, &found.intermediates(), at, Purpose::CodeSigning)?;
        if times.is_none() {
            check_signature(format, evidence, &certificate)?;
        }
        let signer = Signer::Certificate {
            subject: certificate.subject()?,
            names: certificate.names(),
            root: chain.root,
        };
        let mut verified = Statement::new(signer, claim(format, &found, image)?, image.clone());
        if let Some(times) = times {
            verified.logged = times.logged;
            verified.timestamped = times.timestamped;
        } else {
            // Without a proved time it holds as long as the certificates do.
            verified.expires = Some(chain.expires);
        }
        Ok(verified)
    }
}

/// Verifies a signature whose time need not be proved.
fn check_signature(
    format: Format,
    evidence: &Evidence,
    certificate: &Certificate<'_>,
) -> Result<(), Refusal> {
    let (message, signature) = if format == Format::CosignSignature {
        let signature = simple_signing::signature(evidence)?;
        (evidence.content.to_vec(), signature)
    } else {
        let envelope = match format {
            Format::Bundle => Bundle::parse(&evidence.content)?.envelope,
            _ => Envelope::new(&json::parse(&evidence.content, "the DSSE envelope")?)?,
        };
        (envelope.signed_bytes(), envelope.signature)
    };
    if certificate.key()?.has_signed(&message, &signature) {
        return Ok(());
    }
    let message = "the signature does not fit what is signed";
    Err(Refusal::new(RefusalCause::BadSignature, message))
}

/// Evidence with a certificate.
fn signed(format: Format, evidence: &Evidence) -> Result<Signed<'_>, Refusal> {
    match Signed::new(format, evidence)? {
        Some((signed, Material::Certificate)) => Ok(signed),
        Some((_, Material::PublicKey)) => Err(Refusal::new(
            RefusalCause::OtherKind,
            "it is signed with a key, and certificates are trusted here",
        )),
        None => Err(Refusal::new(
            RefusalCause::OtherKind,
            "it is a signature of the Notary Project, and Sigstore's are trusted here",
        )),
    }
}

fn claim(format: Format, found: &Signed<'_>, image: &ContentDigest) -> Result<Claim, Refusal> {
    match format {
        Format::CosignSignature => simple_signing::read(found.payload(), image),
        _ => in_toto::read(found.payload(), image),
    }
}
