//! The images that stood in an object before an update.

use std::collections::{HashMap, HashSet};

use super::location::Location;

/// The images that stood in an object before an update, and where.
pub(crate) struct FormerImages<'i>(Vec<(&'i str, &'i Location<'i>)>);

impl<'i> FormerImages<'i> {
    pub(crate) fn new(images: impl IntoIterator<Item = (&'i str, &'i Location<'i>)>) -> Self {
        Self(images.into_iter().collect())
    }

    /// Tells of each of these images whether it was there before. Each former image is found once, at
    /// its own location if it is still there: an element that is put in front of it is the new one.
    pub(crate) fn find<'n>(&'n self, images: &[(&'n str, &'n Location<'n>)]) -> Vec<bool> {
        if self.0.is_empty() {
            return vec![false; images.len()];
        }
        let mut left: HashMap<(&'n str, _), usize> = HashMap::new();
        for (image, location) in &self.0 {
            *left.entry((*image, location.standing())).or_default() += 1;
        }
        let mut take = |image: &'n str, location: &'n Location<'n>| {
            let same = left.get_mut(&(image, location.standing()));
            same.filter(|left| **left > 0)
                .map(|left| *left -= 1)
                .is_some()
        };
        let here: HashSet<(&str, &Location<'_>)> = self.0.iter().copied().collect();
        let mut found: Vec<bool> = images
            .iter()
            .map(|(image, location)| here.contains(&(*image, *location)) && take(image, location))
            .collect();
        for (found, (image, location)) in found.iter_mut().zip(images) {
            *found = *found || take(image, location);
        }
        found
    }
}
