//! What a signature says, once it is verified.

use std::{collections::BTreeMap, fmt, time::SystemTime};

use serde_json::Value;

use super::content_digest::ContentDigest;

/// What somebody says of an image, and who it is that says so. It was verified.
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
pub struct Statement {
    /// Who signed.
    pub signer: Signer,
    /// What was signed.
    pub claim: Claim,
    /// The digest that it is about.
    pub subject: ContentDigest,
    /// When a transparency log took it in, if an entry was verified.
    #[cfg_attr(
        feature = "facts-file",
        serde(
            default,
            with = "super::time::optional",
            skip_serializing_if = "Option::is_none"
        )
    )]
    #[cfg_attr(
        all(feature = "facts-file", feature = "schema"),
        schemars(with = "Option<super::time::Text>")
    )]
    pub logged: Option<SystemTime>,
    /// When an authority timestamped it, if a timestamp was verified.
    #[cfg_attr(
        feature = "facts-file",
        serde(
            default,
            with = "super::time::optional",
            skip_serializing_if = "Option::is_none"
        )
    )]
    #[cfg_attr(
        all(feature = "facts-file", feature = "schema"),
        schemars(with = "Option<super::time::Text>")
    )]
    pub timestamped: Option<SystemTime>,
    /// Until when it holds, if it ends: a signature that expires, or a certificate that was valid at no
    /// proved time.
    #[cfg_attr(
        feature = "facts-file",
        serde(
            default,
            with = "super::time::optional",
            skip_serializing_if = "Option::is_none"
        )
    )]
    #[cfg_attr(
        all(feature = "facts-file", feature = "schema"),
        schemars(with = "Option<super::time::Text>")
    )]
    pub expires: Option<SystemTime>,
}

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "facts-file", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    all(feature = "facts-file", feature = "schema"),
    derive(schemars::JsonSchema)
)]
#[cfg_attr(
    feature = "facts-file",
    serde(
        rename_all = "camelCase",
        rename_all_fields = "camelCase",
        deny_unknown_fields
    )
)]
#[non_exhaustive]
pub enum Claim {
    /// That the image is signed, and no more.
    Signature {
        /// The annotations that were signed too.
        #[cfg_attr(
            feature = "facts-file",
            serde(default, skip_serializing_if = "BTreeMap::is_empty")
        )]
        annotations: BTreeMap<String, String>,
        /// The repository that the signature names, if it names one: bundles don't.
        #[cfg_attr(
            feature = "facts-file",
            serde(default, skip_serializing_if = "Option::is_none")
        )]
        reference: Option<Box<str>>,
    },
    /// That something holds of the image: an in-toto statement.
    Attestation {
        /// What kind of predicate it is: a URI.
        predicate_type: Box<str>,
        /// What holds, as the kind of predicate describes it.
        predicate: Value,
        /// The names of those of its subjects that have the image's digest.
        #[cfg_attr(
            feature = "facts-file",
            serde(default, skip_serializing_if = "Vec::is_empty")
        )]
        subjects: Vec<Box<str>>,
    },
}

/// Who signed, as far as that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "facts-file", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    all(feature = "facts-file", feature = "schema"),
    derive(schemars::JsonSchema)
)]
#[cfg_attr(
    feature = "facts-file",
    serde(
        rename_all = "camelCase",
        rename_all_fields = "camelCase",
        deny_unknown_fields
    )
)]
#[non_exhaustive]
pub enum Signer {
    /// Who holds a key.
    Key {
        /// `sha256:` and the hash of the public key (`SubjectPublicKeyInfo`, DER) in hexadecimal digits.
        fingerprint: Box<str>,
    },
    /// Whom an issuer of identities vouched for.
    Keyless {
        /// The issuer: a URL.
        issuer: Box<str>,
        /// The identity: an e-mail address or a URI.
        subject: Box<str>,
        /// What else the certificate says, by the names in [`CLAIMS`].
        #[cfg_attr(
            feature = "facts-file",
            serde(default, skip_serializing_if = "BTreeMap::is_empty")
        )]
        claims: BTreeMap<String, String>,
    },
    /// Who holds a certificate.
    Certificate {
        /// The subject of the certificate.
        subject: DistinguishedName,
        /// Its alternative names: e-mail addresses, URIs, hosts.
        #[cfg_attr(
            feature = "facts-file",
            serde(default, skip_serializing_if = "Vec::is_empty")
        )]
        names: Vec<Box<str>>,
        /// The fingerprint of the root that it leads to: `sha256:` and the hash of the certificate (DER).
        root: Box<str>,
    },
    /// Who holds a certificate of notation's.
    Notation {
        /// The subject of the certificate.
        subject: DistinguishedName,
        /// The fingerprint of the root that it leads to: `sha256:` and the hash of the certificate (DER).
        root: Box<str>,
    },
}

/// The subject of a certificate: types of attributes by their short names (`CN`, `O`, `C`), or by their
/// object identifiers where there is none, and their values, in the order of the certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "facts-file", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    all(feature = "facts-file", feature = "schema"),
    derive(schemars::JsonSchema)
)]
#[cfg_attr(feature = "facts-file", serde(transparent))]
#[allow(clippy::exhaustive_structs, reason = "it is this list and no more")]
pub struct DistinguishedName(pub Vec<(Box<str>, Box<str>)>);

/// What Fulcio's certificates can say of the workflow that signed, by the names that Sigstore's tools use,
/// and the last number of the extension (`1.3.6.1.4.1.57264.1.`).
///
/// Source: [Fulcio, "Sigstore OID information"](https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md).
pub const CLAIMS: &[(&str, u8)] = &[
    ("githubWorkflowTrigger", 2),
    ("githubWorkflowSHA", 3),
    ("githubWorkflowName", 4),
    ("githubWorkflowRepository", 5),
    ("githubWorkflowRef", 6),
    ("buildSignerURI", 9),
    ("buildSignerDigest", 10),
    ("runnerEnvironment", 11),
    ("sourceRepositoryURI", 12),
    ("sourceRepositoryDigest", 13),
    ("sourceRepositoryRef", 14),
    ("sourceRepositoryIdentifier", 15),
    ("sourceRepositoryOwnerURI", 16),
    ("sourceRepositoryOwnerIdentifier", 17),
    ("buildConfigURI", 18),
    ("buildConfigDigest", 19),
    ("buildTrigger", 20),
    ("runInvocationURI", 21),
    ("sourceRepositoryVisibilityAtSigning", 22),
];

impl Statement {
    /// What a signer says of a digest, without a proved time.
    #[must_use]
    pub fn new(signer: Signer, claim: Claim, subject: ContentDigest) -> Self {
        Self {
            signer,
            claim,
            subject,
            logged: None,
            timestamped: None,
            expires: None,
        }
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        match &self.claim {
            Claim::Signature { annotations, .. } => 512 + 128 * annotations.len(),
            // A tree takes some times its text.
            Claim::Attestation { predicate, .. } => 512 + bytes_of(predicate),
        }
    }
}

fn bytes_of(value: &Value) -> usize {
    const NODE: usize = 96;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => NODE,
        Value::String(text) => NODE + text.len(),
        Value::Array(list) => NODE + list.iter().map(bytes_of).sum::<usize>(),
        Value::Object(map) => {
            let entries = map.iter();
            let entries = entries.map(|(name, value)| NODE + name.len() + bytes_of(value));
            NODE + entries.sum::<usize>()
        }
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (kind, value)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{kind}={value}")?;
        }
        Ok(())
    }
}
