//! What signatures are verified with.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// What signatures are verified with: keys, or the roots of certificates and of what proves a time.
///
/// It says who vouches, not for whom: which identities may sign is a condition of the rule, which this
/// crate decides over [verified statements](super::Statement). So one verification serves all rules that
/// trust the same.
///
/// Clones share the content. Two are equal if their content is, however they came about.
#[derive(Clone)]
pub struct Trust(Arc<(TrustId, TrustKind)>);

/// What kind of signatures is verified, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustKind {
    /// Public keys. A signature by one of them counts.
    #[non_exhaustive]
    Key {
        /// One or more public keys in PEM (`BEGIN PUBLIC KEY`).
        pem: Arc<str>,
        /// What must prove when something was signed; nothing if `None`.
        time: Option<TimeProof>,
    },
    /// Certificates of a Sigstore instance, which last for minutes. So a time must be proved.
    #[non_exhaustive]
    Keyless {
        /// The instance's authorities, logs and timestamp authorities, and which of them must prove the time.
        time: TimeProof,
        /// Whether a certificate must be in a certificate transparency log of the trusted root.
        certificate_log: bool,
    },
    /// Certificates of one's own authority.
    #[non_exhaustive]
    Certificate {
        /// One or more root certificates in PEM.
        roots: Arc<str>,
        /// What must prove when something was signed. If `None`, the certificate must be valid now.
        time: Option<TimeProof>,
    },
    /// Signatures of the Notary Project.
    #[non_exhaustive]
    Notation {
        /// The root certificates of the trust stores of the kind `ca`, in PEM.
        roots: Arc<str>,
        /// The root certificates of the trust stores of the kind `signingAuthority`, in PEM, if any.
        signing_authorities: Option<Arc<str>>,
        /// The root certificates of timestamp authorities, in PEM, if any.
        timestamp_roots: Option<Arc<str>>,
        /// What is checked beside signature and certificates.
        level: NotationLevel,
    },
}

/// What must prove when something was signed.
///
/// If neither is required, either will do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "whoever verifies is to heed each field"
)]
pub struct TimeProof {
    /// The text of a Sigstore `trusted_root.json`.
    pub trusted_root: Arc<str>,
    /// Whether an entry in a log of the trusted root is required.
    pub log: bool,
    /// Whether a timestamp of an authority of the trusted root is required.
    pub timestamp: bool,
}

/// What is checked of a notation signature beside its integrity and its certificates.
///
/// Source: [Notary Project, "Signature Verification details"](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md#signature-verification-details).
/// Revocation is looked up at no level, since that needs a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(
    clippy::exhaustive_enums,
    reason = "whoever verifies is to handle each level"
)]
pub enum NotationLevel {
    /// The signature must not have expired, and its certificates must have been valid at a time that is
    /// proved, or be valid now.
    Strict,
    /// A signature that has expired counts, and so do certificates that are no longer valid.
    Permissive,
}

/// What identifies a [`Trust`]: its kind, and a hash of its content.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "facts-file", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    all(feature = "facts-file", feature = "schema"),
    derive(schemars::JsonSchema)
)]
#[cfg_attr(feature = "facts-file", serde(transparent))]
pub struct TrustId(Box<str>);

impl Trust {
    /// The kind and its content.
    #[must_use]
    pub fn kind(&self) -> &TrustKind {
        &self.0.1
    }

    /// What identifies it, in needs, facts and caches.
    #[must_use]
    pub fn id(&self) -> &TrustId {
        &self.0.0
    }
}

#[cfg(feature = "signatures")]
impl Trust {
    /// Public keys in PEM, one or more.
    ///
    /// ```
    /// use imagereview_core::facts::Trust;
    ///
    /// let key = Trust::key("-----BEGIN PUBLIC KEY-----\n…", None);
    /// assert!(key.id().as_str().starts_with("key:"));
    /// ```
    #[must_use]
    pub fn key(pem: impl Into<Arc<str>>, time: Option<TimeProof>) -> Self {
        let pem = pem.into();
        Self::new(TrustKind::Key { pem, time })
    }

    /// A Sigstore instance; see [`TrustKind::Keyless`].
    #[must_use]
    pub fn keyless(time: TimeProof, certificate_log: bool) -> Self {
        Self::new(TrustKind::Keyless {
            time,
            certificate_log,
        })
    }

