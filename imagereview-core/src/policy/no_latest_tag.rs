//! The built-in policy: no `latest`, no missing tag.

use super::{Policy, verdict::Verdict, violation::Violation};
use crate::{
    language::Message,
    reference::DEFAULT_TAG,
    review::{Image, Review},
};

/// Denies the tag `latest`, written or implied; an image with a digest is always fine.
///
/// With a digest the node pulls exactly those bytes and the tag is decoration, so
/// `nginx:latest@sha256:…` is allowed. A tag that differs from `latest` only in case is denied: it
/// is another tag to a registry, but one that nobody would choose except to slip past this rule.
///
/// ```
/// use imagereview_core::{NoLatestTag, decide};
///
/// let allowed = |image| decide(&NoLatestTag, &[image].into_iter().collect()).is_allowed();
/// assert!(allowed("nginx:1.27"));
/// assert!(allowed("nginx:latest-alpine"));
/// assert!(!allowed("nginx"));
/// assert!(!allowed("nginx:latest"));
/// assert!(!allowed("registry.example.com:5000/nginx"));
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "it has no settings, so its name is its value"
)]
pub struct NoLatestTag;

impl NoLatestTag {
    /// The name of the rule that its violations break.
    pub const RULE: &'static str = "no-latest-tag";

    const HEADLINE: Message = Message::new(
        "image check failed: ",
        "检查镜像失败!镜像标签不允许使用latest!",
    );

    const REMEDY: Message = Message::new("write a fixed tag or a digest", "请写明固定标签或摘要");

    fn violation(image: &Image<'_>) -> Option<Violation> {
        let tag = image.reference().pulled_tag()?;
        if !tag.eq_ignore_ascii_case(DEFAULT_TAG) {
            return None;
        }
        let reason = match image.reference().tag() {
            None => Message::new(
                "it has no tag, which means \"latest\"",
                "没有写标签,即\"latest\"",
            ),
            Some(DEFAULT_TAG) => Message::new(
                "its tag is \"latest\", which moves",
                "标签是会变动的\"latest\"",
            ),
            Some(_) => Message::new(
                "its tag differs from \"latest\" only in case",
                "标签与\"latest\"只有大小写不同",
            ),
        };
        Some(Violation::new(Self::RULE, image, reason).with_remedy(Self::REMEDY))
    }
}

impl Policy for NoLatestTag {
    fn evaluate(&self, review: &Review<'_>) -> Verdict {
        Verdict::for_each_image(review, Self::violation).with_headline(Self::HEADLINE)
    }
}
