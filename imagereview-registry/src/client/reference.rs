//! What names an image within its repository.

use imagereview_core::facts::ContentDigest;

/// What names an image within its repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reference {
    Tag(Box<str>),
    Digest(ContentDigest),
}