    /// Root certificates in PEM, one or more.
    #[must_use]
    pub fn certificate(roots: impl Into<Arc<str>>, time: Option<TimeProof>) -> Self {
        let roots = roots.into();
        Self::new(TrustKind::Certificate { roots, time })
    }

    /// The trust stores of notation; see [`TrustKind::Notation`].
    #[must_use]
    pub fn notation(
        roots: impl Into<Arc<str>>,
        signing_authorities: Option<Arc<str>>,
        timestamp_roots: Option<Arc<str>>,
        level: NotationLevel,
    ) -> Self {
        Self::new(TrustKind::Notation {
            roots: roots.into(),
            signing_authorities,
            timestamp_roots,
            level,
        })
    }

    fn new(kind: TrustKind) -> Self {
        let id = TrustId::of(&kind);
        Self(Arc::new((id, kind)))
    }
}

#[cfg(feature = "signatures")]
impl TrustId {
    fn of(kind: &TrustKind) -> Self {
        use std::fmt::Write as _;

        use sha2::{Digest as _, Sha256};

        let mut hash = Sha256::new();
        // Each part with its length, so that no two contents have the same bytes.
        let mut part = |text: Option<&str>| {
            let len = text.map_or(u64::MAX, |text| text.len() as u64);
            hash.update(len.to_le_bytes());
            hash.update(text.unwrap_or_default());
        };
        let time = |time: Option<&TimeProof>, part: &mut dyn FnMut(Option<&str>)| {
            part(time.map(|time| &*time.trusted_root));
            let flag = |is: bool| Some(if is { "1" } else { "0" });
            part(time.and_then(|time| flag(time.log)));
            part(time.and_then(|time| flag(time.timestamp)));
        };
        let name = match kind {
            TrustKind::Key { pem, time: proof } => {
                part(Some(pem));
                time(proof.as_ref(), &mut part);
                "key"
            }
            TrustKind::Keyless {
                time: proof,
                certificate_log,
            } => {
                time(Some(proof), &mut part);
                part(Some(if *certificate_log { "1" } else { "0" }));
                "keyless"
            }
            TrustKind::Certificate { roots, time: proof } => {
                part(Some(roots));
                time(proof.as_ref(), &mut part);
                "certificate"
            }
            TrustKind::Notation {
                roots,
                signing_authorities,
                timestamp_roots,
                level,
            } => {
                part(Some(roots));
                part(signing_authorities.as_deref());
                part(timestamp_roots.as_deref());
                part(Some(match level {
                    NotationLevel::Strict => "strict",
                    NotationLevel::Permissive => "permissive",
                }));
                "notation"
            }
        };
        let mut text = format!("{name}:");
        // Half of it is more than can be made to agree.
        for byte in &hash.finalize()[..16] {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }
}

impl TrustId {
    /// As it stands in files of facts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrustId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TrustId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trust").field(self.id()).finish()
    }
}

impl PartialEq for Trust {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Trust {}

impl PartialOrd for Trust {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Trust {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id().cmp(other.id())
    }
}

impl Hash for Trust {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

#[cfg(all(test, feature = "signatures"))]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_content_has_an_id_of_its_own() {
        let proof = |log, timestamp| TimeProof {
            trusted_root: "{}".into(),
            log,
            timestamp,
        };
        let all = [
            Trust::key("a", None),
            Trust::key("b", None),
            Trust::key("a", Some(proof(false, false))),
            Trust::key("a", Some(proof(true, false))),
            Trust::key("a", Some(proof(false, true))),
            Trust::keyless(proof(true, false), true),
            Trust::keyless(proof(true, false), false),
            Trust::certificate("a", None),
            Trust::notation("a", None, None, NotationLevel::Strict),
            Trust::notation("a", None, None, NotationLevel::Permissive),
            Trust::notation("a", Some("".into()), None, NotationLevel::Strict),
            Trust::notation("a", None, Some("".into()), NotationLevel::Strict),
        ];
        let ids: BTreeSet<&TrustId> = all.iter().map(Trust::id).collect();
        assert_eq!(ids.len(), all.len());
        assert_eq!(Trust::key("a", None), all[0]);
    }
}
