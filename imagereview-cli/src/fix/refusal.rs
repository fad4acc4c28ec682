//! Why a change is left to people.

/// Why a change cannot be written without a risk to what else is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    #[error(
        "the value here is an alias, and its anchor may be used at locations that must not get the same change"
    )]
    Alias,
    #[error(
        "the value here has an anchor, which may be used at locations that must not get the same change"
    )]
    Shared,
    #[error("the value comes from a merge key (<<)")]
    Merge,
    #[error("the value is a block of text (| or >)")]
    Block,
    #[error("the value is written over several lines")]
    SeveralLines,
    #[error("this layout of YAML can't be edited safely")]
    Layout,
    #[error("the image comes from a variable")]
    Variable,
    #[error("kubectl reads this document differently, or not at all")]
    TwoReadings,
    #[error("the edited document would not have the intended content")]
    Unverified,
}

/// A reason, and where the cause is: an offset into the document.
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
