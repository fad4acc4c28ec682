//! Why certificates, a key or client CAs can't be used.

use std::{path::PathBuf, time::SystemTime};

use rustls::server::VerifierBuilderError;

use super::{explain, pem_file::PemFileError};

/// Why certificates, a key or client CAs can't be used. Each message names the file and what to do
/// about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate chain can't be read.
    #[error("cannot read the certificate chain {}: {}; give a readable PEM file with the server's own certificate first", path.display(), source.explain("certificate"))]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What reading it met.
        source: PemFileError,
    },
    /// The private key can't be read.
    #[error("cannot read the private key {}: {}; give a readable PEM file with one unencrypted key (PKCS#8, PKCS#1 or SEC1)", path.display(), source.explain("private key"))]
    Key {
        /// The file.
        path: PathBuf,
        /// What reading it met.
        source: PemFileError,
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
    /// The server's key is of a kind that the TLS library can't sign with.
    #[error(
        "cannot serve with {identity}: its key is {key}, which is not supported; give one with a key of RSA with \
         2048 to 4096 bits, ECDSA P-256 or P-384, or Ed25519"
    )]
    ServerKey {
        /// The files that were read.
        identity: String,
        /// What the key is.
        key: String,
    },
    /// The client CAs can't be read.
    #[error("cannot read the client CA {}: {}; give a readable PEM file of CA certificates", path.display(), source.explain("certificate"))]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// What reading it met.
        source: PemFileError,
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
    /// A certificate that should be a client CA may not sign others.
    #[error("certificate {number} of the client CA {} ({name:?}) is no certificate authority: {why}; give the certificate of the authority that issues those of the clients", path.display())]
    NoAuthority {
        /// The file.
        path: PathBuf,
        /// Which of its certificates, counted from 1.
        number: usize,
        /// Its common name; empty where it has none.
        name: String,
        /// What it lacks.
        why: &'static str,
    },
    /// A client CA has a key whose signatures the TLS library can't verify.
    #[error("certificate {number} of the client CA {} has a key that is {key}, which is not supported; give an authority with a key of RSA with 2048 to 8192 bits, ECDSA P-256 or P-384, or Ed25519", path.display())]
    ClientCaKey {
        /// The file.
        path: PathBuf,
        /// Which of its certificates, counted from 1.
        number: usize,
        /// What the key is.
        key: String,
    },
    /// The revocation lists can't be read.
    #[error("cannot read the client CRL {}: {}; give a readable PEM file of revocation lists (`openssl crl -inform DER` makes PEM of one in DER)", path.display(), source.explain("revocation list (X509 CRL)"))]
    ClientCrl {
        /// The file.
        path: PathBuf,
        /// What reading it met.
        source: PemFileError,
    },
    /// A revocation list is readable PEM, but can't be used.
    #[error("cannot use revocation list {number} of the client CRL {}: {why}; give the lists that the client CAs publish now", path.display())]
    UnusableClientCrl {
        /// The file.
        path: PathBuf,
        /// Which of its lists, counted from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// No revocation list is of a client CA.
    #[error("no revocation list of the client CRL {} was issued by a client CA, so no client could connect; give the list that the client CA publishes", path.display())]
    ForeignClientCrl {
        /// The file.
        path: PathBuf,
    },
    /// Clients can't be verified with these CAs and revocation lists.
    #[error("cannot verify clients with {}: {}; give other CA certificates or revocation lists", path.display(), explain::verifier(source))]
    Verifier {
        /// The file of the revocation lists; that of the client CAs if there are none.
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
    /// There are revocation lists, but no client CA.
    #[error(
        "a client CRL needs a client CA, since only the certificates of clients are looked up in it; set one"
    )]
    CrlWithoutClientCa,
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
