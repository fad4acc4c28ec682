//! What was found out about images outside this crate.

use std::collections::BTreeMap;

use crate::reference::{Digest, ImageRef};

/// Facts about images from outside this crate, known before it decides: which digest a registry
/// gives for a tag. Core does no I/O, so whoever can ask the registry hands its response over.
///
/// ```
/// use imagereview_core::{ImageRef, facts::Facts};
///
/// let response = format!("docker.io/library/nginx@sha256:{}", "0".repeat(64));
/// let digest = ImageRef::parse(&response)?.digest().unwrap();
///
/// let facts = Facts::new().with_digest(&ImageRef::parse("nginx:1.27")?, digest);
/// let same = ImageRef::parse("docker.io/nginx:1.27")?;
/// assert_eq!(facts.digest(&same), Some(digest.to_string().as_str()));
/// # Ok::<(), imagereview_core::ReferenceError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// By the full normal name of the image.
    digests: BTreeMap<String, String>,
}

impl Facts {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the digest that a registry gives for an image that is named by tag.
    #[must_use]
    pub fn with_digest(mut self, image: &ImageRef<'_>, digest: Digest<'_>) -> Self {
        self.digests.insert(image.to_string(), digest.to_string());
        self
    }

    /// The digest that a registry gives for an image, however its name is written.
    #[must_use]
    pub fn digest(&self, image: &ImageRef<'_>) -> Option<&str> {
        self.digests.get(&image.to_string()).map(String::as_str)
    }
}
