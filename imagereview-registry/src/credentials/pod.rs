//! The credentials that a pod's images are pulled with.

use std::fmt;

use super::{
    pattern::Pattern,
    secret::{Credential, Fingerprint},
    target::Target,
};

/// The credentials that a pod's images are pulled with: those of its pull secrets.
///
/// They are tried before all others, for images that they are for. What is read with them is handed
/// to those alone who have the same.
#[derive(Clone, Default)]
pub struct PodCredentials {
    /// In the order in which they are tried.
    all: Vec<(Pattern, Credential)>,
    /// What could not be read, in words that may be shown.
    problems: Vec<String>,
}

impl PodCredentials {
    pub(crate) fn new(all: Vec<(Pattern, Credential)>, problems: Vec<String>) -> Self {
        Self { all, problems }
    }

    /// Those for one image. `None` if there are none, and nothing is missing.
    pub(super) fn of(&self, target: Target<'_>) -> Option<Self> {
        let covers = |(pattern, _): &&(Pattern, Credential)| {
            pattern.covers(target.registry, target.repository)
        };
        let all: Vec<_> = self.all.iter().filter(covers).cloned().collect();
        let has_some = !all.is_empty() || !self.problems.is_empty();
        has_some.then(|| Self {
            all,
            problems: self.problems.clone(),
        })
    }

    /// Those for a server: that of an image, or a mirror, to which the credentials for the image's own
    /// registry are not sent.
    pub(super) fn credentials<'c>(
        &'c self,
        target: Target<'c>,
    ) -> impl DoubleEndedIterator<Item = &'c Credential> {
        self.all
            .iter()
            .filter(move |(pattern, _)| pattern.covers(target.registry, target.repository))
            .map(|(_, credential)| credential)
    }

    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Tells these from others.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let fingerprints: Vec<Fingerprint> = self
            .all
            .iter()
            .map(|(_, credential)| credential.fingerprint())
            .collect();
        let sources = self.all.iter().zip(&fingerprints);
        let sources = sources.flat_map(|((_, credential), fingerprint)| {
            [fingerprint.as_bytes(), credential.source().as_bytes()]
        });
        let problems = self.problems.iter().map(String::as_bytes);
        // How many there are, so that no problem is taken for a credential.
        let count = (fingerprints.len() as u64).to_le_bytes();
        Fingerprint::of([&count[..]].into_iter().chain(sources).chain(problems))
    }
}

impl fmt::Debug for PodCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<&str> = self
            .all
            .iter()
            .map(|(_, credential)| &**credential.source())
            .collect();
        f.debug_struct("PodCredentials")
            .field("sources", &sources)
            .field("problems", &self.problems)
            .finish()
    }
}
