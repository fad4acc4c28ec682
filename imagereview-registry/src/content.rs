//! What registries hold: indexes, manifests and configurations of images, read from bytes that
//! nobody vouches for.

mod artifact;
mod config;
mod manifest;
mod strict;

pub(crate) use self::artifact::{Artifact, ArtifactManifest, Layer};
pub use self::{
    config::ImageConfig,
    manifest::{Child, ImageManifest, Index, Manifest, ManifestError},
};
