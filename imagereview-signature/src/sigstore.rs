//! Certificates, logs and timestamps of a Sigstore instance.
//!
//! This is the one place that uses the crate `sigstore-verify`, whose API changes with each version.
//! What its errors say is replaced by sentences of ours: theirs may quote what was verified.

mod cosign_2;
mod provider;
mod timestamp;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use imagereview_core::facts::{ContentDigest, Evidence, Format, Refusal, RefusalCause, TimeProof};
use serde_json::{Value, json};
use sigstore_verify::{
    CertificateError, Error, PublicKeyVerificationPolicy, TimestampError, TransparencyLogError,
    VerificationPolicy, VerificationResult, Verifier, bundle as structure,
    trust_root::TrustedRoot,
    types::{
        Artifact, ArtifactDigest, Bundle, DerPublicKey, HashAlgorithm, SignatureContent,
        bundle::VerificationMaterialContent,
    },
};

pub(crate) use self::timestamp::timestamp;
use crate::{
    base64::encode,
    format::{
        bundle::{self, Material},
        dsse::Envelope,
        in_toto, simple_signing,
    },
    json,
};

/// How far the clocks of those who vouch for a time may be ahead of ours.
pub(crate) const SKEW: Duration = Duration::from_secs(60);

const OTHER_ENTRY: &str = "its log entry is of another signature";

/// The authorities, logs and timestamp authorities of a trusted root, and which of them must vouch.
pub(crate) struct Instance {
    verifier: Verifier,
    root: Known,
    log: bool,
    timestamp: bool,
}

/// Which kinds of services a trusted root has.
#[derive(Clone, Copy, Debug)]
struct Known {
    logs: bool,
    timestamps: bool,
}

/// Why a trusted root can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustedRootError {
    /// It is not JSON, or could be read in two ways.
    #[error("{0}")]
    Json(Box<str>),
    /// It is JSON of another form, or a certificate or key in it can't be used.
    #[error("it is not a Sigstore trusted root that can be used: {0}")]
    Form(Box<str>),
    /// What is required is not in it.
    #[error("{0} is required, and it has none")]
    Missing(&'static str),
}

/// What was signed, with what is to be verified.
pub(crate) struct Signed<'a> {
    bundle: Bundle,
    /// The payload, where it is not in an envelope.
    message: Option<&'a [u8]>,
}

/// Who must have signed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signatory<'a> {
    /// Whoever has a certificate of the instance; whether it must be in a log of certificates.
    Certificate { is_logged: bool },
    /// Who has the key, a `SubjectPublicKeyInfo` in DER.
    Key(&'a [u8]),
}

