//! Which clients may connect: reading the client CAs, and verifying with them.

use std::{path::Path, sync::Arc, time::SystemTime};

use rustls::{
    RootCertStore,
    crypto::{CryptoProvider, ring},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::CertificateDer;

use super::{
    certificate::{Names, Validity},
    error::TlsError,
    named_clients::NamedClients,
    pem_file::read_certificates,
};

/// The client CAs that are trusted; none where clients need no certificate.
pub(crate) fn client_authorities(
    path: Option<&Path>,
    names: &[String],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let clients = clients(path, names, &provider)?;
    Ok(clients.map_or_else(Vec::new, |clients| clients.authorities))
}

/// How clients are verified, and by which authorities.
pub(super) struct Clients {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    pub(super) authorities: Vec<CertificateDer<'static>>,
}

/// `None` where clients need no certificate.
pub(super) fn clients(
    path: Option<&Path>,
    names: &[String],
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Clients>, TlsError> {
    let Some(path) = path else {
        return if names.is_empty() {
            Ok(None)
        } else {
            Err(TlsError::NamesWithoutClientCa)
        };
    };
    let path = path.to_owned();
    let mut roots = RootCertStore::empty();
    let mut authorities = read_certificates(&path).map_err(|source| TlsError::ClientCa {
        path: path.clone(),
        source,
    })?;
    // An expired one may stay beside its successor for a while.
    let now = SystemTime::now();
    authorities.retain(|authority| {
        let is_over = Validity::has_expired(authority, now);
        if is_over {
            let name = Names::of(authority).common_name;
            tracing::warn!(
                name,
                "a client CA in {} has expired and is skipped",
                path.display()
            );
        }
        !is_over
    });
    if authorities.is_empty() {
        return Err(TlsError::ClientCasEnded { path });
    }
    for (index, authority) in authorities.iter().enumerate() {
        roots
            .add(authority.clone())
            .map_err(|source| TlsError::UntrustworthyClientCa {
                path: path.clone(),
                number: index + 1,
                source,
            })?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|source| TlsError::Verifier { path, source })?;
    Ok(Some(Clients {
        verifier: if names.is_empty() {
            verifier
        } else {
            Arc::new(NamedClients {
                inner: verifier,
                names: names.iter().map(|name| name.as_str().into()).collect(),
            })
        },
        authorities,
    }))
}
