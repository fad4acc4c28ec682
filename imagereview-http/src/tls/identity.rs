//! Reading the server's certificate and private key.

use rustls::{
    crypto::{CryptoProvider, ring},
    sign::CertifiedKey,
};
use rustls_pki_types::CertificateDer;

use super::{error::TlsError, pem_file, public_key::PublicKey};
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
            pem_file::read_all(certificate).map_err(|source| TlsError::Certificate {
                path: certificate.clone(),
                source,
            })?,
            pem_file::read_first(key).map_err(|source| TlsError::Key {
                path: key.clone(),
                source,
            })?,
        ),
        ServerIdentity::Memory { chain, key } => (chain.clone(), key.clone_key()),
    };
    if let Some(kind) = chain.first().and_then(PublicKey::of)
        && !kind.can_sign()
    {
        return Err(TlsError::ServerKey {
            identity: identity.to_string(),
            key: kind.to_string(),
        });
    }
    CertifiedKey::from_der(chain, key, provider).map_err(|source| TlsError::Identity {
        identity: identity.to_string(),
        source,
    })
}
