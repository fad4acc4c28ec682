//! What only a registry can tell of images: which digest a tag means, which platforms there are, how
//! old an image is, how large, and as whom it runs.
//!
//! This crate asks nobody. A policy says which facts it [needs](crate::Policy::needs) to decide a
//! review, a program fetches them, and the review [carries them in](crate::Review::with_facts). So a
//! verdict depends on its input alone, and can be made again from facts that were saved.
//!
//! Not known never helps an image: a rule over a fact that is [`Fact::Unavailable`] denies, unless the
//! rule says otherwise.

#[cfg(feature = "facts-file")]
mod base64;
mod candidate;
mod content_digest;
mod evidence;
mod fact;
#[cfg(feature = "facts-file")]
mod file;
mod image;
mod media_type;
mod needs;
mod platform;
mod refusal;
mod signatures;
mod statement;
#[cfg(feature = "facts-file")]
mod time;
mod trust;
#[cfg(feature = "facts-file")]
mod written;

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

#[cfg(all(feature = "facts-file", feature = "schema"))]
pub use self::file::json_schema;
#[cfg(feature = "facts-file")]
pub use self::file::{FactsFileError, MAX_FILE_LEN};
pub use self::{
    candidate::{Candidate, Outcome},
    content_digest::ContentDigest,
    evidence::{Evidence, Format},
    fact::{Cause, Fact, Unavailable},
    image::{ImageDetails, ImageFacts, PlatformFacts},
    media_type::MediaType,
    needs::{Covers, Need, Needs, StatementNeed},
    platform::{Platform, PlatformError},
    refusal::{Refusal, RefusalCause},
    signatures::Signatures,
    statement::{CLAIMS, Claim, DistinguishedName, Signer, Statement},
    trust::{NotationLevel, TimeProof, Trust, TrustId, TrustKind},
};
use crate::reference::{Digest, ImageRef};

/// What is known of images, by their names.
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
    /// By what a registry was asked for: the full name with its tag, or with its digest alone.
    images: BTreeMap<String, Fact<Arc<ImageFacts>>>,
    /// What is known of a tag is known of its digest: by that, which of `images` it is.
    resolved: BTreeMap<String, String>,
}

impl Facts {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the digest that a registry gives for an image that is named by tag. One of an algorithm that
    /// a registry may not choose is not taken.
    #[must_use]
    pub fn with_digest(mut self, image: &ImageRef<'_>, digest: Digest<'_>) -> Self {
        if let Ok(digest) = ContentDigest::try_from(digest) {
            let facts = ImageFacts::new(digest, SystemTime::UNIX_EPOCH, image.registry());
            self.insert(image, Fact::Known(Arc::new(facts)));
        }
        self
    }

    /// Adds what is known of an image, in place of what was known.
    pub fn insert(&mut self, image: &ImageRef<'_>, fact: Fact<Arc<ImageFacts>>) {
        let name = needs::asked(image);
        if let Fact::Known(facts) = &fact {
            let digest = &facts.digest;
            let by_digest = format!("{}/{}@{digest}", image.registry(), image.repository());
            if by_digest != name {
                self.resolved.insert(by_digest, name.clone());
            }
        }
        self.images.insert(name, fact);
    }

    /// What is known of an image, however its name is written; `None` if nobody asked. What is known of
    /// a tag is known of the digest that it means, too.
    #[must_use]
    pub fn image(&self, image: &ImageRef<'_>) -> Option<&Fact<Arc<ImageFacts>>> {
        let name = needs::asked(image);
        self.images
            .get(&name)
            .or_else(|| self.images.get(self.resolved.get(&name)?))
    }

    /// The digest that a registry gives for an image, however its name is written.
    #[must_use]
    pub fn digest(&self, image: &ImageRef<'_>) -> Option<&str> {
        let facts = self.image(image)?.known()?;
        Some(facts.digest.as_str())
    }

    /// Adds all that others know, in place of what was known of the same images.
    pub fn extend(&mut self, other: Self) {
        self.images.extend(other.images);
        self.resolved.extend(other.resolved);
    }

    /// How many images something is known of.
    #[must_use]
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Each image by its full name, and what is known of it, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Fact<Arc<ImageFacts>>)> {
        self.images.iter().map(|(name, fact)| (&**name, fact))
    }
}
