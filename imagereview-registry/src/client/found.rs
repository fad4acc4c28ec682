//! What was found beside an image.

use std::sync::Arc;

use imagereview_core::facts::{Candidate, Refusal};

/// Something that may be a signature, and what keeps it from being looked at.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) candidate: Candidate,
    pub(super) broken: Option<Refusal>,
}

/// What was found beside a digest.
pub(super) type AllFound = Arc<[Found]>;
