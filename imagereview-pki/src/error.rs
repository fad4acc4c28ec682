//! Why a certificate could not be made.

use std::time::SystemTime;

use time::OffsetDateTime;

use crate::SubjectNameError;

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A common name or organization that a certificate can't hold. RFC 5280, appendix A.1, bounds
    /// both at 64 characters (`ub-common-name`, `ub-organization-name`).
    #[error("{attribute} {value:?} must have 1 to 64 characters, none of them a control character")]
    Attribute {
        /// `common name` or `organization`.
        attribute: &'static str,
        /// The value as given.
        value: String,
    },

    /// A server certificate without a name, which no client would accept.
    #[error("a server certificate needs at least one DNS name or IP address")]
    NoSubjectName,

    /// A DNS name that isn't one.
    #[error(transparent)]
    SubjectName(#[from] SubjectNameError),

    /// The dates of the certificate lie outside the years 1970 to 9999.
    #[error("the certificate would begin or end outside the years 1970 to 9999")]
    Time,

    /// The text given as the authority's certificate holds none that can be read.
    #[error(
        "the authority's certificate can't be read: {cause}; it must be one X.509 certificate in PEM"
    )]
    Certificate {
        /// What the parser said.
        cause: String,
    },

    /// The certificate may not sign others.
    #[error("the certificate of {subject} is not an authority's: {reason}")]
    NotAnAuthority {
        /// The subject of the certificate.
        subject: String,
        /// What is missing.
        reason: &'static str,
    },

    /// The text given as the authority's key holds none that can be read.
    #[error(
        "the authority's key can't be read: {cause}; it must be one unencrypted PKCS #8 key in PEM (`openssl pkcs8 -topk8 -nocrypt` writes that)"
    )]
    Key {
        /// What the parser said.
        cause: String,
    },

    /// Certificate and key don't belong together.
    #[error("the authority's key does not belong to its certificate, that of {subject}")]
    KeyMismatch {
        /// The subject of the certificate.
        subject: String,
    },

    /// The subject of the authority can't be copied into the certificates that it issues, so they
    /// would not chain to it.
    #[error(
        "the authority's subject {subject} can't be reproduced in the certificates it issues; use an authority whose subject names each attribute once"
    )]
    Subject {
        /// The subject of the authority.
        subject: String,
    },

    /// The authority's own certificate has ended.
    #[error("the authority's certificate ended on {end}; make a new authority", end = OffsetDateTime::from(*end).date())]
    AuthorityExpired {
        /// When it ended.
        end: SystemTime,
    },

    /// The cryptography library failed, for instance for want of random numbers.
    #[error("the certificate can't be made: {cause}")]
    Generation {
        /// What the library said.
        cause: String,
    },
}

impl From<rcgen::Error> for PkiError {
    fn from(error: rcgen::Error) -> Self {
        Self::Generation {
            cause: error.to_string(),
        }
    }
}
