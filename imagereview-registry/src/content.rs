//! What registries hold: indexes, manifests and configurations of images, read from bytes that
//! nobody vouches for.

mod artifact;
mod config;
mod manifest;
mod schema_1;
mod strict;

pub(crate) use self::{
    artifact::{Artifact, ArtifactManifest, Layer},
    schema_1::signed_content,
};
pub use self::{
    config::ImageConfig,
    manifest::{Child, ImageManifest, Index, Manifest, ManifestError},
};
