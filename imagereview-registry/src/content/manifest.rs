//! Indexes and manifests of images.

use imagereview_core::facts::{ContentDigest, MediaType, Platform};

use super::strict::{Ignored, List, Map, from_slice, strict_objects};

/// The most manifests of an index, of platforms and of all else.
const MAX_CHILDREN: usize = 512;

/// The most layers of an image. A node can mount 128 at most; images that were never run may have
/// more.
const MAX_LAYERS: usize = 1024;

/// The most annotations, labels and the like.
pub(super) const MAX_ENTRIES: usize = 1024;

/// The largest size that is believed of one thing: 1 TiB.
const MAX_SIZE: u64 = 1 << 40;

strict_objects! {
    /// An index or a manifest: which of the two is said by what it holds.
    struct Document {
        "schemaVersion" schema_version: Option<u64>,
        "mediaType" media_type: Option<String>,
        "manifests" manifests: Option<List<ChildDocument, MAX_CHILDREN>>,
        "config" config: Option<DescriptorDocument>,
        "layers" layers: Option<List<DescriptorDocument, MAX_LAYERS>>,
        "artifactType" artifact_type: Option<String>,
        "annotations" annotations: Map<String, MAX_ENTRIES>,
        "fsLayers" schema_1_layers: Option<Ignored>,
    }

    /// What points to content.
    struct DescriptorDocument {
        "mediaType" media_type: Option<String>,
        "digest" digest: Option<ContentDigest>,
        "size" size: Option<u64>,
        "urls" urls: List<Ignored, MAX_ENTRIES>,
    }

    /// What points to a manifest.
    struct ChildDocument {
        "mediaType" media_type: Option<String>,
        "digest" digest: Option<ContentDigest>,
        "size" size: Option<u64>,
        "platform" platform: Option<PlatformDocument>,
        "annotations" annotations: Map<String, MAX_ENTRIES>,
        "artifactType" artifact_type: Option<String>,
    }

    struct PlatformDocument {
        "os" os: Option<String>,
        "architecture" architecture: Option<String>,
        "variant" variant: Option<String>,
        "os.version" os_version: Option<String>,
    }
}

/// Why bytes are no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not JSON, or not of the form.
    #[error("{0}")]
    Form(String),
    /// Its media type is not said, not what it holds, or not that under which it was sent.
    #[error("{0}")]
    MediaType(String),
    /// Schema 1 of Docker.
    #[error("a manifest of Docker's schema 1")]
    Schema1,
    /// Something else than an image, such as a chart.
    #[error("no manifest of an image but {0}")]
    Other(Box<str>),
}

/// A manifest: of one image, or of several for several platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Manifest {
    /// One image.
    Image(ImageManifest),
    /// One for each platform.
    Index(Index),
}

/// The manifest of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageManifest {
    /// The media type of the manifest.
    pub media_type: MediaType,
    /// The digest of the configuration.
    pub config: ContentDigest,
    /// The size of the configuration, in bytes.
    pub config_size: u64,
    /// Whether the configuration is that of an image and not of some other artifact.
    pub is_image: bool,
    /// The size of what a node fetches: the configuration and all layers, compressed, in bytes.
    pub size: u64,
    /// How many layers there are.
    pub layers: usize,
    /// Whether some layer is to be fetched from elsewhere.
    pub has_foreign_layers: bool,
    /// The annotations.
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// A list of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Index {
    /// The media type of the index.
    pub media_type: MediaType,
    /// What it lists: images and further indexes. Attestations are left out: they run nowhere.
    pub children: Vec<Child>,
    /// The annotations.
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// A manifest that an index lists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Child {
    /// The media type that the index says it has.
    pub media_type: MediaType,
    /// Its digest.
    pub digest: ContentDigest,
    /// Its size, in bytes.
    pub size: u64,
    /// Its platform, where the index says one.
    pub platform: Option<Platform>,
}

impl Manifest {
    /// Reads the bytes of a manifest that was sent with a `Content-Type`.
    ///
    /// ```
    /// use imagereview_registry::{Manifest, ManifestError};
    ///
    /// let both = br#"{"schemaVersion": 2, "manifests": [], "layers": [],
    ///     "mediaType": "application/vnd.oci.image.index.v1+json"}"#;
    /// let error = Manifest::parse(both, None).unwrap_err();
    /// assert!(matches!(error, ManifestError::MediaType(_)), "{error}");
    /// ```
    ///
    /// # Errors
    ///
    /// A [`ManifestError`] where it is none, or where two readers could take it for two things.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self, ManifestError> {
        let sent_as = content_type.and_then(MediaType::parse);
        if sent_as == Some(MediaType::DockerSchema1) {
            return Err(ManifestError::Schema1);
        }
        let document: Document = from_slice(bytes).map_err(ManifestError::Form)?;
        if document.schema_version == Some(1) || document.schema_1_layers.is_some() {
            return Err(ManifestError::Schema1);
        }
        let media_type = document.media_type(sent_as)?;
        if document.schema_version != Some(2) {
            return Err(form("its schemaVersion is not 2"));
        }
        if media_type.is_index() {
            document.into_index(media_type).map(Self::Index)
        } else {
            document.into_image(media_type).map(Self::Image)
        }
    }

    /// The annotations.
    #[must_use]
    pub fn annotations(&self) -> &std::collections::BTreeMap<String, String> {
        match self {
            Self::Image(image) => &image.annotations,
            Self::Index(index) => &index.annotations,
        }
    }

    /// The media type.
    #[must_use]
    pub fn media_type(&self) -> MediaType {
        match self {
            Self::Image(image) => image.media_type,
            Self::Index(index) => index.media_type,
        }
    }
}

