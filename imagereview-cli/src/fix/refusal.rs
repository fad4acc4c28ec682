//! Why a change is left to people.

/// Why a change cannot be written without a risk to what else stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    #[error(
        "what stands here is an alias, and its anchor may serve places that are not to change alike"
    )]
    Alias,
    #[error("what stands here has an anchor, which may serve places that are not to change alike")]
    Shared,
    #[error("it comes from a merge key (<<)")]
    Merge,
    #[error("it is a block of text")]
    Block,
    #[error("it is written over several lines")]
    SeveralLines,
    #[error("what stands here is laid out in a way that edits do not fit in")]
    Layout,
    #[error("kubectl reads this document otherwise, or not at all")]
    TwoReadings,
    #[error("the edited document would not read as it should")]
    Unverified,
}

/// A reason, and where the cause stands: an offset into the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) at: usize,
    pub(super) reason: Reason,
}

impl Reason {
    pub(super) fn at(self, at: usize) -> Refusal {
        Refusal { at, reason: self }
    }
}
