//! The review of a patch that a kustomization lists.

use crate::engine::reviewed::{ReviewedDocument, ReviewedImage};

/// What is left of a patch: a container without an image has that of the object which is patched.
pub(super) fn without_missing_images(document: &mut ReviewedDocument) {
    document
        .images
        .retain(|image| !image.image.is_empty() || !is_image(image));
    document.is_allowed = document.images.iter().all(ReviewedImage::is_allowed);
}

/// Whether it is an image of a container and not what is said of the whole object.
fn is_image(image: &ReviewedImage) -> bool {
    matches!(image.path.rsplit('.').next(), Some("image" | "reference"))
}
