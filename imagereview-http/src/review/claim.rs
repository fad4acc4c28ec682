//! Who may answer a request.

use std::sync::atomic::{AtomicBool, Ordering};

/// The right to answer a request, which one of two has: the review, or the end of its time.
#[derive(Debug, Default)]
pub(super) struct Claim(AtomicBool);

impl Claim {
    /// Whether nobody has taken it before.
    pub(super) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}
