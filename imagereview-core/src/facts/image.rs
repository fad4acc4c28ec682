//! What is known of one image.

use std::{collections::BTreeMap, time::SystemTime};

use super::{
    candidate::Candidate, content_digest::ContentDigest, fact::Fact, media_type::MediaType,
    platform::Platform, signatures::Signatures,
};

/// What is known of one image: what its name means, and what there is for each platform.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "facts-file", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    all(feature = "facts-file", feature = "schema"),
    derive(schemars::JsonSchema)
)]
#[cfg_attr(
    feature = "facts-file",
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
#[non_exhaustive]
pub struct ImageFacts {
    /// The digest of what the name means, computed from its bytes: a manifest, or an index of them.
    pub digest: ContentDigest,
    /// Whether that is a manifest or an index. `None` where only the digest was asked for.
    #[cfg_attr(
        feature = "facts-file",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub media_type: Option<MediaType>,
    /// When a registry was asked what the name means. Its times are written in RFC 3339.
    #[cfg_attr(feature = "facts-file", serde(with = "super::time"))]
    #[cfg_attr(
        all(feature = "facts-file", feature = "schema"),
        schemars(with = "super::time::Text")
    )]
    pub resolved_at: SystemTime,
    /// The server that told it: the registry itself, or a mirror.
    pub resolved_from: Box<str>,
    /// Which credentials it wanted, in words: the file or the program that they are from.
    pub credentials: Box<str>,
    /// The annotations of the manifest or index that the name means.
    #[cfg_attr(
        feature = "facts-file",
        serde(default, skip_serializing_if = "BTreeMap::is_empty")
    )]
    pub annotations: BTreeMap<String, String>,
    /// What there is for each platform, in the order of the index. `None` where only the digest was
    /// asked for.
    #[cfg_attr(
        feature = "facts-file",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub platforms: Option<Vec<PlatformFacts>>,
    /// What was found that may be a signature, for each digest and each repository in which it was
    /// looked for.
    #[cfg_attr(
        feature = "facts-file",
        serde(default, skip_serializing_if = "Vec::is_empty")
    )]
    pub signatures: Vec<Signatures>,
}

/// What is known of an image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "facts-file", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    all(feature = "facts-file", feature = "schema"),
    derive(schemars::JsonSchema)
)]
#[cfg_attr(
    feature = "facts-file",
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
#[non_exhaustive]
pub struct PlatformFacts {
    /// The platform, where the index or the image says one.
    pub platform: Option<Platform>,
    /// The digest of its manifest.
    pub digest: ContentDigest,
    /// What its manifest and configuration say. `None` where nobody asked for it.
    #[cfg_attr(
        feature = "facts-file",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub details: Option<Fact<ImageDetails>>,
}

/// What the manifest and the configuration of an image say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "facts-file", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    all(feature = "facts-file", feature = "schema"),
    derive(schemars::JsonSchema)
)]
#[cfg_attr(
    feature = "facts-file",
    serde(rename_all = "camelCase", deny_unknown_fields)
)]
#[non_exhaustive]
pub struct ImageDetails {
    /// When it was made. `None` where no date is said, or one that stands for none: the year 1, and
    /// 1 January 1970, which reproducible builds write.
    #[cfg_attr(feature = "facts-file", serde(with = "super::time::optional"))]
    #[cfg_attr(
        all(feature = "facts-file", feature = "schema"),
        schemars(with = "Option<super::time::Text>")
    )]
    pub created: Option<SystemTime>,
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

impl ImageFacts {
    /// What a name means, as a server told it at a time.
    ///
    /// ```
    /// use imagereview_core::facts::{ContentDigest, ImageFacts};
    /// use std::time::SystemTime;
    ///
    /// let digest = ContentDigest::parse(&format!("sha256:{}", "0".repeat(64))).unwrap();
    /// let facts = ImageFacts::new(digest, SystemTime::UNIX_EPOCH, "registry.example.com");
    /// assert_eq!(facts.platforms, None);
    /// ```
    pub fn new(
        digest: ContentDigest,
        resolved_at: SystemTime,
        resolved_from: impl Into<Box<str>>,
    ) -> Self {
        Self {
            digest,
            media_type: None,
            resolved_at,
            resolved_from: resolved_from.into(),
            credentials: Box::default(),
            annotations: BTreeMap::new(),
            platforms: None,
            signatures: Vec::new(),
        }
    }

    /// What was found beside a digest in a repository, or in the image's own; `None` if nobody looked.
    #[must_use]
    pub fn signatures(
        &self,
        subject: &ContentDigest,
        repository: Option<&str>,
    ) -> Option<&Fact<Vec<Candidate>>> {
        let mut all = self.signatures.iter();
        let found =
            all.find(|one| one.subject == *subject && one.repository.as_deref() == repository)?;
        Some(&found.candidates)
    }

    /// What there is for each platform, in the order of the index; empty where only the digest was
    /// asked for.
    #[must_use]
    pub fn platforms(&self) -> &[PlatformFacts] {
        self.platforms.as_deref().unwrap_or_default()
    }

    /// Whether everything that was asked for is known.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let mut details = self.details();
        let mut signatures = self.signatures.iter();
        details.all(|fact| fact.known().is_some())
            && signatures.all(|one| one.candidates.unavailable().is_none())
    }

    /// About how many bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let details = self.details().filter_map(Fact::known);
        let details: usize = details.map(ImageDetails::bytes).sum();
        let signatures: usize = self.signatures.iter().map(Signatures::bytes).sum();
        512 * (1 + self.platforms().len()) + details + signatures + bytes_of(&self.annotations)
    }

    fn details(&self) -> impl Iterator<Item = &Fact<ImageDetails>> {
        let platforms = self.platforms().iter();
        platforms.filter_map(|facts| facts.details.as_ref())
    }
}

impl PlatformFacts {
    /// A manifest for a platform, of which nothing else is known.
    #[must_use]
    pub fn new(platform: Option<Platform>, digest: ContentDigest) -> Self {
        Self {
            platform,
            digest,
            details: None,
        }
    }
}

impl ImageDetails {
    fn bytes(&self) -> usize {
        let lists = [
            &self.volumes,
            &self.exposed_ports,
            &self.entrypoint,
            &self.command,
        ];
        let lists = lists.into_iter().flatten().map(|text| text.len() + 32);
        let maps = bytes_of(&self.labels) + bytes_of(&self.annotations);
        maps + lists.sum::<usize>() + self.user.len()
    }
}

fn bytes_of(map: &BTreeMap<String, String>) -> usize {
    let entries = map.iter();
    entries
        .map(|(name, value)| name.len() + value.len() + 96)
        .sum()
}
