//! One image of a review.

use super::location::Location;
use crate::reference::{ImageRef, ReferenceError};

/// One image of a review whose reference is valid.
#[derive(Clone, Debug)]
pub struct Image<'a> {
    pub(super) reference: ImageRef<'a>,
    pub(super) location: Location<'a>,
    pub(super) position: usize,
    pub(super) is_unchanged: bool,
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