fn form(reason: &str) -> ManifestError {
    ManifestError::Form(reason.to_owned())
}

impl Document {
    /// What it is, if everything that says so agrees.
    fn media_type(&self, sent_as: Option<MediaType>) -> Result<MediaType, ManifestError> {
        let refuse = |reason: String| Err(ManifestError::MediaType(reason));
        let own = match self.media_type.as_deref() {
            None | Some("") => None,
            Some(text) => match MediaType::parse(text) {
                Some(MediaType::DockerSchema1) => return Err(ManifestError::Schema1),
                Some(media_type) => Some(media_type),
                None => {
                    let name = crate::http::short_word(text);
                    return Err(ManifestError::Other(name));
                }
            },
        };
        let media_type = match (own, sent_as) {
            (Some(own), Some(sent_as)) if own != sent_as => {
                let (own, sent_as) = (own.as_str(), sent_as.as_str());
                return refuse(format!("as {sent_as} that says it is {own}"));
            }
            (Some(media_type), _) | (None, Some(media_type)) => media_type,
            (None, None) => return refuse("without a media type".to_owned()),
        };
        let is_index = self.manifests.is_some();
        let is_image = self.config.is_some() || self.layers.is_some();
        match (media_type.is_index(), is_index, is_image) {
            (_, true, true) => refuse("that is an index and an image at once".to_owned()),
            (true, _, true) | (false, true, _) => {
                let name = media_type.as_str();
                refuse(format!("that says it is {name} and holds another"))
            }
            _ => Ok(media_type),
        }
    }

    fn into_index(self, media_type: MediaType) -> Result<Index, ManifestError> {
        let manifests = self.manifests.ok_or_else(|| form("it has no manifests"))?;
        let mut children = Vec::new();
        for manifest in manifests.0 {
            if let Some(child) = manifest.into_child()? {
                children.push(child);
            }
        }
        Ok(Index {
            media_type,
            children,
            annotations: self.annotations.0,
        })
    }

    fn into_image(self, media_type: MediaType) -> Result<ImageManifest, ManifestError> {
        let config = self.config.ok_or_else(|| form("it has no config"))?;
        let layers = self.layers.ok_or_else(|| form("it has no layers"))?.0;
        let is_config = config.media_type.as_deref().is_some_and(is_config_type);
        let is_image = is_config && !is_artifact(self.artifact_type.as_deref());
        let (digest, config_size) = config.target()?;
        let mut size = config_size;
        let mut has_foreign_layers = false;
        for layer in &layers {
            // The sum is of at most 1,025 sizes of at most 1 TiB.
            size += layer.target()?.1;
            has_foreign_layers |= layer.is_foreign();
        }
        Ok(ImageManifest {
            media_type,
            config: digest,
            config_size,
            is_image,
            size,
            layers: layers.len(),
            has_foreign_layers,
            annotations: self.annotations.0,
        })
    }
}

impl DescriptorDocument {
    fn target(&self) -> Result<(ContentDigest, u64), ManifestError> {
        let digest = self
            .digest
            .clone()
            .ok_or_else(|| form("a digest is missing"))?;
        Ok((digest, checked_size(self.size)?))
    }

    /// Whether it is to be fetched from elsewhere.
    fn is_foreign(&self) -> bool {
        let media_type = self.media_type.as_deref().unwrap_or_default();
        !self.urls.0.is_empty()
            || media_type.contains(".foreign.")
            || media_type.contains("nondistributable")
    }
}

impl ChildDocument {
    /// `None` for what runs nowhere.
    fn into_child(self) -> Result<Option<Child>, ManifestError> {
        let media_type = self.media_type.as_deref().unwrap_or_default();
        let Some(media_type) = MediaType::parse(media_type) else {
            return Ok(None);
        };
        if media_type == MediaType::DockerSchema1 {
            return Err(ManifestError::Schema1);
        }
        // Source: <https://docs.docker.com/build/metadata/attestations/attestation-storage/>
        let reference_type = self.annotations.0.get("vnd.docker.reference.type");
        let is_attestation = reference_type.is_some_and(|name| name == "attestation-manifest");
        let is_artifact = is_artifact(self.artifact_type.as_deref());
        let platform = self
            .platform
            .map(PlatformDocument::into_platform)
            .transpose()?;
        if is_attestation || is_artifact || platform.as_ref().is_some_and(Platform::is_unknown) {
            return Ok(None);
        }
        Ok(Some(Child {
            media_type,
            digest: self.digest.ok_or_else(|| form("a digest is missing"))?,
            size: checked_size(self.size)?,
            platform,
        }))
    }
}

impl PlatformDocument {
    fn into_platform(self) -> Result<Platform, ManifestError> {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        Platform::new(
            &part(&self.os),
            &part(&self.architecture),
            &part(&self.variant),
            &part(&self.os_version),
        )
        .ok_or_else(|| form("a platform can't be read"))
    }
}

/// Whether a media type is that of the configuration of an image.
fn is_config_type(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.config.v1+json"
            | "application/vnd.docker.container.image.v1+json"
    )
}

/// Whether a type of artifact is of something else than an image: some programs write the type of
/// the configuration there.
fn is_artifact(artifact_type: Option<&str>) -> bool {
    artifact_type.is_some_and(|name| !name.is_empty() && !is_config_type(name))
}

fn checked_size(size: Option<u64>) -> Result<u64, ManifestError> {
    let size = size.ok_or_else(|| form("a size is missing"))?;
    if size > MAX_SIZE {
        return Err(form("a size is larger than anything that exists"));
    }
    Ok(size)
}
