//! From bytes to verified statements.

use std::time::SystemTime;

use imagereview_core::facts::{
    ContentDigest, Evidence, Format, Refusal, RefusalCause, Statement, Trust, TrustKind,
};

use crate::{keyed::Keys, pem::PemError};

/// Verifies signatures with one [`Trust`], which is read once.
///
/// It keeps nothing of what it verifies, so it can be shared by threads.
///
/// ```
/// use imagereview_core::facts::{ContentDigest, Evidence, Format, RefusalCause, Trust};
/// use imagereview_signature::Verifier;
/// use std::time::SystemTime;
///
/// let key = "-----BEGIN PUBLIC KEY-----
/// MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9rQy/oHXShaymILZ/wf36TDHgs/C
/// D49Z1gIeVo6nGfGtuUuncXf+xyxQ1g9AP9M1Sg0SKhjfFCpLPhV1kE0sAg==
/// -----END PUBLIC KEY-----";
/// let verifier = Verifier::new(&Trust::key(key, None))?;
///
/// let image = ContentDigest::parse(&format!("sha256:{}", "0".repeat(64))).unwrap();
/// let evidence = Evidence::new("application/vnd.dev.sigstore.bundle.v0.3+json", *b"{}");
/// let refusal = verifier
///     .verify(Format::Bundle, &evidence, &image, SystemTime::now())
///     .unwrap_err();
/// assert_eq!(refusal.cause(), RefusalCause::Malformed);
/// assert_eq!(refusal.message(), "mediaType of the bundle is missing");
/// # Ok::<(), imagereview_signature::TrustError>(())
/// ```
#[derive(Debug)]
pub struct Verifier(Kind);

#[derive(Debug)]
enum Kind {
    Keys(Keys),
}

/// What signatures are to be verified with can't be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The keys can't be read, or signatures by one of them can't be verified.
    #[error("public key: {0}")]
    Keys(#[from] PemError),
    /// A kind that is not supported yet.
    #[error("{0} can't be verified here yet")]
    Unsupported(&'static str),
}

impl Verifier {
    /// Reads what is trusted. All of it must be usable: one key that signatures can't be verified with
    /// is an error, so that nobody waits for its signatures.
    ///
    /// # Errors
    ///
    /// A [`TrustError`] that says what can't be used, and why.
    pub fn new(trust: &Trust) -> Result<Self, TrustError> {
        let kind = match trust.kind() {
            TrustKind::Key {
                pem, time: None, ..
            } => Kind::Keys(Keys::parse(pem)?),
            TrustKind::Key { .. } => {
                return Err(TrustError::Unsupported("keys with a proved time"));
            }
            _ => return Err(TrustError::Unsupported("certificates")),
        };
        Ok(Self(kind))
    }

    /// What evidence says of an image, if it is signed by who is trusted.
    ///
    /// Each piece of evidence is judged by itself: one that is refused says nothing of others. A caller
    /// limits how many there are, and how large each is; the time that this takes grows with both.
    ///
    /// # Errors
    ///
    /// A [`Refusal`]: why it does not count.
    pub fn verify(
        &self,
        format: Format,
        evidence: &Evidence,
        image: &ContentDigest,
        _now: SystemTime,
    ) -> Result<Statement, Refusal> {
        if Format::of_media_type(&evidence.media_type) != Some(format) {
            return Err(Refusal::new(
                RefusalCause::Unsupported,
                "its media type is not that of a signature or attestation",
            ));
        }
        match &self.0 {
            Kind::Keys(keys) => keys.verify(format, evidence, image),
        }
    }
}
