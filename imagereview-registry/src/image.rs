//! What is known of one image.

use std::{collections::BTreeMap, time::SystemTime};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    content::{ImageConfig, ImageManifest, MediaType, Platform},
    digest::ContentDigest,
    fact::Fact,
};

/// What is known of one image: what its name means, and what there is for each platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageFacts {
    /// The digest of what the name means, computed from its bytes: a manifest, or an index of them.
    pub digest: ContentDigest,
    /// Whether that is a manifest or an index.
    #[serde(serialize_with = "media_type")]
    pub media_type: MediaType,
    /// When a registry was asked what the name means.
    #[serde(serialize_with = "time")]
    pub resolved_at: SystemTime,
    /// The server that told it: the registry itself, or a mirror.
    pub resolved_from: Box<str>,
    /// Which credentials it wanted, in words: the file or the program that they are from.
    pub credentials: Box<str>,
    /// What there is for each platform, in the order of the index.
    pub platforms: Vec<PlatformFacts>,
}

/// What is known of an image for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PlatformFacts {
    /// The platform, where the index or the image says one.
    pub platform: Option<Platform>,
    /// The digest of its manifest.
    pub digest: ContentDigest,
    /// What its manifest and configuration say. `None` where nobody asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Fact<ImageDetails>>,
}

/// What the manifest and the configuration of an image say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageDetails {
    /// When it was made. `None` where no date is said, or one that stands for none: the year 1, and
    /// 1 January 1970.
    #[serde(serialize_with = "optional_time")]
    pub created: Option<Timestamp>,
    /// The size of what a node fetches: the configuration and all layers, compressed, in bytes.
    pub size: u64,
    /// How many layers there are.
    pub layers: usize,
    /// Whether some layer is to be fetched from elsewhere.
    pub has_foreign_layers: bool,
    /// The user, and group, that it runs as. Empty where none is said, which is root.
    pub user: String,
    /// The labels of its configuration.
    pub labels: BTreeMap<String, String>,
    /// The annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// The paths of volumes.
    pub volumes: Vec<String>,
    /// The ports, such as `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// What is run.
    pub entrypoint: Vec<String>,
    /// The arguments, or what is run where there is no entry point.
    pub command: Vec<String>,
}

impl ImageDetails {
    pub(crate) fn new(manifest: &ImageManifest, config: &ImageConfig) -> Self {
        Self {
            created: config.created,
            size: manifest.size,
            layers: manifest.layers,
            has_foreign_layers: manifest.has_foreign_layers,
            user: config.user.clone(),
            labels: config.labels.clone(),
            annotations: manifest.annotations.clone(),
            volumes: config.volumes.clone(),
            exposed_ports: config.exposed_ports.clone(),
            entrypoint: config.entrypoint.clone(),
            command: config.command.clone(),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn media_type<S: serde::Serializer>(value: &MediaType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.as_str())
}

fn time<S: serde::Serializer>(value: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    match Timestamp::try_from(*value) {
        Ok(time) => serializer.collect_str(&time),
        Err(_) => serializer.serialize_none(),
    }
}

#[allow(clippy::ref_option, reason = "serde calls it so")]
fn optional_time<S: serde::Serializer>(
    value: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

impl ImageFacts {
    /// Whether everything that was asked for is known.
    pub(crate) fn is_whole(&self) -> bool {
        let details = self
            .platforms
            .iter()
            .filter_map(|facts| facts.details.as_ref());
        details.into_iter().all(|fact| fact.known().is_some())
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        let details = self
            .platforms
            .iter()
            .filter_map(|facts| facts.details.as_ref());
        let details = details.filter_map(Fact::known).map(ImageDetails::bytes);
        self.platforms.len() * 512 + details.sum::<usize>()
    }
}

impl ImageDetails {
    fn bytes(&self) -> usize {
        let maps = self.labels.iter().chain(&self.annotations);
        let maps = maps.map(|(name, value)| name.len() + value.len() + 96);
        let lists = [
            &self.volumes,
            &self.exposed_ports,
            &self.entrypoint,
            &self.command,
        ];
        let lists = lists.into_iter().flatten().map(|text| text.len() + 32);
        maps.sum::<usize>() + lists.sum::<usize>() + self.user.len()
    }
}
