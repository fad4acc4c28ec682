//! Which facts a policy needs to decide a review.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use super::{platform::Platform, trust::Trust};
use crate::reference::ImageRef;

/// What a policy needs to know of one image. More is never less: whoever fetches may fetch more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// Whose statements about an image a rule needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(
    clippy::exhaustive_structs,
    reason = "whoever asks for statements is to heed each field"
)]
pub struct StatementNeed {
    /// What they are verified with.
    pub trust: Trust,
    /// The repository in which they are, in full, if that is not the image's own.
    pub repository: Option<Arc<str>>,
    /// Which digests of the image they are about.
    pub covers: Covers,
}

/// Which digests of an image a statement has to be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(
    clippy::exhaustive_enums,
    reason = "whoever asks for statements is to handle each"
)]
pub enum Covers {
    /// The digest that the image's name means: of an index, or of the manifest where there is no index.
    Named,
    /// The digest of the manifest for each platform.
    EveryPlatform,
}

/// What is needed of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Needed {
    need: Need,
    statements: BTreeSet<StatementNeed>,
    /// For how long an answer is good enough after its registry should have been asked again.
    stale_for: Duration,
}

impl Needed {
    fn and(self, other: Self) -> Self {
        let mut statements = self.statements;
        statements.extend(other.statements);
        Self {
            need: self.need.and(other.need),
            statements,
            stale_for: self.stale_for.min(other.stale_for),
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
    images: BTreeMap<String, Needed>,
}

impl Needs {
    /// Nothing is needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Something is needed to know of an image.
    pub fn add(&mut self, image: &ImageRef<'_>, need: Need) {
        self.add_stale(image, need, Duration::ZERO);
    }

    /// The same, where an older answer is good enough while the registry is away or slow: for so long after
    /// it should have been asked again. Of all who need something of an image, the strictest counts.
    ///
    /// ```
    /// use imagereview_core::{ImageRef, facts::{Need, Needs}};
    /// use std::time::Duration;
    ///
    /// let image = ImageRef::parse("nginx:1.27")?;
    /// let mut needs = Needs::new();
    /// needs.add_stale(&image, Need::Digest, Duration::from_secs(600));
    /// assert_eq!(needs.stale_for(&image), Duration::from_secs(600));
    /// needs.add(&image, Need::Digest);
    /// assert_eq!(needs.stale_for(&image), Duration::ZERO);
    /// # Ok::<(), imagereview_core::ReferenceError>(())
    /// ```
    pub fn add_stale(&mut self, image: &ImageRef<'_>, need: Need, stale_for: Duration) {
        let needed = Needed {
            need,
            statements: BTreeSet::new(),
            stale_for,
        };
        self.insert(asked(image), needed);
    }

    /// For how long an older answer about an image is good enough: zero if it is not.
    #[must_use]
    pub fn stale_for(&self, image: &ImageRef<'_>) -> Duration {
        let needed = self.images.get(&asked(image));
        needed.map_or(Duration::ZERO, |needed| needed.stale_for)
    }

    /// Statements about an image are needed. To find them, its digest is needed too, or its platforms.
    pub fn add_statements(&mut self, image: &ImageRef<'_>, statements: StatementNeed) {
        let need = match statements.covers {
            Covers::Named => Need::Digest,
            Covers::EveryPlatform => Need::All,
        };
        let needed = Needed {
            need,
            statements: BTreeSet::from([statements]),
            stale_for: Duration::ZERO,
        };
        self.insert(asked(image), needed);
    }

    fn insert(&mut self, name: String, needed: Needed) {
        match self.images.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(needed);
            }
            Entry::Occupied(mut entry) => {
                let both = entry.get().clone().and(needed);
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

    /// Each image, and what is needed of it beside statements.
    pub fn iter(&self) -> impl Iterator<Item = (ImageRef<'_>, &Need)> {
        self.iter_with_statements()
            .map(|(image, need, _)| (image, need))
    }

    /// Each image, what is needed of it, and whose statements about it are.
    pub fn iter_with_statements(
        &self,
    ) -> impl Iterator<Item = (ImageRef<'_>, &Need, &BTreeSet<StatementNeed>)> {
        // Each was made of a reference, in the form that all references have.
        let images = self.images.iter();
        images.filter_map(|(name, needed)| {
            Some((
                ImageRef::parse(name).ok()?,
                &needed.need,
                &needed.statements,
            ))
        })
    }

    /// Keeps the first so many, in the order of the names, and gives the others.
    #[must_use]
    pub fn split_off(&mut self, most: usize) -> Self {
        let first = self.images.keys().nth(most).cloned();
        let images = first.map_or_else(BTreeMap::new, |first| self.images.split_off(&first));
        Self { images }
    }

    /// What these need beyond what others do. Of an image of which something is missing, it is all: facts
    /// about an image replace those that there were.
    #[must_use]
    pub fn without(&self, met: &Self) -> Self {
        let images = self.images.iter();
        let open = images.filter(|(name, need)| {
            let met = met.images.get(*name);
            met.is_none_or(|met| met.clone().and(Needed::clone(need)) != *met)
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
