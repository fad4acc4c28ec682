//! What lies beside an image: lists of artifacts, and the manifests of signatures.
//!
//! Sources: [distribution specification, "Listing Referrers"](https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers),
//! [image specification, "Image Manifest"](https://github.com/opencontainers/image-spec/blob/main/manifest.md).

use std::collections::BTreeMap;

use imagereview_core::facts::ContentDigest;

use super::{
    manifest::MAX_ENTRIES,
    strict::{Ignored, List, Map, from_slice, strict_objects},
};

/// The most artifacts of a list that are read. More are too many, whatever they are.
const MAX_LISTED: usize = 1024;

/// The most layers of one artifact: cosign 2 writes one for each signature.
const MAX_LAYERS: usize = 1024;

strict_objects! {
    /// A list, or a manifest: which of the two is said by what it holds.
    struct Document {
        "schemaVersion" schema_version: Option<u64>,
        "manifests" manifests: Option<List<ListedDocument, MAX_LISTED>>,
        "layers" layers: Option<List<LayerDocument, MAX_LAYERS>>,
        "config" config: Option<Ignored>,
        "subject" subject: Option<SubjectDocument>,
    }

    struct ListedDocument {
        "digest" digest: Option<ContentDigest>,
        "size" size: Option<u64>,
    }

    struct SubjectDocument {
        "digest" digest: Option<ContentDigest>,
    }

    struct LayerDocument {
        "mediaType" media_type: Option<String>,
        "digest" digest: Option<ContentDigest>,
        "size" size: Option<u64>,
        "annotations" annotations: Map<String, MAX_ENTRIES>,
    }
}

/// What lies beside an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Artifact {
    /// A list of manifests.
    List(Vec<ContentDigest>),
    /// One manifest.
    Manifest(ArtifactManifest),
}

/// The manifest of something that may hold signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArtifactManifest {
    /// The digest of what it is about, where it says so.
    pub(crate) subject: Option<ContentDigest>,
    /// What it holds.
    pub(crate) layers: Vec<Layer>,
}

/// Content that a manifest points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) media_type: Box<str>,
    pub(crate) digest: ContentDigest,
    pub(crate) size: u64,
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Artifact {
    /// Reads the bytes of a list or a manifest. What kind of artifact a list says that something is does
    /// not count: registries write something else there.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document: Document = from_slice(bytes)?;
        if document.schema_version != Some(2) {
            return Err("its schemaVersion is not 2".into());
        }
        match (document.manifests, document.layers) {
            (Some(manifests), None) if document.config.is_none() => {
                let listed = manifests.0.into_iter().map(|listed| {
                    let digest = listed.digest.ok_or("a digest is missing")?;
                    listed.size.ok_or("a size is missing")?;
                    Ok(digest)
                });
                listed.collect::<Result<_, String>>().map(Self::List)
            }
            (None, Some(layers)) => {
                let layers = layers.0.into_iter().map(LayerDocument::into_layer);
                let subject = document.subject.and_then(|subject| subject.digest);
                Ok(Self::Manifest(ArtifactManifest {
                    subject,
                    layers: layers.collect::<Result<_, String>>()?,
                }))
            }
            (None, None) => Err("it has neither manifests nor layers".into()),
            (Some(_), _) => Err("it is a list and a manifest at once".into()),
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::List(digests) => 128 * digests.len(),
            Self::Manifest(manifest) => {
                let layers = manifest.layers.iter().map(|layer| {
                    let annotations = layer.annotations.iter();
                    let annotations =
                        annotations.map(|(name, value)| 96 + name.len() + value.len());
                    256 + annotations.sum::<usize>()
                });
                256 + layers.sum::<usize>()
            }
        }
    }
}

impl LayerDocument {
    fn into_layer(self) -> Result<Layer, String> {
        Ok(Layer {
            media_type: self.media_type.unwrap_or_default().into(),
            digest: self.digest.ok_or("a digest is missing")?,
            size: self.size.ok_or("a size is missing")?,
            annotations: self.annotations.0,
        })
    }
}
