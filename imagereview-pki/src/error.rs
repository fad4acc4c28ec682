//! Why a certificate could not be created.

use std::time::SystemTime;

use time::OffsetDateTime;

use crate::SubjectNameError;

/// Why a certificate could not be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A common name or organization that a certificate can't hold. RFC 5280, appendix A.1, limits
    /// both to 64 characters (`ub-common-name`, `ub-organization-name`).
    #[error(
        "invalid {attribute} {value:?}: it must have 1 to 64 characters and no control characters"
    )]
    Attribute {
        /// `common name` or `organization`.
        attribute: &'static str,
        /// The value as given.
        value: String,
    },

    /// A server certificate without a name. No client would accept it.
    #[error("a server certificate needs at least one DNS name or IP address")]
    NoSubjectName,

    /// A text that is not a DNS name.
    #[error(transparent)]
    SubjectName(#[from] SubjectNameError),

    /// The certificate would begin or end outside the years 1970 to 9999.
    #[error("the certificate would begin or end outside the years 1970 to 9999")]
    Time,

    /// The text given as the authority's certificate has no certificate that can be read.
    #[error(
        "the authority's certificate can't be read: {cause}; give one X.509 certificate in PEM"
    )]
    Certificate {
        /// What is wrong with the text.
        cause: &'static str,
    },

    /// The certificate may not sign others.
    #[error("the certificate of {subject} is not an authority's: {reason}")]
    NotAnAuthority {
        /// The subject of the certificate.
        subject: String,
        /// What is missing.
        reason: &'static str,
    },

    /// The text given as the authority's private key has no key that can be read.
    #[error(
        "the authority's key can't be read: {cause}; give one unencrypted PKCS #8 key in PEM, such as `openssl pkcs8 -topk8 -nocrypt` writes"
    )]
    Key {
        /// What is wrong with the text.
        cause: &'static str,
    },

    /// The private key belongs to another certificate.
    #[error("the authority's key does not belong to its certificate, that of {subject}")]
    KeyMismatch {
        /// The subject of the certificate.
        subject: String,
    },

    /// The subject of the authority can't be copied into the certificates that it issues, so no
    /// verifier would accept them.
    #[error(
        "the authority's subject {subject} can't be reproduced in the certificates that it issues; use an authority whose subject has each attribute once"
    )]
    Subject {
        /// The subject of the authority.
        subject: String,
    },

    /// The authority's own certificate has expired.
    #[error("the authority's certificate expired on {end}; create a new authority", end = OffsetDateTime::from(*end).date())]
    AuthorityExpired {
        /// When it expired.
        end: SystemTime,
    },

    /// The cryptography library failed, for example because the system has no random numbers.
    #[error("the certificate can't be created: {cause}")]
    Generation {
        /// What failed.
        cause: String,
    },
}
