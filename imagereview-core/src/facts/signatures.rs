//! What may be signatures of an image.

use super::{candidate::Candidate, content_digest::ContentDigest, fact::Fact};

/// What was found beside a digest in one repository, in the order in which it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "facts-file", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    all(feature = "facts-file", feature = "schema"),
    derive(schemars::JsonSchema)
)]
#[cfg_attr(
    feature = "facts-file",
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Signatures {
    /// The repository in which it was looked for, if that is not the image's own.
    #[cfg_attr(
        feature = "facts-file",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub repository: Option<Box<str>>,
    /// The digest that is signed: of what the image's name means, or of its manifest for a platform.
    pub subject: ContentDigest,
    /// Each candidate. Absent and an empty list are the same: all places were looked at, and nothing is
    /// there. More than are looked at is unavailable.
    pub candidates: Fact<Vec<Candidate>>,
}

impl Signatures {
    /// What was found beside a digest in its own repository.
    #[must_use]
    pub fn new(subject: ContentDigest, candidates: Fact<Vec<Candidate>>) -> Self {
        Self {
            repository: None,
            subject,
            candidates,
        }
    }

    /// In this repository, in place of the image's own.
    #[must_use]
    pub fn in_repository(mut self, repository: Option<Box<str>>) -> Self {
        self.repository = repository;
        self
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let candidates = self.candidates.known().into_iter().flatten();
        256 + candidates.map(Candidate::bytes).sum::<usize>()
    }
}
