//! What the API server's language can't say.

use std::fmt;

/// Something of a policy that can't be said to the API server, and why. It is never said in a weaker form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    source: Box<str>,
    line: u64,
    subject: Box<str>,
    reason: Box<str>,
}

impl Refusal {
    pub(crate) fn new(
        source: &str,
        line: u64,
        subject: String,
        reason: impl Into<Box<str>>,
    ) -> Self {
        Self {
            source: source.into(),
            line,
            subject: subject.into(),
            reason: reason.into(),
        }
    }

    /// The name of the file.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The line of the document at which the subject begins, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// What is refused: `rule "own-registry"`, for example.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// `file:line: subject: reason`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            line,
            subject,
            reason,
        } = self;
        write!(f, "{source}:{line}: {subject}: {reason}")
    }
}
