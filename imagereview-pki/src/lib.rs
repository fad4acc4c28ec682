//! The certificates that a Kubernetes image-admission webhook needs: a certificate authority, a
//! server certificate for the webhook, and a client certificate for the API server that calls it.
//!
//! Creating a certificate is a pure function. It reads and writes no file, and the time is an
//! argument. The result is PEM. Only the module [`files`] does I/O: it writes a set of files
//! completely or not at all.
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
//! - Keys are ECDSA P-256. Every TLS library that Kubernetes components were built with supports
//!   it, and a handshake costs much less than with RSA.
//! - The authority has a path length of 0. It can sign leaves, but no further authority.
//! - A leaf has one purpose, `serverAuth` or `clientAuth`. So whoever steals the server's key can't
//!   call the webhook as the API server.
//! - Server names are only in the subject alternative name. Go ignores the common name since 1.15.
//! - An error is a complete sentence that includes its cause. Printing it is enough.
//!
//! # Dependencies
//!
//! No type of another crate is in the public API, and there are no features.
#![forbid(unsafe_code)]

// The examples of the crate's page are tests too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod authority;
mod error;
pub mod files;
mod subject_name;
mod validity;

pub use authority::{CertificateAuthority, Identity};
pub use error::PkiError;
pub use subject_name::{SubjectName, SubjectNameError};
pub use validity::Validity;
