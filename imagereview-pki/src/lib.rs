//! The certificates that an image-admission webhook needs: a certificate authority of its own, a
//! server certificate for the webhook, and a client certificate for the API server that calls it.
//!
//! Making a certificate is a pure function: no file is read or written, and the time is an
//! argument. What comes out is PEM. [`files`] is the one module that does I/O: it writes a set of
//! files all together or not at all.
//!
//! ```
//! use std::time::SystemTime;
//! use imagereview_pki::{CertificateAuthority, SubjectName, Validity};
//!
//! let now = SystemTime::now();
//! let authority = CertificateAuthority::generate("example authority", now, Validity::AUTHORITY)?;
//!
//! let names: [SubjectName; 2] = ["webhook.example.com".parse()?, "192.0.2.10".parse()?];
//! let server = authority.issue_server("webhook", &names, now, Validity::LEAF)?;
//! let client = authority.issue_client("kube-apiserver", None, now, Validity::LEAF)?;
//!
//! assert!(server.certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
//! assert!(client.key_pem().starts_with("-----BEGIN PRIVATE KEY-----"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Choices
//!
//! - Keys are ECDSA P-256: every TLS library that Kubernetes components were built with knows it,
//!   and a handshake costs a fraction of an RSA one.
//! - The authority has a path length of 0: it signs leaves and no further authority.
//! - A leaf serves one purpose, `serverAuth` or `clientAuth`, so a stolen server key can't call the
//!   webhook as the API server.
//! - Server names are only ever in the subject alternative name: Go has ignored the common name
//!   since 1.15.
//! - Errors are complete sentences with their cause in them, so printing one is enough.
#![forbid(unsafe_code)]

mod authority;
mod error;
pub mod files;
mod subject_name;
mod validity;

pub use authority::{CertificateAuthority, Identity};
pub use error::PkiError;
pub use subject_name::{SubjectName, SubjectNameError};
pub use validity::Validity;
