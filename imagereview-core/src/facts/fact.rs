//! What is known of an image that only a registry can tell.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something about an image that only a registry can tell.
///
/// Not known never helps an image: [`Unavailable`](Fact::Unavailable) is no value, and whoever
/// decides from facts must say what follows from it.
///
/// ```
/// use imagereview_core::facts::{Cause, Fact, Unavailable};
///
/// let known = Fact::Known(7);
/// assert_eq!(known.known(), Some(&7));
///
/// let late: Fact<u32> = Fact::Unavailable(Unavailable::new(Cause::Deadline, "no answer in 3 s"));
/// assert_eq!(late.known(), None);
/// assert_eq!(
///     serde_json::to_string(&late)?,
///     r#"{"unavailable":{"cause":"deadline","message":"no answer in 3 s"}}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[allow(
    clippy::exhaustive_enums,
    reason = "whoever decides from facts is to handle each of the three"
)]
pub enum Fact<T> {
    /// The registry said so, and what could be checked about it was.
    Known(T),
    /// The registry was asked, and there is no such thing.
    Absent,
    /// The registry could not be asked, or its answer can't be trusted.
    Unavailable(Unavailable),
}

impl<T> Fact<T> {
    /// The value, if it is known.
    #[must_use]
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unavailable(_) => None,
        }
    }

    /// Why it is not known, if it could not be found out.
    #[must_use]
    pub fn unavailable(&self) -> Option<&Unavailable> {
        match self {
            Self::Unavailable(why) => Some(why),
            Self::Known(_) | Self::Absent => None,
        }
    }

    /// The same fact, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::Known(value) => Fact::Known(value),
            Self::Absent => Fact::Absent,
            Self::Unavailable(why) => Fact::Unavailable(why.clone()),
        }
    }

    /// The same fact about something that follows from the value.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value) => Fact::Known(map(value)),
            Self::Absent => Fact::Absent,
            Self::Unavailable(why) => Fact::Unavailable(why),
        }
    }
}

/// Why a fact is not known: a [`Cause`] for programs, and words for people.
///
/// It holds no credentials, and nothing of a registry's answer but short words that were checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Unavailable {
    cause: Cause,
    message: Box<str>,
}

impl Unavailable {
    /// A reason in words: a lower-case sentence without a full stop.
    #[must_use]
    pub fn new(cause: Cause, message: impl Into<Box<str>>) -> Self {
        Self {
            cause,
            message: message.into(),
        }
    }

    /// What kind of reason it is.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// What happened, and what to do about it where that is known.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Unavailable {}

/// What kind of reason keeps a fact from being known. Its name is part of the interface: metrics
/// and files of facts hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// The time was over before the registry had answered.
    Deadline,
    /// No connection could be made, or it broke.
    Unreachable,
    /// The registry wants credentials, or refused those that there are.
    Denied,
    /// The registry asks for fewer requests (status 429).
    RateLimited,
    /// The registry failed (status 5xx), or its status has no meaning here.
    Failed,
    /// Configuration or a rule of safety forbids the request, so it was not sent.
    Forbidden,
    /// The answer is larger than what is read of one.
    TooLarge,
    /// The answer is not what was asked for: its digest, size or media type is another.
    Dishonest,
    /// The answer can't be read, or could be read in two ways.
    Malformed,
    /// The answer is of a kind that is not supported, such as schema 1.
    Unsupported,
    /// Too much is being asked at once.
    Busy,
    /// Nobody asked: facts are switched off, or are not in the file that they are read from.
    NotAsked,
    /// A mistake in this program.
    Internal,
}

impl Cause {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Deadline,
        Self::Unreachable,
        Self::Denied,
        Self::RateLimited,
        Self::Failed,
        Self::Forbidden,
        Self::TooLarge,
        Self::Dishonest,
        Self::Malformed,
        Self::Unsupported,
        Self::Busy,
        Self::NotAsked,
        Self::Internal,
    ];

    /// The name, as it stands in files and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Unreachable => "unreachable",
            Self::Denied => "denied",
            Self::RateLimited => "rate-limited",
            Self::Failed => "failed",
            Self::Forbidden => "forbidden",
            Self::TooLarge => "too-large",
            Self::Dishonest => "dishonest",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::Busy => "busy",
            Self::NotAsked => "not-asked",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
