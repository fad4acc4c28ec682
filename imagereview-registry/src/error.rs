//! Why a registry could not be asked, or its answer is not taken.

use std::{net::IpAddr, time::Duration};

use imagereview_core::facts::{Cause, ContentDigest, Unavailable};

use crate::address::AddressError;

/// Why a registry could not be asked, or its answer is not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("{host} did not answer in {}", humantime::format_duration(*after))]
    Headers { host: Box<str>, after: Duration },
    #[error("the time was over before {host} had answered")]
    Deadline { host: Box<str> },
    #[error("there is no address for {host}; look for a mistake in the name, or ask the DNS")]
    NoAddress { host: Box<str> },
    #[error("no connection to {host} ({address}): {reason}")]
    Connect {
        host: Box<str>,
        address: IpAddr,
        reason: Box<str>,
    },
    #[error("{host} is not asked: {error}")]
    Address { host: Box<str>, error: AddressError },
    #[error("no secure connection to {host}: {reason}")]
    Tls { host: Box<str>, reason: Box<str> },
    #[error("the connection to {host} broke: {reason}")]
    Broken { host: Box<str>, reason: Box<str> },
    #[error(
        "registry {registry} is not asked: it is not in the registries file, which says \
         `unlisted: refuse`"
    )]
    Unlisted { registry: Box<str> },
    #[error("registry {registry} is not asked: its entry in the registries file says `ask: never`")]
    NeverAsked { registry: Box<str> },
    #[error(
        "no mirror of registry {registry} knows the image, and its entry in the registries file \
         says `ask: mirrors`"
    )]
    MirrorsOnly { registry: Box<str> },
    #[error("{host} denied access (status {status}); tried {tried}")]
    Denied {
        host: Box<str>,
        status: u16,
        tried: Box<str>,
    },
    #[error("{host} asks for a login in a way that is not known; it must offer Basic or Bearer")]
    UnknownChallenge { host: Box<str> },
    #[error("{host} asks for a login that can't be read: {reason}")]
    Challenge {
        host: Box<str>,
        reason: &'static str,
    },
    #[error(
        "{host} sends logins to {realm}, {reason}; if that is right, list it under tokenRealms of \
         its entry in the registries file"
    )]
    Realm {
        host: Box<str>,
        realm: Box<str>,
        reason: &'static str,
    },
    #[error("{host} gave no token that can be used: {reason}")]
    Token {
        host: Box<str>,
        reason: &'static str,
    },
    #[error(
        "{host} asked for a pause; it is asked again in {}",
        humantime::format_duration(*pause)
    )]
    Paused { host: Box<str>, pause: Duration },
    #[error("{host} failed (status {status}{})", code_suffix(code.as_deref()))]
    Status {
        host: Box<str>,
        status: u16,
        code: Option<Box<str>>,
    },
    #[error("{host} redirects {what} to another address, which is followed for blobs only")]
    Redirect { host: Box<str>, what: &'static str },
    #[error("{host} redirects a blob to {target}, {reason}")]
    RedirectTarget {
        host: Box<str>,
        target: Box<str>,
        reason: &'static str,
    },
    #[error("{what} from {host} is larger than {limit} bytes, the most that is read of one")]
    TooLarge {
        host: Box<str>,
        what: &'static str,
        limit: usize,
    },
    #[error("{what} from {host} is encoded ({encoding}), which was not asked for")]
    Encoded {
        host: Box<str>,
        what: &'static str,
        encoding: Box<str>,
    },
    #[error("{host} sent content with the digest {found} in place of {expected}")]
    WrongDigest {
        host: Box<str>,
        expected: ContentDigest,
        found: ContentDigest,
    },
    #[error("{host} sent {found} bytes of {digest}, which is described with {expected}")]
    WrongSize {
        host: Box<str>,
        digest: ContentDigest,
        expected: u64,
        found: u64,
    },
    #[error("{host} sent a manifest {reason}")]
    MediaType { host: Box<str>, reason: Box<str> },
    #[error("{host} sent {what} that can't be read: {reason}")]
    Malformed {
        host: Box<str>,
        what: &'static str,
        reason: Box<str>,
    },
    #[error("{host} sent {what}, which is not supported")]
    Unsupported { host: Box<str>, what: Box<str> },
    #[error("the image has more than {limit} platforms, the most that are looked at")]
    TooManyPlatforms { limit: usize },
    #[error(
        "more than {limit} signatures and attestations lie beside the image, the most that are looked at"
    )]
    TooManySignatures { limit: usize },
    #[error("the image's index holds indexes more than {limit} deep")]
    TooDeep { limit: usize },
    #[error("the digest of {image} is of an algorithm that registries don't use for content")]
    Algorithm { image: Box<str> },
    #[error("the name of registry {registry} can't be asked for: {reason}")]
    Name {
        registry: Box<str>,
        reason: &'static str,
    },
    #[error("{what} at once is more than is asked for; try again")]
    Busy { what: Box<str> },
    #[error("asking {host} ended with a mistake in this program; please report it")]
    Internal { host: Box<str> },
}

fn code_suffix(code: Option<&str>) -> String {
    code.map(|code| format!(", {code}")).unwrap_or_default()
}

impl AskError {
    /// What kind of reason it is.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Headers { .. } | Self::Deadline { .. } => Cause::Deadline,
            Self::NoAddress { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Broken { .. } => Cause::Unreachable,
            Self::Address { .. }
            | Self::Unlisted { .. }
            | Self::NeverAsked { .. }
            | Self::MirrorsOnly { .. }
            | Self::Realm { .. }
            | Self::Redirect { .. }
            | Self::RedirectTarget { .. }
            | Self::Name { .. } => Cause::Forbidden,
            Self::Denied { .. } | Self::UnknownChallenge { .. } | Self::Token { .. } => {
                Cause::Denied
            }
            Self::Paused { .. } => Cause::RateLimited,
            Self::Status { .. } => Cause::Failed,
            Self::TooLarge { .. }
            | Self::TooManyPlatforms { .. }
            | Self::TooManySignatures { .. }
            | Self::TooDeep { .. } => Cause::TooLarge,
            Self::WrongDigest { .. } | Self::WrongSize { .. } | Self::MediaType { .. } => {
                Cause::Dishonest
            }
            Self::Encoded { .. } | Self::Malformed { .. } | Self::Challenge { .. } => {
                Cause::Malformed
            }
            Self::Unsupported { .. } | Self::Algorithm { .. } => Cause::Unsupported,
            Self::Busy { .. } => Cause::Busy,
            Self::Internal { .. } => Cause::Internal,
        }
    }
}

impl From<AskError> for Unavailable {
    fn from(error: AskError) -> Self {
        Self::new(error.cause(), error.to_string())
    }
}