/// When something was signed, as far as that is proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) logged: Option<SystemTime>,
    pub(crate) timestamped: Option<SystemTime>,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl Instance {
    /// Reads a trusted root. With roots of one's own, those stand for its certificate authorities.
    pub(crate) fn new(
        proof: &TimeProof,
        is_certificate_logged: bool,
        roots: Option<&[Vec<u8>]>,
    ) -> Result<Self, TrustedRootError> {
        provider::install();
        let mut value = json::parse(proof.trusted_root.as_bytes(), "the trusted root")
            .map_err(|error| TrustedRootError::Json(error.to_string().into()))?;
        if let (Some(roots), Value::Object(fields)) = (roots, &mut value) {
            let authorities = roots.iter().map(|der| {
                json!({"uri": "", "certChain": {"certificates": [{"rawBytes": encode(der)}]}})
            });
            fields.insert("certificateAuthorities".into(), authorities.collect());
        }
        let form = |error: &dyn fmt::Display| TrustedRootError::Form(error.to_string().into());
        let root = TrustedRoot::from_json(&value.to_string()).map_err(|error| form(&error))?;
        let known = Known {
            logs: !root.tlogs.is_empty(),
            timestamps: !root.timestamp_authorities.is_empty(),
        };
        if proof.log && !known.logs {
            return Err(TrustedRootError::Missing("a log"));
        }
        if proof.timestamp && !known.timestamps {
            return Err(TrustedRootError::Missing("a timestamp authority"));
        }
        if is_certificate_logged && root.ctlogs.is_empty() {
            return Err(TrustedRootError::Missing("a log of certificates"));
        }
        Ok(Self {
            verifier: Verifier::new(&root).map_err(|error| form(&error))?,
            root: known,
            log: proof.log,
            timestamp: proof.timestamp,
        })
    }

    /// When something was signed, if it was signed by who must have, and what must prove the time does.
    pub(crate) fn verify(
        &self,
        signed: &Signed<'_>,
        by: Signatory<'_>,
        image: &ContentDigest,
        now: SystemTime,
    ) -> Result<Times, Refusal> {
        let mut bundle = signed.bundle.clone();
        let material = &mut bundle.verification_material;
        // What the root knows nothing of can prove nothing, and need not be right.
        if !self.root.logs {
            material.tlog_entries.clear();
        }
        let timestamps = &mut material.timestamp_verification_data.rfc3161_timestamps;
        if !self.root.timestamps {
            timestamps.clear();
        }
        let timestamps = timestamps.len();
        if self.timestamp && timestamps == 0 {
            return Err(no_time("it has no timestamp, which is required"));
        }
        if self.log && material.tlog_entries.is_empty() {
            return Err(no_time("it has no log entry, which is required"));
        }
        let artifact = match signed.message {
            Some(message) => Artifact::Blob(message),
            None => Artifact::Digest(artifact_digest(image)?),
        };
        let verify = || match by {
            Signatory::Certificate { is_logged } => {
                let mut policy = VerificationPolicy::any_identity();
                if !is_logged {
                    policy = policy.skip_sct();
                }
                if !self.log {
                    policy = policy.skip_tlog_unsafe();
                }
                self.verifier.verify(artifact, &bundle, &policy)
            }
            Signatory::Key(key) => {
                let key = DerPublicKey::from_bytes(key);
                let mut policy = PublicKeyVerificationPolicy::new(key);
                if !self.log
                    && (timestamps > 0 || bundle.verification_material.tlog_entries.is_empty())
                {
                    policy = policy.skip_tlog_unsafe();
                }
                self.verifier.verify(artifact, &bundle, &policy)
            }
        };
        let verified = provider::with_message(signed.message.unwrap_or_default(), verify);
        let verified = verified.map_err(|error| match error {
            // The crate says the same of the statement and of the log entry.
            Error::ArtifactMismatch(_) if signed.is_about(image) => {
                Refusal::new(RefusalCause::Log, OTHER_ENTRY)
            }
            error => refusal(&error),
        })?;
        let times = times(&verified, by, timestamps);
        let proved = times.logged.into_iter().chain(times.timestamped);
        if proved.clone().any(|time| time > now + SKEW) {
            let message = "its time is in the future; compare the clocks";
            return Err(Refusal::new(RefusalCause::Timestamp, message));
        }
        // A log of Rekor 2 proves no time, and that something is in it is proved.
        if !self.log && proved.count() == 0 {
            return Err(no_time(
                "it has neither a timestamp nor a log entry with a time",
            ));
        }
        Ok(times)
    }
}

/// The times that were verified. The crate gives all of them in one list.
fn times(verified: &VerificationResult, by: Signatory<'_>, timestamps: usize) -> Times {
    let mut all: Vec<SystemTime> = verified
        .verified_timestamps()
        .iter()
        .map(|time| SystemTime::from(*time))
        .collect();
    // Those of timestamps come first for certificates, and last for keys.
    let (logged, timestamped) = match by {
        Signatory::Certificate { .. } => {
            let logged = all.split_off(timestamps.min(all.len()));
            (logged, all)
        }
        Signatory::Key(_) => {
            let timestamped = all.split_off(all.len().saturating_sub(timestamps));
            (all, timestamped)
        }
    };
    Times {
        logged: logged.into_iter().min(),
        timestamped: timestamped.into_iter().min(),
    }
}

