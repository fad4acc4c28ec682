//! Which facts a policy needs to decide a review.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::platform::Platform;
use crate::reference::ImageRef;

/// What a policy needs to know of one image. More is never less: whoever fetches may fetch more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// What its name means, and no more.
    Digest,
    /// Which platforms there are, and the details of these.
    Platforms(BTreeSet<Platform>),
    /// Which platforms there are, and the details of all.
    All,
}

impl Need {
    /// What covers both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Digest, other) => other,
            (mine, Self::Digest) => mine,
            (Self::Platforms(mut mine), Self::Platforms(theirs)) => {
                mine.extend(theirs);
                Self::Platforms(mine)
            }
        }
    }
}

/// Which facts a policy needs to decide a review: for each image the most that a rule asks for. What
/// no rule asks for is not here, so an empty value means that no registry is asked.
///
/// ```
/// use imagereview_core::{ImageRef, facts::{Need, Needs}};
///
/// let mut needs = Needs::new();
/// needs.add(&ImageRef::parse("nginx:1.27")?, Need::Digest);
/// needs.add(&ImageRef::parse("docker.io/library/nginx:1.27")?, Need::All);
/// let needed: Vec<_> = needs.iter().map(|(image, need)| (image.to_string(), need)).collect();
/// assert_eq!(needed, [("docker.io/library/nginx:1.27".to_owned(), &Need::All)]);
/// # Ok::<(), imagereview_core::ReferenceError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    images: BTreeMap<String, Need>,
}

impl Needs {
    /// Nothing is needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Something is needed to know of an image.
    pub fn add(&mut self, image: &ImageRef<'_>, need: Need) {
        self.insert(asked(image), need);
    }

    fn insert(&mut self, name: String, need: Need) {
        match self.images.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(need);
            }
            Entry::Occupied(mut entry) => {
                let both = entry.get().clone().and(need);
                entry.insert(both);
            }
        }
    }

    /// Whether nothing is needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// How many images something is needed of.
    #[must_use]
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Each image, and what is needed of it.
    pub fn iter(&self) -> impl Iterator<Item = (ImageRef<'_>, &Need)> {
        // Each was made of a reference, in the form that all references have.
        let images = self.images.iter();
        images.filter_map(|(name, need)| Some((ImageRef::parse(name).ok()?, need)))
    }

    /// Keeps the first so many, in the order of the names, and gives the others.
    #[must_use]
    pub fn split_off(&mut self, most: usize) -> Self {
        let first = self.images.keys().nth(most).cloned();
        let images = first.map_or_else(BTreeMap::new, |first| self.images.split_off(&first));
        Self { images }
    }

    /// What these need beyond what others do.
    #[must_use]
    pub fn without(&self, met: &Self) -> Self {
        let images = self.images.iter();
        let open = images.filter(|(name, need)| {
            let met = met.images.get(*name);
            met.is_none_or(|met| met.clone().and(Need::clone(need)) != *met)
        });
        Self {
            images: open
                .map(|(name, need)| (name.clone(), need.clone()))
                .collect(),
        }
    }

    /// All that both need.
    pub fn extend(&mut self, other: Self) {
        for (name, need) in other.images {
            self.insert(name, need);
        }
    }
}

/// What a registry is asked for: the full name, by the digest where there is one, since the tag
/// beside it does not count.
pub(super) fn asked(image: &ImageRef<'_>) -> String {
    match image.digest() {
        None => image.to_string(),
        Some(digest) => format!("{}/{}@{digest}", image.registry(), image.repository()),
    }
}
