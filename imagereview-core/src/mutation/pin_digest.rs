//! Pinning an image to what its tag means now.

use super::rewrite::Rewrite;
use crate::{facts::Facts, reference::ImageRef};

/// The digest that a registry gives is written behind the tag, as far as [`Facts`] know it; an image
/// that has one keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PinDigest;

impl PinDigest {
    /// The digest is written behind the tag.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Rewrite for PinDigest {
    fn rewrite(&self, image: &ImageRef<'_>, facts: &Facts) -> Option<String> {
        if image.digest().is_some() {
            return None;
        }
        let digest = facts.digest(image)?;
        Some(format!("{}@{digest}", image.as_written()))
    }
}
