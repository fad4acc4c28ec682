//! The images that stood in an object before an update.

use std::collections::BTreeSet;

use super::location::{Location, Standing};

/// The images that stood in an object before an update, and where.
pub(crate) struct FormerImages<'i>(BTreeSet<(&'i str, Standing<'i>)>);

impl<'i> FormerImages<'i> {
    pub(crate) fn new(images: impl IntoIterator<Item = (&'i str, &'i Location<'i>)>) -> Self {
        let standing =
            |(image, location): (&'i str, &'i Location<'i>)| (image, location.standing());
        Self(images.into_iter().map(standing).collect())
    }

    pub(crate) fn contains(&self, image: &str, location: &Location<'_>) -> bool {
        !self.0.is_empty() && self.0.contains(&(image, location.standing()))
    }
}
