//! What gives an image another reference.

use std::fmt;

use crate::{facts::Facts, reference::ImageRef};

/// One step that gives an image another reference.
///
/// It is a pure function of the reference and of what was found out beforehand, and gives `None` or
/// the same reference where it has nothing to change. It must be idempotent: what it gives, it
/// leaves alone.
pub trait Rewrite: fmt::Debug + Send + Sync {
    /// The reference that an image is to have instead. One that is not valid is not taken.
    fn rewrite(&self, image: &ImageRef<'_>, facts: &Facts) -> Option<String>;
}

/// A name with the tag and digest of an image, as they are written.
pub(super) fn with_tag_and_digest(mut name: String, image: &ImageRef<'_>) -> String {
    if let Some(tag) = image.tag() {
        name.push(':');
        name.push_str(tag);
    }
    if let Some(digest) = image.digest() {
        name.push('@');
        name.push_str(&digest.to_string());
    }
    name
}