impl<'a> Signed<'a> {
    /// Reads evidence of Sigstore; `None` of others. It is for a certificate or for a key.
    pub(crate) fn new(
        format: Format,
        evidence: &'a Evidence,
    ) -> Result<Option<(Self, Material)>, Refusal> {
        let material = || {
            if cosign_2::has_certificate(evidence) {
                Material::Certificate
            } else {
                Material::PublicKey
            }
        };
        let (bundle, material, message) = match format {
            Format::Bundle => {
                // By the strict reader first, which refuses what could be read in two ways.
                let material = bundle::Bundle::parse(&evidence.content)?.material;
                let text = std::str::from_utf8(&evidence.content).unwrap_or_default();
                (Bundle::from_json(text), material, None)
            }
            Format::CosignSignature => {
                let bundle = cosign_2::signature(evidence)?.to_string();
                let message = Some(&*evidence.content);
                (Bundle::from_json(&bundle), material(), message)
            }
            Format::CosignAttestation => {
                let envelope = json::parse(&evidence.content, "the DSSE envelope")?;
                Envelope::new(&envelope)?;
                let bundle = cosign_2::attestation(evidence, envelope)?.to_string();
                (Bundle::from_json(&bundle), material(), None)
            }
            _ => return Ok(None),
        };
        let bundle = bundle.map_err(|_| {
            let message = "a certificate, log entry or timestamp in it is not of a known form";
            Refusal::new(RefusalCause::Malformed, message)
        })?;
        Ok(Some((Self { bundle, message }, material)))
    }

    /// The certificate that signed, in DER.
    pub(crate) fn certificate(&self) -> Option<&[u8]> {
        Some(self.bundle.signing_certificate()?.as_bytes())
    }

