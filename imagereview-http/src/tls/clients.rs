//! Which clients may connect: reading the client CAs and revocation lists, and verifying with them.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use rustls::{
    RootCertStore,
    crypto::{CryptoProvider, ring},
    server::danger::ClientCertVerifier,
};
use rustls_pki_types::CertificateDer;

use super::{
    certificate::{Names, Validity, why_no_authority},
    client_verifier::CurrentAuthorities,
    error::TlsError,
    named_clients::NamedClients,
    pem_file,
    public_key::PublicKey,
    revocation::Revocations,
};
use crate::config::Config;

/// What a client must show.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientTrust {
    ca: Option<PathBuf>,
    crl: Option<PathBuf>,
    names: Vec<String>,
}

impl From<&Config> for ClientTrust {
    fn from(config: &Config) -> Self {
        Self {
            ca: config.client_ca.clone(),
            crl: config.client_crl.clone(),
            names: config.client_names.clone(),
        }
    }
}

impl ClientTrust {
    /// The files that it is read from.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.ca.iter().chain(&self.crl).cloned().collect()
    }

    /// Who is trusted; `None` where clients need no certificate.
    pub(crate) fn read(&self, now: SystemTime) -> Result<Option<Clients>, TlsError> {
        let Some(path) = &self.ca else {
            return if !self.names.is_empty() {
                Err(TlsError::NamesWithoutClientCa)
            } else if self.crl.is_some() {
                Err(TlsError::CrlWithoutClientCa)
            } else {
                Ok(None)
            };
        };
        let authorities: Vec<CertificateDer<'static>> =
            pem_file::read_all(path).map_err(|source| TlsError::ClientCa {
                path: path.clone(),
                source,
            })?;
        for (number, authority) in (1..).zip(&authorities) {
            self.check(number, authority)?;
        }
        let clients = Clients {
            revocations: match &self.crl {
                Some(path) => Revocations::read(path, &authorities)?,
                None => Revocations::default(),
            },
            authorities,
        };
        // An expired one may stay beside its successor for a while.
        let (mut expired, mut are_all) = (Vec::new(), true);
        for authority in &clients.authorities {
            if Validity::has_expired(authority, now) {
                expired.push(Names::of(authority).common_name);
            } else {
                are_all = false;
            }
        }
        if are_all {
            return Err(TlsError::ClientCasEnded { path: path.clone() });
        }
        for name in expired {
            tracing::warn!(
                name,
                "a client CA in {} has expired and is skipped",
                path.display()
            );
        }
        Ok(Some(clients))
    }

    /// Why a certificate of the file can't be a client CA.
    fn check(&self, number: usize, authority: &CertificateDer<'static>) -> Result<(), TlsError> {
        let path = || self.ca.clone().unwrap_or_default();
        RootCertStore::empty()
            .add(authority.clone())
            .map_err(|source| TlsError::UntrustworthyClientCa {
                path: path(),
                number,
                source,
            })?;
        if let Some(why) = why_no_authority(authority) {
            return Err(TlsError::NoAuthority {
                path: path(),
                number,
                name: Names::of(authority).common_name.unwrap_or_default().into(),
                why,
            });
        }
        match PublicKey::of(authority) {
            Some(key) if !key.can_verify() => Err(TlsError::ClientCaKey {
                path: path(),
                number,
                key: key.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// The file of the client CAs, for messages.
    pub(super) fn ca_file(&self) -> Option<&PathBuf> {
        self.ca.as_ref()
    }

    /// The file of the revocation lists, for messages.
    pub(crate) fn crl_file(&self) -> Option<&PathBuf> {
        self.crl.as_ref()
    }

    /// How the certificates of clients are verified.
    pub(super) fn verifier(
        &self,
        clients: Clients,
        provider: &Arc<CryptoProvider>,
        now: SystemTime,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let Clients {
            authorities,
            revocations,
        } = clients;
        let provider = Arc::clone(provider);
        let verifier = CurrentAuthorities::new(authorities, revocations.lists, provider, now)
            .map_err(|source| TlsError::Verifier {
                path: self.crl.clone().or(self.ca.clone()).unwrap_or_default(),
                source,
            })?;
        Ok(if self.names.is_empty() {
            Arc::new(verifier)
        } else {
            Arc::new(NamedClients {
                inner: Arc::new(verifier),
                names: self.names.iter().map(|name| name.as_str().into()).collect(),
            })
        })
    }
}

/// Who is trusted to vouch for clients.
#[derive(Default)]
pub(crate) struct Clients {
    /// The client CAs, those that have expired included.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    pub(super) revocations: Revocations,
}

impl Clients {
    /// When all client CAs that have not expired are valid; where all have, when they were.
    pub(super) fn validity(&self, now: SystemTime) -> Option<Validity> {
        Self::validity_of(&self.authorities, now)
    }

    pub(super) fn validity_of(
        authorities: &[CertificateDer<'static>],
        now: SystemTime,
    ) -> Option<Validity> {
        let (expired, valid): (Vec<_>, Vec<_>) = authorities
            .iter()
            .partition(|authority| Validity::has_expired(authority, now));
        Validity::of_all(if valid.is_empty() { expired } else { valid })
    }
}

/// The client CAs that are valid, and when their revocation lists should be replaced. No authorities
/// where clients need no certificate.
pub(crate) fn client_authorities(
    trust: &ClientTrust,
    now: SystemTime,
) -> Result<(Vec<CertificateDer<'static>>, Option<SystemTime>), TlsError> {
    let Some(mut clients) = trust.read(now)? else {
        return Ok((Vec::new(), None));
    };
    let next_update = clients.revocations.next_update;
    clients
        .authorities
        .retain(|authority| !Validity::has_expired(authority, now));
    let authorities = clients.authorities.clone();
    // What the TLS library refuses is a mistake too.
    trust.verifier(clients, &Arc::new(ring::default_provider()), now)?;
    Ok((authorities, next_update))
}
