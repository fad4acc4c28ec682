//! One image of a review.

use super::location::Location;
use crate::{
    object::PullPolicy,
    reference::{DEFAULT_TAG, ImageRef, ReferenceError},
};

/// One image of a review whose reference is valid.
#[derive(Clone, Debug)]
pub struct Image<'a> {
    pub(super) reference: ImageRef<'a>,
    pub(super) location: Location<'a>,
    pub(super) position: usize,
    pub(super) is_unchanged: bool,
    /// What its container says, or nothing; `None` where the request has no containers.
    pub(super) pull_policy: Option<&'a str>,
}

impl<'a> Image<'a> {
    /// The reference.
    #[must_use]
    pub fn reference(&self) -> &ImageRef<'a> {
        &self.reference
    }

    /// The location of the image in the request.
    #[must_use]
    pub fn location(&self) -> &Location<'a> {
        &self.location
    }

    /// How many images of the request come before it.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// When the node pulls it: its `imagePullPolicy`, or what Kubernetes puts where there is none. `None`
    /// where the request has no containers, as an `ImageReview` has not.
    ///
    /// Source: `SetDefaults_Container` of Kubernetes' `pkg/apis/core/v1/defaults.go`.
    ///
    /// ```
    /// use imagereview_core::workload::Manifest;
    ///
    /// let pod = r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [
    ///     {"image": "a"}, {"image": "a:1"}, {"image": "a:1", "imagePullPolicy": "Always"}]}}"#;
    /// let manifest: Manifest<'_> = serde_json::from_str(pod)?;
    /// let object = manifest.into_iter().next().unwrap()?;
    /// let review = object.review();
    /// let policies: Vec<_> = review.images().iter().flat_map(|image| image.pull_policy()).collect();
    /// assert_eq!(policies, ["Always", "IfNotPresent", "Always"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn pull_policy(&self) -> Option<&'a str> {
        let written = self.pull_policy?;
        if !written.is_empty() {
            return Some(written);
        }
        let is_latest = match self.reference.tag() {
            Some(tag) => tag == DEFAULT_TAG,
            None => self.reference.digest().is_none(),
        };
        let policy = if is_latest {
            PullPolicy::Always
        } else {
            PullPolicy::IfNotPresent
        };
        Some(policy.as_str())
    }

    /// Whether the same image was at the [same location](crate::Review::with_former_images) in the object
    /// before this update. An admitted image is not denied by an update that has nothing to do with
    /// it: [`Modes::unchanged`](crate::Modes::unchanged).
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.is_unchanged
    }
}

/// One image of a review whose reference is not valid.
#[derive(Clone, Debug)]
pub struct UnreadableImage<'a> {
    pub(super) text: &'a str,
    pub(super) error: ReferenceError,
    pub(super) location: Location<'a>,
    pub(super) position: usize,
    pub(super) is_unchanged: bool,
}

impl<'a> UnreadableImage<'a> {
    /// The text as it was written.
    #[must_use]
    pub fn as_written(&self) -> &'a str {
        self.text
    }

    /// Why it is no reference.
    #[must_use]
    pub fn error(&self) -> &ReferenceError {
        &self.error
    }

    /// The location of the image in the request.
    #[must_use]
    pub fn location(&self) -> &Location<'a> {
        &self.location
    }

    /// How many images of the request come before it.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Whether the same image was at the [same location](crate::Review::with_former_images) in the object
    /// before this update. An admitted image is not denied by an update that has nothing to do with
    /// it: [`Modes::unchanged`](crate::Modes::unchanged).
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.is_unchanged
    }
}
