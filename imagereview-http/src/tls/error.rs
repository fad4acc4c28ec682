//! Why certificates, a key or client CAs can't be used.

use std::{path::PathBuf, time::SystemTime};

use rustls::server::VerifierBuilderError;
use rustls_pki_types::pem;

use super::explain;

/// Why certificates, a key or client CAs can't be used. Each message names the file and what to do
/// about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate chain can't be read.
    #[error("cannot read the certificate chain {}: {}; give a readable PEM file with the server's own certificate first", path.display(), explain::pem_file(source, "certificate"))]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What reading it met.
        source: pem::Error,
    },
    /// The private key can't be read.
    #[error("cannot read the private key {}: {}; give a readable PEM file with one unencrypted key (PKCS#8, PKCS#1 or SEC1)", path.display(), explain::pem_file(source, "private key"))]
    Key {
        /// The file.
        path: PathBuf,
        /// What reading it met.
        source: pem::Error,
    },
    /// The certificate and the key are readable but can't be used together.
    #[error(
        "cannot serve with {identity}: {}; give a certificate and the private key that it was issued for",
        explain::identity(source)
    )]
    Identity {
        /// The files that were read.
        identity: String,
        /// What is wrong with them.
        source: rustls::Error,
    },
    /// The client CAs can't be read.
    #[error("cannot read the client CA {}: {}; give a readable PEM file of CA certificates", path.display(), explain::pem_file(source, "certificate"))]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// What reading it met.
        source: pem::Error,
    },
    /// A client CA is readable PEM, but no certificate that can be trusted.
    #[error("cannot trust certificate {number} of the client CA {}: {}; give a PEM file of CA certificates", path.display(), explain::client_ca(source))]
    UntrustworthyClientCa {
        /// The file.
        path: PathBuf,
        /// Which of its certificates, counted from 1.
        number: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// Clients can't be verified with these CAs.
    #[error("cannot verify clients with the client CA {}: {source}; give a PEM file of CA certificates", path.display())]
    Verifier {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: VerifierBuilderError,
    },
    /// A certificate that should replace the one that is served has expired.
    #[error("the chain of {identity} expired on {}; give one that is valid", humantime::format_rfc3339_seconds(*.ended))]
    Expired {
        /// The files that were read.
        identity: String,
        /// When the first certificate of the chain expired.
        ended: SystemTime,
    },
    /// The new certificate is not valid yet.
    #[error(
        "the certificate of {identity} is not valid before {}; it is served from then on",
        humantime::format_rfc3339_seconds(*begins)
    )]
    NotYetValid {
        /// Where it is read from.
        identity: String,
        /// When it becomes valid.
        begins: SystemTime,
    },
    /// All client CAs have expired.
    #[error(
        "every client CA in {path} has expired, so no client could connect; give one that is valid"
    )]
    ClientCasEnded {
        /// The file.
        path: PathBuf,
    },
    /// There are client names, but no client CA.
    #[error("client names need a client CA, since only a client certificate has a name; set one")]
    NamesWithoutClientCa,
    /// The cryptography has no TLS version in common with the server, or no random numbers; this is
    /// a fault of the build or the system.
    #[error("this build or this system can't serve TLS: {0}")]
    Provider(rustls::Error),
}

impl TlsError {
    /// Whether the same files will do once their time has come.
    pub(crate) fn is_for_now(&self) -> bool {
        matches!(self, Self::NotYetValid { .. })
    }
}
