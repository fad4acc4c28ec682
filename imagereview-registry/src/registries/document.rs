//! The fields of the registries file. One declaration gives the reader and the JSON Schema.

use std::{num::NonZeroU16, path::PathBuf};

use serde::{Deserialize, Deserializer, de};
use serde_saphyr::Spanned;

use super::Host;
use crate::{
    address::AddressRange,
    realm::{REALM_FORM, TokenRealm},
};

/// How registries are asked for facts about images.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct RegistriesDocument {
    /// Always `imagereview/v1alpha1`.
    #[serde(rename = "apiVersion")]
    _api_version: ApiVersion,
    /// Always `Registries`.
    #[serde(rename = "kind")]
    _kind: Kind,
    /// Whether a registry that is not listed may be asked. `ask` if left out.
    #[serde(default)]
    pub(super) unlisted: UnlistedDocument,
    /// The registries that are asked in a way of their own.
    #[serde(default)]
    pub(super) registries: Vec<RegistryDocument>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
enum ApiVersion {
    #[serde(rename = "imagereview/v1alpha1")]
    V1Alpha1,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
enum Kind {
    Registries,
}

/// Whether a registry that is not listed may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) enum UnlistedDocument {
    /// It is asked, over HTTPS.
    #[default]
    Ask,
    /// It is not: what depends on its answer is not known.
    Refuse,
}

/// One registry, or all of a domain.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct RegistryDocument {
    /// The host as images name it, with its port where they name one: `registry.example.com:5000`;
    /// or `*.example.com` for all hosts of a domain.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub(super) host: Spanned<Host>,
    /// Whether it may be asked. `always` if left out.
    #[serde(default)]
    pub(super) ask: AskDocument,
    /// Registries that hold the same and are asked before it, in this order: a host, and what stands
    /// before the repository there, such as `mirror.example.com/hub`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub(super) mirrors: Vec<MirrorDocument>,
    /// A file of certificate authorities in the form PEM that are trusted beside those of the
    /// machine. It is found from the folder of this file.
    #[serde(default)]
    pub(super) ca_file: Option<PathBuf>,
    /// Whether it is asked over HTTP without TLS. Only for `localhost` if left out.
    #[serde(default)]
    pub(super) plain_http: Option<bool>,
    /// Where it may send us for a token, beside itself and its own domain.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub(super) token_realms: Vec<RealmDocument>,
    /// The most requests that are in flight to it. 16 if left out.
    #[serde(default)]
    pub(super) max_requests: Option<NonZeroU16>,
    /// Hosts that it may redirect us to for manifests, which must be the same there. None if left
    /// out.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub(super) manifest_redirects: Vec<Host>,
    /// Addresses that it may be at although no other may: of this machine, of its link, or of a
    /// cloud's metadata service. None if left out.
    #[serde(default)]
    pub(super) allow_addresses: Vec<AddressRange>,
}

/// Whether a registry may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) enum AskDocument {
    /// Its mirrors first, then itself.
    #[default]
    Always,
    /// Its mirrors only.
    Mirrors,
    /// Neither: what depends on its answer is not known.
    Never,
}

/// A mirror, and what stands before the repository there.
#[derive(Clone)]
pub(super) struct MirrorDocument {
    pub(super) host: Host,
    pub(super) prefix: Box<str>,
}

/// A server that gives out tokens.
#[derive(Clone)]
pub(super) struct RealmDocument(pub(super) TokenRealm);

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Host::parse(&text).ok_or_else(|| {
            de::Error::custom(format_args!(
                "{text:?} is no host that an image can name; write it as in \
                 registry.example.com:5000/team/app, without the path and without https://"
            ))
        })
    }
}

impl<'de> Deserialize<'de> for MirrorDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (host, prefix) = text.split_once('/').unwrap_or((&text, ""));
        let image = format!("registry.example.com/{prefix}/x");
        let is_prefix = prefix.is_empty() || imagereview_core::ImageRef::parse(&image).is_ok();
        match Host::parse(host) {
            Some(host) if is_prefix && !host.is_wildcard() => Ok(Self {
                host,
                prefix: prefix.into(),
            }),
            _ => Err(de::Error::custom(format_args!(
                "{text:?} is no mirror; write a host and what stands before the repository there, \
                 such as mirror.example.com/hub"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for RealmDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        TokenRealm::parse(&text)
            .map(Self)
            .ok_or_else(|| de::Error::custom(format_args!("a token realm is {REALM_FORM}")))
    }
}

/// The JSON Schema of the registries file, for editors and other tools.
///
/// ```
/// let schema = imagereview_registry::json_schema();
/// assert_eq!(schema["title"], "imagereview registries");
/// ```
#[cfg(feature = "schema")]
#[must_use]
pub fn json_schema() -> serde_json::Value {
    use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};

    // The lines of a comment are broken for those who read the code.
    let unbreak = |schema: &mut Schema| {
        if let Some(serde_json::Value::String(text)) = schema.get_mut("description") {
            *text = text.replace('\n', " ");
        }
    };
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(unbreak));
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<RegistriesDocument>();
    schema.insert("title".into(), "imagereview registries".into());
    schema.to_value()
}
