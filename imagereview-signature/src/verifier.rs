//! From bytes to verified statements.

use std::time::SystemTime;

use imagereview_core::facts::{
    ContentDigest, Evidence, Format, Refusal, RefusalCause, Statement, Trust, TrustKind,
};

use crate::{
    certified::{Certified, Keyless},
    chain::Roots,
    check::Check,
    keyed::Keyed,
    notation::Notation,
    pem::{self, PemError},
    sigstore::{Instance, TrustedRootError},
};

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
    Keyed(Keyed),
    Keyless(Keyless),
    Certified(Certified),
    Notation(Notation),
}

/// What signatures are to be verified with can't be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The keys can't be read, or signatures by one of them can't be verified.
    #[error("public key: {0}")]
    Keys(PemError),
    /// The certificates can't be read.
    #[error("root certificates: {0}")]
    Roots(PemError),
    /// A certificate can't be used.
    #[error("root certificates: block {0} is not a certificate that can be used")]
    Certificate(usize),
    /// The trusted root can't be used.
    #[error("trusted root: {0}")]
    TrustedRoot(#[from] TrustedRootError),
    /// It is of a kind that this version does not know.
    #[error("this kind of trust is not supported")]
    Unsupported,
}

impl Verifier {
    /// Reads what is trusted. All of it must be usable: one key that signatures can't be verified with
    /// is an error, so that nobody waits for its signatures.
    ///
    /// The first call in a process chooses *ring* for the crate `sigstore-verify`, unless the program has chosen before.
    ///
    /// # Errors
    ///
    /// A [`TrustError`] that says what can't be used, and why.
    pub fn new(trust: &Trust) -> Result<Self, TrustError> {
        let kind = match trust.kind() {
            TrustKind::Key { pem, time, .. } => {
                let keys = pem::public_keys(pem).map_err(TrustError::Keys)?;
                Kind::Keyed(Keyed::new(keys, time.as_ref())?)
            }
            TrustKind::Keyless {
                time,
                certificate_log,
                ..
            } => Kind::Keyless(Keyless {
                instance: Instance::new(time, *certificate_log, None)?,
                is_certificate_logged: *certificate_log,
            }),
            TrustKind::Certificate { roots, time, .. } => {
                let certificates = pem::certificates(roots).map_err(TrustError::Roots)?;
                let instance = time
                    .as_ref()
                    .map(|time| Instance::new(time, false, Some(&certificates)));
                Kind::Certified(Certified {
                    roots: Roots::new(&certificates).map_err(TrustError::Certificate)?,
                    instance: instance.transpose()?,
                })
            }
            TrustKind::Notation {
                roots,
                signing_authorities,
                timestamp_roots,
                level,
                ..
            } => {
                let signing_authorities = signing_authorities.as_deref().map(self::roots);
                let timestamp_roots = timestamp_roots.as_deref().map(pem::certificates);
                Kind::Notation(Notation {
                    roots: self::roots(roots)?,
                    signing_authorities: signing_authorities.transpose()?,
                    timestamp_roots: timestamp_roots
                        .transpose()
                        .map_err(TrustError::Roots)?
                        .unwrap_or_default(),
                    level: *level,
                })
            }
            _ => return Err(TrustError::Unsupported),
        };
        Ok(Self(kind))
    }

    /// What evidence says of an image, if it is signed by who is trusted.
    ///
    /// `now` decides whether a certificate whose time is not proved is valid, and no proved time may be
    /// later. (The crate `sigstore-verify` also compares times of logs with the machine's clock, and refuses what is later
    /// than that.)
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
        now: SystemTime,
    ) -> Result<Statement, Refusal> {
        if Format::of_media_type(&evidence.media_type) != Some(format) {
            return Err(Refusal::new(
                RefusalCause::Unsupported,
                "its media type is not that of a signature or attestation",
            ));
        }
        let check = Check {
            format,
            evidence,
            image,
            now,
        };
        match &self.0 {
            Kind::Keyed(keyed) => keyed.verify(check),
            Kind::Keyless(keyless) => keyless.verify(check),
            Kind::Notation(notation) => notation.verify(check),
            Kind::Certified(certified) => certified.verify(check),
        }
    }
}

/// Reads root certificates in PEM.
fn roots(pem: &str) -> Result<Roots, TrustError> {
    let certificates = pem::certificates(pem).map_err(TrustError::Roots)?;
    Roots::new(&certificates).map_err(TrustError::Certificate)
}
