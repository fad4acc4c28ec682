//! What kind of container an image is for.

/// What kind of container an image is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContainerKind {
    /// The request does not tell; an `ImageReview` never does.
    #[default]
    Unknown,
    /// `spec.containers`.
    Regular,
    /// `spec.initContainers`.
    Init,
    /// `spec.ephemeralContainers`.
    Ephemeral,
    /// `spec.volumes[].image`: an image that is mounted and not run.
    Volume,
}

impl ContainerKind {
    /// The word that policy documents and expressions use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Regular => "regular",
            Self::Init => "init",
            Self::Ephemeral => "ephemeral",
            Self::Volume => "volume",
        }
    }
}
