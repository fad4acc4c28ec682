//! Writing out what is implicit.

use super::rewrite::{Rewrite, with_tag_and_digest};
use crate::{facts::Facts, reference::ImageRef};

/// The full normal name is written out: `nginx` becomes `docker.io/library/nginx`. An implicit
/// `latest` stays implicit unless asked for.
///
/// ```
/// use imagereview_core::{ImageRef, facts::Facts, mutation::{FullName, Rewrite}};
///
/// let image = ImageRef::parse("nginx")?;
/// let write = |full_name: FullName| full_name.rewrite(&image, &Facts::new());
/// assert_eq!(write(FullName::new()).unwrap(), "docker.io/library/nginx");
/// assert_eq!(
///     write(FullName::new().with_implied_tag()).unwrap(),
///     "docker.io/library/nginx:latest",
/// );
/// # Ok::<(), imagereview_core::ReferenceError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FullName {
    with_implied_tag: bool,
}

impl FullName {
    /// Registry and repository are written out.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tag `latest` is written out too, where neither tag nor digest is.
    #[must_use]
    pub fn with_implied_tag(mut self) -> Self {
        self.with_implied_tag = true;
        self
    }
}

impl Rewrite for FullName {
    fn rewrite(&self, image: &ImageRef<'_>, _: &Facts) -> Option<String> {
        if self.with_implied_tag {
            return Some(image.to_string());
        }
        let name = format!("{}/{}", image.registry(), image.repository());
        Some(with_tag_and_digest(name, image))
    }
}
