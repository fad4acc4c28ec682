//! Reading the server's certificate and private key.

use rustls::{
    crypto::{CryptoProvider, ring},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::{error::TlsError, pem_file::read_certificates};
use crate::config::ServerIdentity;

/// The chain of a certificate whose key is there and is its own.
pub(crate) fn certificates(
    identity: &ServerIdentity,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    Ok(certified_key(identity, &ring::default_provider())?.cert)
}

pub(super) fn certified_key(
    identity: &ServerIdentity,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let (chain, key) = match identity {
        ServerIdentity::Files { certificate, key } => (
            read_certificates(certificate).map_err(|source| TlsError::Certificate {
                path: certificate.clone(),
                source,
            })?,
            PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key {
                path: key.clone(),
                source,
            })?,
        ),
        ServerIdentity::Memory { chain, key } => (chain.clone(), key.clone_key()),
    };
    CertifiedKey::from_der(chain, key, provider).map_err(|source| TlsError::Identity {
        identity: identity.to_string(),
        source,
    })
}
