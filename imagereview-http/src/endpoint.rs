//! The endpoints that answer reviews.

/// An endpoint that answers reviews.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    ImagePolicy,
}

impl Endpoint {
    /// All of them; each stands at its own index.
    pub(crate) const ALL: [Self; 1] = [Self::ImagePolicy];

    /// The name in logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ImagePolicy => "image_policy",
        }
    }
}
