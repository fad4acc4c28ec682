//! Why something is no signature that counts.

use std::fmt;

use serde::{Deserialize, Serialize};

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
