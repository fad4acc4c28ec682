//! The server's certificate and private key, or where they come from.

use std::{fmt, path::PathBuf};

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Where the server's certificate and private key come from.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerIdentity {
    /// PEM files, as a mounted Kubernetes TLS Secret holds them.
    Files {
        /// The certificate chain, the server's own certificate first.
        certificate: PathBuf,
        /// The private key (PKCS#8, PKCS#1 or SEC1).
        key: PathBuf,
    },
    /// A certificate and key that the program holds already. `Debug` doesn't show the key.
    Memory {
        /// The certificate chain, the server's own certificate first.
        chain: Vec<CertificateDer<'static>>,
        /// The private key.
        key: PrivateKeyDer<'static>,
    },
}

impl ServerIdentity {
    /// The files that it is read from.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Files { certificate, key } => vec![certificate.clone(), key.clone()],
            Self::Memory { .. } => Vec::new(),
        }
    }
}

impl Clone for ServerIdentity {
    fn clone(&self) -> Self {
        match self {
            Self::Files { certificate, key } => Self::Files {
                certificate: certificate.clone(),
                key: key.clone(),
            },
            Self::Memory { chain, key } => Self::Memory {
                chain: chain.clone(),
                key: key.clone_key(),
            },
        }
    }
}

/// Names the files, for messages.
impl fmt::Display for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files { certificate, key } => write!(
                f,
                "certificate {} and key {}",
                certificate.display(),
                key.display()
            ),
            Self::Memory { .. } => f.write_str("the certificate and key given"),
        }
    }
}
