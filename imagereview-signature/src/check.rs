//! What there is to verify.

use std::time::SystemTime;

use imagereview_core::facts::{ContentDigest, Evidence, Format};

/// One piece of evidence, the image that it must be about, and the time at which it is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check<'a> {
    pub(crate) format: Format,
    pub(crate) evidence: &'a Evidence,
    pub(crate) image: &'a ContentDigest,
    pub(crate) now: SystemTime,
}
