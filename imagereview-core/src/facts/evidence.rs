//! What was found that may be a signature, as it came.

use std::{collections::BTreeMap, sync::Arc};

/// What was found beside an image that may be a signature or an attestation of it: the bytes as they
/// came, and what was said of them. Nothing of it is verified.
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
pub struct Evidence {
    /// The media type of the content, as the layer's descriptor says.
    pub media_type: Box<str>,
    /// The bytes of the layer, whose digest was checked.
    #[cfg_attr(feature = "facts-file", serde(with = "super::base64"))]
    #[cfg_attr(
        all(feature = "facts-file", feature = "schema"),
        schemars(with = "super::base64::Text")
    )]
    pub content: Arc<[u8]>,
    /// The annotations of the layer's descriptor, where cosign 2 keeps signatures and certificates.
    #[cfg_attr(
        feature = "facts-file",
        serde(default, skip_serializing_if = "BTreeMap::is_empty")
    )]
    pub annotations: BTreeMap<String, String>,
}

/// How a signature or attestation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "facts-file", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    all(feature = "facts-file", feature = "schema"),
    derive(schemars::JsonSchema)
)]
#[cfg_attr(feature = "facts-file", serde(rename_all = "camelCase"))]
#[non_exhaustive]
pub enum Format {
    /// A Sigstore bundle, as cosign 3 writes.
    Bundle,
    /// A signature of cosign 2, under the tag `sha256-….sig`.
    CosignSignature,
    /// An attestation of cosign 2, under the tag `sha256-….att`.
    CosignAttestation,
    /// A signature of the Notary Project in JWS.
    NotationJws,
    /// A signature of the Notary Project in COSE.
    NotationCose,
}

impl Evidence {
    /// The bytes of a layer of this media type.
    pub fn new(media_type: impl Into<Box<str>>, content: impl Into<Arc<[u8]>>) -> Self {
        Self {
            media_type: media_type.into(),
            content: content.into(),
            annotations: BTreeMap::new(),
        }
    }

    /// Adds the annotations of the layer's descriptor.
    #[must_use]
    pub fn with_annotations(mut self, annotations: BTreeMap<String, String>) -> Self {
        self.annotations = annotations;
        self
    }
}

impl Format {
    /// The format of a layer of this media type; `None` for what is no signature or attestation.
    ///
    /// Sources: [Sigstore bundle](https://docs.sigstore.dev/about/bundle/),
    /// [cosign's signature](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md) and
    /// [attestation](https://github.com/sigstore/cosign/blob/main/specs/ATTESTATION_SPEC.md) specifications,
    /// [Notary Project signature](https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md).
    ///
    /// ```
    /// use imagereview_core::facts::Format;
    ///
    /// let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
    /// assert_eq!(Format::of_media_type(bundle), Some(Format::Bundle));
    /// assert_eq!(Format::of_media_type("application/spdx+json"), None);
    /// ```
    #[must_use]
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        Some(match media_type {
            "application/vnd.dev.cosign.simplesigning.v1+json" => Self::CosignSignature,
            "application/vnd.dsse.envelope.v1+json" => Self::CosignAttestation,
            "application/jose+json" => Self::NotationJws,
            "application/cose" => Self::NotationCose,
            bundle if bundle.starts_with("application/vnd.dev.sigstore.bundle") => Self::Bundle,
            _ => return None,
        })
    }

    /// What it is called in a sentence.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "Sigstore bundle",
            Self::CosignSignature => "cosign 2 signature",
            Self::CosignAttestation => "cosign 2 attestation",
            Self::NotationJws => "notation signature (JWS)",
            Self::NotationCose => "notation signature (COSE)",
        }
    }

    /// Whether it is of the Notary Project.
    #[must_use]
    pub fn is_notation(self) -> bool {
        matches!(self, Self::NotationJws | Self::NotationCose)
    }
}
