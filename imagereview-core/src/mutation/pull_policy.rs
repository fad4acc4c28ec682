//! When the node pulls.

use std::{collections::BTreeSet, fmt};

use crate::ImageRef;

/// When the node pulls an image.
///
/// Source: `PullPolicy` of `k8s.io/api/core/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PullPolicy {
    /// Whenever a container starts.
    Always,
    /// If it does not hold the image.
    IfNotPresent,
    /// Never: the image must be there.
    Never,
}

impl PullPolicy {
    /// The name in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

impl fmt::Display for PullPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Images of some tags have this pull policy, whatever is written: the API server writes one before
/// it asks a webhook, so what stands there need not be anyone's choice.
///
/// An image without a tag has the tag `latest`; one with a digest has none, since its tag is
/// decoration.
///
/// ```
/// use imagereview_core::{ImageRef, mutation::{PullPolicy, PullPolicyRule}};
///
/// let rule = PullPolicyRule::new(["latest", "main"], PullPolicy::Always);
/// assert!(rule.matches(&ImageRef::parse("nginx")?));
/// assert!(!rule.matches(&ImageRef::parse("nginx:1.27")?));
/// # Ok::<(), imagereview_core::ReferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullPolicyRule {
    tags: BTreeSet<Box<str>>,
    pub(super) policy: PullPolicy,
}

impl PullPolicyRule {
    /// Images of these tags have this policy.
    pub fn new<T: Into<Box<str>>>(tags: impl IntoIterator<Item = T>, policy: PullPolicy) -> Self {
        Self {
            tags: tags.into_iter().map(Into::into).collect(),
            policy,
        }
    }

    /// Whether an image has one of the tags.
    #[must_use]
    pub fn matches(&self, image: &ImageRef<'_>) -> bool {
        image
            .pulled_tag()
            .is_some_and(|tag| self.tags.contains(tag))
    }
}
