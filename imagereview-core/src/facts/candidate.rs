//! What came of each candidate for a signature.

use std::sync::Arc;

#[cfg(feature = "facts-file")]
use serde::{Deserialize, Serialize};

use super::{
    content_digest::ContentDigest,
    evidence::{Evidence, Format},
    refusal::Refusal,
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
    #[cfg_attr(feature = "facts-file", serde(with = "super::written"))]
    #[cfg_attr(
        all(feature = "facts-file", feature = "schema"),
        schemars(with = "super::written::Result")
    )]
    pub result: Result<Arc<Statement>, Refusal>,
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
            Err(refusal) => 128 + refusal.message().len(),
        });
        512 + evidence + statements.sum::<usize>()
    }
}
