//! What registries hold: indexes, manifests and configurations of images, read from bytes that
//! nobody vouches for.

mod config;
mod manifest;
mod strict;

pub use self::{
    config::ImageConfig,
    manifest::{Child, ImageManifest, Index, Manifest, ManifestError},
};
