//! Secrets, which nothing shows.

use std::{fmt, sync::Arc};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer};

/// A text that no log, error and trace holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Box<str>);

impl Secret {
    pub(crate) fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// How to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// Not at all.
    Anonymous,
    /// With a user's name and password.
    Password { user: Box<str>, password: Secret },
    /// With a token that is to be exchanged for others.
    IdentityToken(Secret),
    /// With a token that the registry itself takes.
    RegistryToken(Secret),
}

/// A login, and where it is from.
#[derive(Clone)]
pub(crate) struct Credential {
    login: Login,
    source: Arc<str>,
    fingerprint: Fingerprint,
}

/// Tells credentials apart without holding them. It is kept in memory only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 32]);

impl Credential {
    pub(crate) fn new(login: Login, source: impl Into<Arc<str>>) -> Self {
        let parts = match &login {
            Login::Anonymous => ["anonymous", "", ""],
            Login::Password { user, password } => ["password", user, password.reveal()],
            Login::IdentityToken(token) => ["identity", "", token.reveal()],
            Login::RegistryToken(token) => ["registry", "", token.reveal()],
        };
        Self {
            fingerprint: Fingerprint::of(parts.map(str::as_bytes)),
            login,
            source: source.into(),
        }
    }

    pub(crate) fn anonymous() -> Self {
        Self::new(Login::Anonymous, "no credentials")
    }

    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    /// Where it is from, in words that may be shown.
    pub(crate) fn source(&self) -> &Arc<str> {
        &self.source
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl Fingerprint {
    /// Of all these parts in their order.
    pub(super) fn of<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut hash = Context::new(&SHA256);
        for part in parts {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hash.finish().as_ref());
        Self(fingerprint)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.source)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(fingerprint)")
    }
}
