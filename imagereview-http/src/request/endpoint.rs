//! The endpoints that review images.

/// An endpoint that reviews images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    ImagePolicy,
    Validate,
    Mutate,
}

impl Endpoint {
    /// All of them, each at its own index.
    pub(crate) const ALL: [Self; 3] = [Self::ImagePolicy, Self::Validate, Self::Mutate];

    /// The endpoint at a path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|endpoint| endpoint.path() == path)
    }

    /// Its path.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::ImagePolicy => "/image_policy",
            Self::Validate => "/validate",
            Self::Mutate => "/mutate",
        }
    }

    /// The name in logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        &self.path()[1..]
    }
}
