//! The TLS side of a connection: the server's certificate and key, the client CAs, and what they
//! must satisfy.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};

use crate::config::ServerIdentity;

/// The protocols that are offered, the preferred one first.
const ALPN: [&[u8]; 2] = [ALPN_H2, b"http/1.1"];

/// HTTP/2's name in ALPN (RFC 9113, section 3.1).
pub(crate) const ALPN_H2: &[u8] = b"h2";

/// Why certificates, a key or client CAs can't be used. Each message names the file and what to do
/// about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate chain can't be read.
    #[error("cannot read the certificate chain {}: {source}; give a readable PEM file with the server's own certificate first", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What reading it met.
        source: pem::Error,
    },
    /// The private key can't be read.
    #[error("cannot read the private key {}: {source}; give a readable PEM file with one unencrypted key (PKCS#8, PKCS#1 or SEC1)", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What reading it met.
        source: pem::Error,
    },
    /// The certificate and the key are readable but can't be used together.
    #[error(
        "cannot serve with {identity}: {source}; give a certificate and the private key that it was issued for"
    )]
    Identity {
        /// The files that were read.
        identity: String,
        /// What is wrong with them.
        source: rustls::Error,
    },
    /// The client CAs can't be read.
    #[error("cannot read the client CA {}: {source}; give a readable PEM file of CA certificates", path.display())]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// What reading it met.
        source: pem::Error,
    },
    /// A client CA is readable PEM, but no certificate that can be trusted.
    #[error("cannot trust certificate {number} of the client CA {}: {source}; give a PEM file of CA certificates", path.display())]
    UntrustworthyClientCa {
        /// The file.
        path: PathBuf,
        /// Which of its certificates, counted from 1.
        number: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// Clients can't be verified with these CAs.
    #[error("cannot verify clients with the client CA {}: {source}", path.display())]
    Verifier {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: VerifierBuilderError,
    },
    /// The cryptography has no TLS version in common with the server; this is a fault of the build.
    #[error("no TLS version can be served: {0}")]
    Versions(rustls::Error),
}

/// Reads every file and builds what a handshake needs. TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
pub(crate) fn server_config(
    identity: ServerIdentity,
    client_ca: Option<&Path>,
) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let certified_key = certified_key(identity, &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?;
    let builder = match client_ca {
        Some(path) => builder.with_client_cert_verifier(client_verifier(path, provider)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified_key)));
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

fn certified_key(
    identity: ServerIdentity,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let (chain, key, name) = match identity {
        ServerIdentity::Files { certificate, key } => (
            read_certificates(&certificate).map_err(|source| TlsError::Certificate {
                path: certificate.clone(),
                source,
            })?,
            PrivateKeyDer::from_pem_file(&key).map_err(|source| TlsError::Key {
                path: key.clone(),
                source,
            })?,
            format!(
                "certificate {} and key {}",
                certificate.display(),
                key.display()
            ),
        ),
        ServerIdentity::Memory { chain, key } => {
            (chain, key, "the certificate and key given".to_owned())
        }
    };
    CertifiedKey::from_der(chain, key, provider).map_err(|source| TlsError::Identity {
        identity: name,
        source,
    })
}

fn client_verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let path = path.to_owned();
    let mut roots = RootCertStore::empty();
    let authorities = read_certificates(&path).map_err(|source| TlsError::ClientCa {
        path: path.clone(),
        source,
    })?;
    for (index, authority) in authorities.into_iter().enumerate() {
        roots
            .add(authority)
            .map_err(|source| TlsError::UntrustworthyClientCa {
                path: path.clone(),
                number: index + 1,
                source,
            })?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|source| TlsError::Verifier { path, source })
}

/// Reads every certificate of a PEM file; none at all is an error.
fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let certificates = CertificateDer::pem_reader_iter(File::open(path).map_err(pem::Error::Io)?)
        .collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        Err(pem::Error::NoItemsFound)
    } else {
        Ok(certificates)
    }
}
