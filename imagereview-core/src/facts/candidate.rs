//! What came of each candidate for a signature.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    content_digest::ContentDigest,
    evidence::{Evidence, Format},
    statement::Statement,
    trust::TrustId,
};

/// Something beside an image that may be a signature of it, and what came of it with each trust that it was
/// verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "facts-file", derive(Serialize, Deserialize))]
#[cfg_attr(
    all(feature = "facts-file", feature = "schema"),
    derive(schemars::JsonSchema)
)]
#[cfg_attr(
    feature = "facts-file",
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Candidate {
    /// The digest of the manifest in which it was found.
    pub found_in: ContentDigest,
    /// Which layer of that it is, from 0.
    #[cfg_attr(feature = "facts-file", serde(default))]
    pub layer: usize,
    /// How it is written.
    pub format: Format,
    /// What came of it, once for each trust.
    pub outcomes: Vec<Outcome>,
    /// What was found, so that it can be verified again.
    #[cfg_attr(
        feature = "facts-file",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub evidence: Option<Evidence>,
}

/// What came of a candidate with one trust.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "facts-file", derive(Serialize, Deserialize))]
#[cfg_attr(
    all(feature = "facts-file", feature = "schema"),
    derive(schemars::JsonSchema)
)]
#[cfg_attr(
    feature = "facts-file",
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
#[allow(clippy::exhaustive_structs, reason = "it is a pair, and no more")]
pub struct Outcome {
    /// With what it was verified.
    pub trust: TrustId,
    /// What it says, or why it does not count.
    #[cfg_attr(feature = "facts-file", serde(with = "written"))]
    #[cfg_attr(
        all(feature = "facts-file", feature = "schema"),
        schemars(with = "written::Result")
    )]
    pub result: Result<Arc<Statement>, Refusal>,
}

/// Why a candidate does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    cause: RefusalCause,
    message: Box<str>,
}

/// What kind of reason it is that a candidate does not count. Its name is part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RefusalCause {
    /// It can't be read, or could be read in two ways.
    Malformed,
    /// It is of a kind that this trust is not for: a certificate where keys are trusted, or a bundle where
    /// notation's trust stores are.
    OtherKind,
    /// It is about another digest.
    OtherSubject,
    /// The signature was made with another key.
    OtherKey,
    /// The signature does not fit what is signed.
    BadSignature,
    /// Its certificate does not lead to a root that is trusted, or may not sign such things.
    Untrusted,
    /// Its certificate, or itself, was not valid when it was made, or is no longer.
    Expired,
    /// No time is proved at which it was made, or not as is required: no log entry, or no timestamp.
    NoTime,
    /// Its entry in a log is wrong, or is not of a log that is trusted.
    Log,
    /// Its timestamp is wrong, or is not of an authority that is trusted.
    Timestamp,
    /// Its algorithm or version is not supported here.
    Unsupported,
    /// What it was to be verified with can't be used.
    Trust,
}

impl Candidate {
    /// A layer of a manifest, which was not verified yet.
    #[must_use]
    pub fn new(found_in: ContentDigest, layer: usize, format: Format, evidence: Evidence) -> Self {
        Self {
            found_in,
            layer,
            format,
            outcomes: Vec::new(),
            evidence: Some(evidence),
        }
    }

    /// What came of it with a trust; `None` if it was not verified with that.
    #[must_use]
    pub fn outcome(&self, trust: &TrustId) -> Option<&Result<Arc<Statement>, Refusal>> {
        let mut outcomes = self.outcomes.iter();
        let outcome = outcomes.find(|outcome| outcome.trust == *trust)?;
        Some(&outcome.result)
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let evidence = self.evidence.as_ref().map_or(0, |evidence| {
            let annotations = evidence.annotations.iter();
            let annotations = annotations.map(|(name, value)| 96 + name.len() + value.len());
            evidence.content.len() + annotations.sum::<usize>()
        });
        let statements = self.outcomes.iter().map(|outcome| match &outcome.result {
            Ok(statement) => statement.bytes(),
            Err(refusal) => 128 + refusal.message.len(),
        });
        512 + evidence + statements.sum::<usize>()
    }
}

impl Refusal {
    /// A reason in words: a lower-case sentence without a full stop.
    #[must_use]
    pub fn new(cause: RefusalCause, message: impl Into<Box<str>>) -> Self {
        Self {
            cause,
            message: message.into(),
        }
    }

    /// What kind of reason it is.
    #[must_use]
    pub fn cause(&self) -> RefusalCause {
        self.cause
    }

    /// What is wrong, and what to do about it where that is known.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// A result in a file.
#[cfg(feature = "facts-file")]
mod written {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Refusal, Statement};

    #[derive(Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(rename_all = "camelCase")]
    pub(super) enum Result {
        /// It counts.
        Verified(Box<Statement>),
        /// It does not.
        Refused(Refusal),
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    enum Borrowed<'a> {
        Verified(&'a Statement),
        Refused(&'a Refusal),
    }

    pub(super) fn serialize<S: Serializer>(
        result: &std::result::Result<Arc<Statement>, Refusal>,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        match result {
            Ok(statement) => Borrowed::Verified(statement),
            Err(refusal) => Borrowed::Refused(refusal),
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<std::result::Result<Arc<Statement>, Refusal>, D::Error> {
        Ok(match Result::deserialize(deserializer)? {
            Result::Verified(statement) => Ok(Arc::from(statement)),
            Result::Refused(refusal) => Err(refusal),
        })
    }
}
