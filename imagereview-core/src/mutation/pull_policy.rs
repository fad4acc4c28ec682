//! When the node pulls.

use std::collections::BTreeSet;

use crate::{object::PullPolicy, reference::ImageRef};

/// Images of some tags have this pull policy, whatever is written: the API server writes one before
/// it asks a webhook, so what stands there need not be anyone's choice.
///
/// An image without a tag has the tag `latest`; one with a digest has none, since its tag is
/// decoration.
///
/// ```
/// use imagereview_core::{ImageRef, mutation::PullPolicyRule, object::PullPolicy};
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
