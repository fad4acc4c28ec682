//! Pulling from a mirror.

use super::{
    repositories::{Repositories, RepositoriesError, RepositoriesIndex},
    rewrite::{Rewrite, with_tag_and_digest},
};
use crate::{facts::Facts, reference::ImageRef};

/// Images of some repositories are pulled from another place.
///
/// Both ends are [`Repositories`]: either both name one repository, or both end in `**`, and
/// then what that stands for is kept. With `**` alone as the source, the registry is kept as a part
/// of the path.
///
/// ```
/// use imagereview_core::mutation::MirrorRule;
///
/// let hub = MirrorRule::new("docker.io/**", "mirror.example.com/hub/**")?;
/// let all = MirrorRule::new("**", "mirror.example.com/**")?;
///
/// let error = MirrorRule::new("docker.io/**", "mirror.example.com/nginx").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "docker.io/** and mirror.example.com/nginx do not fit: both name one repository, or both end in **",
/// );
/// # Ok::<(), imagereview_core::mutation::MirrorRuleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorRule {
    from: Repositories,
    to: Repositories,
}

impl MirrorRule {
    /// Images of `from` are pulled from `to`.
    ///
    /// # Errors
    ///
    /// A [`MirrorRuleError`] where one of the two names no [`Repositories`], or they do not fit
    /// each other.
    pub fn new(from: &str, to: &str) -> Result<Self, MirrorRuleError> {
        let (from, to): (Repositories, Repositories) = (from.parse()?, to.parse()?);
        if from.is_below() != to.is_below() {
            return Err(MirrorRuleError::Mismatch { from, to });
        }
        if to.to_string() == "**" {
            return Err(MirrorRuleError::NoTarget);
        }
        Ok(Self { from, to })
    }

    /// The new name, without tag and digest.
    fn name(&self, image: &ImageRef<'_>) -> Option<String> {
        Some(self.to.with_rest(&self.from.rest(image)?))
    }
}

/// Two names make no [`MirrorRule`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MirrorRuleError {
    /// One of the two names no repositories.
    #[error(transparent)]
    Repositories(#[from] RepositoriesError),
    /// One names a single repository and the other many.
    #[error("{from} and {to} do not fit: both name one repository, or both end in **")]
    Mismatch {
        /// Where images come from.
        from: Repositories,
        /// Where they are pulled from.
        to: Repositories,
    },
    /// The target is every registry.
    #[error("** names no mirror; write its registry")]
    NoTarget,
}

/// Mirrors, of which the first that matches an image applies.
///
/// An image that is already at the target of any of them is left as it is, so that a second pass
/// changes nothing, even where a mirror's target matches its own or another's source
/// (`**` → `mirror.example.com/**`). Tag and digest stay as written; an implicit `latest` stays
/// implicit. An image whose new name would be no valid reference, because it gets too long or has a
/// port in its path, keeps its name, and the policy judges that.
///
/// ```
/// use imagereview_core::{ImageRef, facts::Facts, mutation::{MirrorRule, Mirrors, Rewrite}};
///
/// let mirrors = Mirrors::new([
///     MirrorRule::new("docker.io/**", "mirror.example.com/hub/**")?,
///     MirrorRule::new("**", "mirror.example.com/other/**")?,
/// ])?;
/// for (written, pulled) in [
///     ("nginx", Some("mirror.example.com/hub/library/nginx")),
///     ("team/app:1.2", Some("mirror.example.com/hub/team/app:1.2")),
///     ("registry.example.com/x:1", Some("mirror.example.com/other/registry.example.com/x:1")),
///     ("mirror.example.com/hub/library/nginx", None),
/// ] {
///     let image = ImageRef::parse(written)?;
///     assert_eq!(mirrors.rewrite(&image, &Facts::new()).as_deref(), pulled);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrors {
    rules: Box<[MirrorRule]>,
    sources: RepositoriesIndex,
    targets: RepositoriesIndex,
}

impl Mirrors {
    /// These mirrors, in this order.
    ///
    /// # Errors
    ///
    /// [`UnreachableMirror`] where one could never apply.
    pub fn new(rules: impl IntoIterator<Item = MirrorRule>) -> Result<Self, UnreachableMirror> {
        let rules: Box<[MirrorRule]> = rules.into_iter().collect();
        let targets: RepositoriesIndex = rules.iter().map(|rule| &rule.to).collect();
        let mut sources = RepositoriesIndex::default();
        for (position, rule) in rules.iter().enumerate() {
            let earlier = sources.covering(&rule.from).next();
            let earlier = earlier.map(|position| &rules[position].from);
            let target = || {
                let target = targets.covering(&rule.from).next();
                target.map(|position| &rules[position].to)
            };
            if let Some(by) = earlier.or_else(target) {
                return Err(UnreachableMirror {
                    from: rule.from.clone(),
                    by: by.clone(),
                });
            }
            sources.insert(&rule.from, position);
        }
        Ok(Self {
            rules,
            sources,
            targets,
        })
    }

    /// [`rewrite`](Rewrite::rewrite) by several as if they were one list.
    pub(super) fn rewrite_by_first<'m>(
        all: impl Iterator<Item = &'m Self> + Clone,
        image: &ImageRef<'_>,
    ) -> Option<String> {
        let is_at_target = |mirrors: &Self| mirrors.targets.matching(image).next().is_some();
        if all.clone().any(is_at_target) {
            return None;
        }
        let first = |mirrors: &'m Self| {
            let first = mirrors.sources.matching(image).min()?;
            mirrors.rules[first].name(image)
        };
        let name = { all }.find_map(first)?;
        Some(with_tag_and_digest(name, image))
    }
}

impl Rewrite for Mirrors {
    fn rewrite(&self, image: &ImageRef<'_>, _: &Facts) -> Option<String> {
        Self::rewrite_by_first([self].into_iter(), image)
    }
}

/// A mirror that could never apply: all that it matches is taken by an earlier one, or is at the
/// target of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the mirror of {from} never applies: {by}, an earlier mirror's source or a mirror's target, \
     covers it"
)]
pub struct UnreachableMirror {
    from: Repositories,
    by: Repositories,
}