    /// The certificates that came with it, in DER.
    pub(crate) fn intermediates(&self) -> Vec<&[u8]> {
        match &self.bundle.verification_material.content {
            VerificationMaterialContent::X509CertificateChain { certificates } => {
                let above = certificates.iter().skip(1);
                above
                    .map(|certificate| certificate.raw_bytes.as_bytes())
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether what is signed is about an image.
    fn is_about(&self, image: &ContentDigest) -> bool {
        match self.message {
            Some(message) => simple_signing::read(message, image).is_ok(),
            None => in_toto::read(self.payload(), image).is_ok(),
        }
    }

    /// The payload of the envelope, or the message.
    pub(crate) fn payload(&self) -> &[u8] {
        match (&self.bundle.content, self.message) {
            (SignatureContent::DsseEnvelope(envelope), _) => envelope.payload.as_bytes(),
            (_, message) => message.unwrap_or_default(),
        }
    }
}

fn artifact_digest(image: &ContentDigest) -> Result<ArtifactDigest, Refusal> {
    let (algorithm, digits) = image.as_str().split_once(':').unwrap_or_default();
    let algorithm = match algorithm {
        "sha512" => HashAlgorithm::Sha2512,
        _ => HashAlgorithm::Sha2256,
    };
    let bytes = cosign_2::hexadecimal(digits).unwrap_or_default();
    ArtifactDigest::new(algorithm, bytes).map_err(|_| {
        let message = "the digest of the image is of an algorithm that is not supported";
        Refusal::new(RefusalCause::Unsupported, message)
    })
}

fn no_time(message: &str) -> Refusal {
    Refusal::new(RefusalCause::NoTime, message)
}

/// A sentence of ours for an error of the crate.
fn refusal(error: &Error) -> Refusal {
    use RefusalCause as Cause;

    let (cause, message) = match error {
        Error::SignatureInvalid(_) => (
            Cause::BadSignature,
            "the signature does not fit what is signed",
        ),
        Error::ArtifactMismatch(_) => (Cause::OtherSubject, "it is about something else"),
        Error::UnsupportedArtifact(_) => (Cause::Unsupported, "its algorithm is not supported"),
        Error::Certificate(error) => certificate_refusal(error),
        Error::TransparencyLog(error) => (Cause::Log, log_message(error)),
        Error::Timestamp(error) => match error {
            TimestampError::Invalid(_) => (
                Cause::Timestamp,
                "its timestamp is wrong, or is not of an authority of the trusted root",
            ),
            TimestampError::OutsideAuthorityValidity { .. } => (
                Cause::Timestamp,
                "its timestamp is of a time at which the trusted root does not trust that authority",
            ),
            _ => (
                Cause::NoTime,
                "nothing proves when it was signed: no timestamp, and no log entry with a time",
            ),
        },
        Error::UnsupportedBundle(_) => {
            (Cause::Unsupported, "it is of a kind that is not supported")
        }
        Error::Bundle(error) => match error {
            structure::Error::MissingInclusionPromise(_)
            | structure::Error::MissingInclusionProof(_)
            | structure::Error::MissingCheckpoint => (Cause::Log, "its log entry has no proof"),
            structure::Error::MissingSigningTimeEvidence | structure::Error::MissingTimestamp => {
                (Cause::NoTime, "it has neither a log entry nor a timestamp")
            }
            structure::Error::LogIndexOutOfRange { .. }
            | structure::Error::CheckpointRootMismatch => {
                (Cause::Log, "the proof of its log entry contradicts itself")
            }
            _ => (
                Cause::Malformed,
                "the bundle is not of the form that its version asks for",
            ),
        },
        Error::Crypto(_) => (
            Cause::Unsupported,
            "its certificate or key is not of a form or algorithm that is supported",
        ),
        Error::InvalidTrustRoot(_) | Error::TrustRoot(_) | Error::TrustedCertificate(_) => {
            (Cause::Trust, "the trusted root can't be used")
        }
        _ => (Cause::Malformed, "it can't be read"),
    };
    Refusal::new(cause, message)
}

fn certificate_refusal(error: &CertificateError) -> (RefusalCause, &'static str) {
    use RefusalCause as Cause;

    match error {
        CertificateError::Malformed(_) => (Cause::Malformed, "its certificate can't be read"),
        // The crate keeps the reason as text only.
        CertificateError::ChainInvalid(why)
            if why.contains("CertExpired") || why.contains("CertNotValidYet") =>
        {
            (
                Cause::Expired,
                "its certificate, or one above it, was not valid when it was signed",
            )
        }
        CertificateError::ChainInvalid(_) => (
            Cause::Untrusted,
            "its certificate does not lead to an authority that is trusted, or is not one for signing code",
        ),
        CertificateError::NoValidAuthority { .. } => (
            Cause::Untrusted,
            "no authority of the trusted root is trusted at the time at which it was signed",
        ),
        CertificateError::NotYetValid { .. } => (
            Cause::Expired,
            "it was signed before its certificate was valid",
        ),
        CertificateError::Expired { .. } => (
            Cause::Expired,
            "it was signed after its certificate had expired",
        ),
        CertificateError::Sct(_) => (
            Cause::Untrusted,
            "its certificate is not in a log of certificates of the trusted root",
        ),
        _ => (Cause::Untrusted, "its certificate is not accepted"),
    }
}

fn log_message(error: &TransparencyLogError) -> &'static str {
    match error {
        TransparencyLogError::UnknownLog { .. } => {
            "its log entry is of a log that is not in the trusted root"
        }
        TransparencyLogError::InclusionProof(_) => "its log entry is not proved to be in the log",
        TransparencyLogError::Checkpoint(_) => {
            "no log of the trusted root has signed the proof of its log entry"
        }
        TransparencyLogError::InclusionPromise(_) => {
            "no log of the trusted root has signed its log entry"
        }
        TransparencyLogError::EntryMismatch(_) => OTHER_ENTRY,
        TransparencyLogError::IntegratedTime(_) => {
            "the time of its log entry is in the future, or one at which its certificate was not valid"
        }
        _ => "its log entry can't be read",
    }
}
