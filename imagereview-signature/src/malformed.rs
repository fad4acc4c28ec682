//! Content that can't be read.

use std::fmt;

use imagereview_core::facts::{Refusal, RefusalCause};

/// Why content can't be read, as a sentence. It quotes nothing of the content, which may be anybody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(Box<str>);

impl Malformed {
    pub(crate) fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::new(RefusalCause::Malformed, malformed.0)
    }
}
