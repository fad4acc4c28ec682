//! What kind of object a review is about.

use std::fmt;

/// The kind of an object: its API group, version and name.
///
/// Source: `GroupVersionKind` of `k8s.io/apimachinery/pkg/runtime/schema`.
///
/// ```
/// use imagereview_core::object::ObjectKind;
///
/// let kind = ObjectKind::new("apps/v1", "Deployment");
/// assert_eq!((kind.group(), kind.version(), kind.name()), ("apps", "v1", "Deployment"));
/// assert_eq!(kind.to_string(), "apps/v1 Deployment");
/// assert_eq!(ObjectKind::new("v1", "Pod").group(), "");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectKind<'a> {
    group: &'a str,
    version: &'a str,
    name: &'a str,
}

impl<'a> ObjectKind<'a> {
    /// The kind that an object's `apiVersion` and `kind` say.
    #[must_use]
    pub fn new(api_version: &'a str, kind: &'a str) -> Self {
        let (group, version) = split_api_version(api_version);
        Self::from_parts(group, version, kind)
    }

    pub(crate) fn from_parts(group: &'a str, version: &'a str, name: &'a str) -> Self {
        Self {
            group,
            version,
            name,
        }
    }

    /// The API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &'a str {
        self.group
    }

    /// The version of the group.
    #[must_use]
    pub fn version(&self) -> &'a str {
        self.version
    }

    /// The kind's name: `Pod`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    pub(crate) fn api_version(&self) -> impl fmt::Display + 'a {
        ApiVersion(self.group, self.version)
    }
}

/// `apiVersion` and `kind`, with a space between them.
impl fmt::Display for ObjectKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.api_version(), self.name)
    }
}

struct ApiVersion<'a>(&'a str, &'a str);

impl fmt::Display for ApiVersion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() {
            write!(f, "{}/", self.0)?;
        }
        f.write_str(self.1)
    }
}

/// The group and the version of an `apiVersion`; the core group is the empty one.
pub(crate) fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}
