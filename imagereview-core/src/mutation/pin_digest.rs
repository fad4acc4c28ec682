//! Pinning an image to what its tag means now.

use std::time::Duration;

use super::{
    repositories::{Repositories, RepositoriesError},
    rewrite::Rewrite,
};
#[cfg(feature = "document")]
use crate::pattern::NameSet;
use crate::{facts::Facts, reference::ImageRef};

/// The digest that a registry gives is written behind the tag, as far as [`Facts`] know it; an image
/// that has one keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PinDigest;

impl PinDigest {
    /// The digest is written behind the tag.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Rewrite for PinDigest {
    fn rewrite(&self, image: &ImageRef<'_>, facts: &Facts) -> Option<String> {
        if image.digest().is_some() {
            return None;
        }
        let digest = facts.digest(image)?;
        Some(format!("{}@{digest}", image.as_written()))
    }
}

/// Images of some repositories are pinned, in objects of some kinds and namespaces.
///
/// Only pods are, unless other kinds are named: what writes an object would find its images changed, and
/// write them anew.
///
/// ```
/// use imagereview_core::{ImageRef, facts::{Facts, Needs}, mutation::{Mutations, PinRule}, workload::Manifest};
///
/// let pod = r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "nginx:1.27"}]}}"#;
/// let manifest: Manifest<'_> = serde_json::from_str(pod)?;
/// let mut pod = manifest.into_iter().next().unwrap()?;
///
/// let mutations = Mutations::new().with_pins(PinRule::new("docker.io/**")?);
/// let mut needs = Needs::new();
/// mutations.needs_of_object(&pod, &mut needs);
/// assert_eq!(needs.len(), 1);
///
/// // A program asks the registry.
/// let answer = format!("nginx@sha256:{}", "0".repeat(64));
/// let digest = ImageRef::parse(&answer)?.digest().unwrap();
/// let facts = Facts::new().with_digest(&ImageRef::parse("nginx:1.27")?, digest);
/// let patch = mutations.apply_to_object(&mut pod, &facts);
/// assert_eq!(patch.0.len(), 1);
/// assert!(pod.images().next().unwrap().0.starts_with("nginx:1.27@sha256:"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PinRule {
    repositories: Repositories,
    /// All if there are none.
    kinds: Option<Vec<Box<str>>>,
    stale_for: Duration,
    #[cfg(feature = "document")]
    namespaces: Namespaces,
}

/// Which namespaces; all if it says neither.
#[cfg(feature = "document")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Namespaces {
    pub(crate) include: Option<NameSet>,
    pub(crate) exclude: Option<NameSet>,
}

impl PinRule {
    /// Images of these repositories are pinned in pods. They are compared with what is pulled: behind a
    /// mirror with the mirror's.
    ///
    /// # Errors
    ///
    /// A [`RepositoriesError`] where the text names no [`Repositories`].
    pub fn new(repositories: &str) -> Result<Self, RepositoriesError> {
        Ok(Self {
            repositories: repositories.parse()?,
            kinds: Some(vec!["Pod".into()]),
            stale_for: Duration::ZERO,
            #[cfg(feature = "document")]
            namespaces: Namespaces::default(),
        })
    }

    /// Objects of these kinds are changed, in place of pods. `*` stands for all.
    #[must_use]
    pub fn with_kinds<K: Into<Box<str>>>(mut self, kinds: impl IntoIterator<Item = K>) -> Self {
        let kinds: Vec<Box<str>> = kinds.into_iter().map(Into::into).collect();
        let is_all = kinds.iter().any(|kind| **kind == *"*");
        self.kinds = (!is_all).then_some(kinds);
        self
    }

    /// The digest that a tag had is written for so long while its registry is away or slow. See
    /// [`Needs::add_stale`](crate::facts::Needs::add_stale).
    #[must_use]
    pub fn with_stale_for(mut self, stale_for: Duration) -> Self {
        self.stale_for = stale_for;
        self
    }

    pub(crate) fn stale_for(&self) -> Duration {
        self.stale_for
    }

    #[cfg(feature = "document")]
    pub(crate) fn with_namespaces(mut self, namespaces: Namespaces) -> Self {
        self.namespaces = namespaces;
        self
    }

    /// Whether it is about objects of this kind, in this namespace where it is known.
    pub(crate) fn is_about(&self, kind: &str, namespace: Option<&str>) -> bool {
        let kinds = self.kinds.as_ref();
        let is_kind = kinds.is_none_or(|kinds| kinds.iter().any(|one| **one == *kind));
        is_kind && self.is_in(namespace)
    }

    #[cfg(feature = "document")]
    fn is_in(&self, namespace: Option<&str>) -> bool {
        let Namespaces { include, exclude } = &self.namespaces;
        namespace.is_none_or(|namespace| {
            include.as_ref().is_none_or(|set| set.matches(namespace))
                && !exclude.as_ref().is_some_and(|set| set.matches(namespace))
        })
    }

    #[cfg(not(feature = "document"))]
    fn is_in(&self, _: Option<&str>) -> bool {
        true
    }

    /// Whether it pins an image.
    pub(crate) fn matches(&self, image: &ImageRef<'_>) -> bool {
        image.digest().is_none() && self.repositories.matches(image)
    }
}
