//! What new connections are made with, and taking over new files.

use std::{fmt::Write as _, path::PathBuf, sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{
        CryptoProvider,
        ring::{self, Ticketer},
    },
    server::{ResolvesServerCert, danger::ClientCertVerifier},
    sign::SingleCertAndKey,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::sync::watch;

use super::{
    certificate::{Names, Validity},
    clients::{ClientTrust, Clients},
    error::TlsError,
    handshake::HandshakeFailure,
    identity::certified_key,
};
use crate::config::ServerIdentity;

/// The protocols that are offered, the preferred one first.
const ALPN: [&[u8]; 2] = [ALPN_H2, b"http/1.1"];

/// HTTP/2's name in ALPN (RFC 9113, section 3.1).
pub(crate) const ALPN_H2: &[u8] = b"h2";

/// What new connections are made with. The certificate and the client CAs are replaced apart from
/// each other; a handshake sees one state of both.
pub(crate) struct Tls {
    identity: ServerIdentity,
    clients: ClientTrust,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<Generation>,
}

/// One state of the certificate and the client CAs.
#[derive(Clone)]
pub(crate) struct Generation {
    pub(crate) config: Arc<ServerConfig>,
    /// The server's own certificate.
    own: Option<CertificateDer<'static>>,
    /// When the certificate chain is valid.
    pub(crate) certificate: Option<Validity>,
    /// When the client CAs are valid, where there are any.
    pub(crate) client_ca: Option<Validity>,
    /// When a revocation list should have been replaced, where there are any.
    pub(crate) client_crl_update: Option<SystemTime>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    authorities: Arc<[CertificateDer<'static>]>,
    /// How many of the authorities had expired.
    expired: usize,
    /// Dropped once connections with certificates of these client CAs should be made anew.
    trust: Arc<watch::Sender<()>>,
}

impl Generation {
    /// A state that shares nothing with others: neither the keys of session tickets nor the trust.
    fn new(
        resolver: Arc<dyn ResolvesServerCert>,
        (own, certificate): (Option<CertificateDer<'static>>, Option<Validity>),
        trust: &ClientTrust,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let now = SystemTime::now();
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Provider)?;
        let clients = trust.read(now)?.unwrap_or_default();
        let (client_ca, client_crl_update) =
            (clients.validity(now), clients.revocations.next_update);
        let authorities: Arc<[_]> = clients.authorities.clone().into();
        let (builder, verifier) = if authorities.is_empty() {
            (builder.with_no_client_auth(), None)
        } else {
            let verifier = trust.verifier(clients, provider, now)?;
            let builder = builder.with_client_cert_verifier(Arc::clone(&verifier));
            (builder, Some(verifier))
        };
        let mut config = builder.with_cert_resolver(resolver);
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        // Sessions are resumed without the server having to remember any.
        config.ticketer = Ticketer::new().map_err(TlsError::Provider)?;
        Ok(Self {
            config: Arc::new(config),
            own,
            certificate,
            client_ca,
            client_crl_update,
            verifier,
            expired: expired(&authorities, now).count(),
            authorities,
            trust: Arc::new(watch::Sender::default()),
        })
    }

    /// Verifies the certificates of a client whose session was resumed: it showed them when the session
    /// began, and one may have expired or been revoked since.
    pub(crate) fn verify_resumed(
        &self,
        chain: &[CertificateDer<'_>],
    ) -> Result<(), HandshakeFailure> {
        let (Some(verifier), Some((own, intermediates))) = (&self.verifier, chain.split_first())
        else {
            return Ok(());
        };
        match verifier.verify_client_cert(own, intermediates, UnixTime::now()) {
            Ok(_) => Ok(()),
            Err(error) => Err(HandshakeFailure::from(&error)),
        }
    }

    /// Whose certificate is served, and until when.
    pub(crate) fn describe_certificate(&self) -> String {
        let names = self.own.as_ref().map(Names::of).unwrap_or_default();
        let names: Vec<&str> = names.iter().collect();
        describe(&names, self.certificate)
    }

    /// Which client CAs there are, and until when the first of them is valid.
    pub(crate) fn describe_clients(&self) -> String {
        let names: Vec<_> = self.authorities.iter().map(Names::of).collect();
        let names: Vec<&str> = names
            .iter()
            .map(|names| names.common_name.as_deref().unwrap_or("no name"))
            .collect();
        describe(&names, self.client_ca)
    }

    /// Is ready once the client CAs of a connection were replaced.
    pub(crate) fn trust_ended(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut trust = self.trust.subscribe();
        async move { while trust.changed().await.is_ok() {} }
    }
}

impl Tls {
    /// Reads every file and builds what a handshake needs: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    pub(crate) fn load(identity: ServerIdentity, clients: ClientTrust) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let key = certified_key(&identity, &provider)?;
        let certificate = (key.cert.first().cloned(), Validity::of_all(&key.cert));
        let resolver = Arc::new(SingleCertAndKey::from(key));
        let generation = Generation::new(resolver, certificate, &clients, &provider)?;
        Ok(Self {
            identity,
            clients,
            provider,
            current: ArcSwap::from_pointee(generation),
        })
    }

    /// What a connection that begins now is made with.
    pub(crate) fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// The files of the certificate and its key.
    pub(crate) fn identity_files(&self) -> Vec<PathBuf> {
        self.identity.files()
    }

    /// What clients must show.
    pub(crate) fn clients(&self) -> &ClientTrust {
        &self.clients
    }

    /// Reads the certificate and key again. Sessions go on being resumed: whom the server trusts
    /// has not changed.
    /// Says what is served from now on.
    pub(crate) fn reload_identity(&self) -> Result<String, TlsError> {
        let key = certified_key(&self.identity, &self.provider)?;
        let current = self.current();
        let mut config = (*current.config).clone();
        let certificate = Validity::of_all(&key.cert);
        if let Some(validity) = certificate {
            let (identity, now) = (self.identity.to_string(), SystemTime::now());
            if validity.not_after < now {
                let ended = validity.not_after;
                return Err(TlsError::Expired { identity, ended });
            }
            if validity.not_before > now {
                let begins = validity.not_before;
                return Err(TlsError::NotYetValid { identity, begins });
            }
        }
        let own = key.cert.first().cloned();
        config.cert_resolver = Arc::new(SingleCertAndKey::from(key));
        let generation = Generation {
            config: Arc::new(config),
            own,
            certificate,
            ..(*current).clone()
        };
        let description = generation.describe_certificate();
        self.current.store(Arc::new(generation));
        Ok(description)
    }

    /// Reads the client CAs and revocation lists again. No earlier session is resumed, since resuming needs no certificate, and
    /// earlier connections are closed gracefully. Says whom the server trusts from now on.
    pub(crate) fn reload_client_ca(&self) -> Result<String, TlsError> {
        let current = self.current();
        let resolver = Arc::clone(&current.config.cert_resolver);
        let certificate = (current.own.clone(), current.certificate);
        let generation = Generation::new(resolver, certificate, &self.clients, &self.provider)?;
        let description = generation.describe_clients();
        self.current.store(Arc::new(generation));
        Ok(description)
    }

    /// Closes earlier connections gracefully once a client CA has expired: a handshake looks at the
    /// clock, and an open connection does not.
    pub(crate) fn end_expired_trust(&self, now: SystemTime) {
        let current = self.current();
        let names: Vec<_> = expired(&current.authorities, now).collect();
        if names.len() == current.expired {
            return;
        }
        let mut next = Generation {
            client_ca: Clients::validity_of(&current.authorities, now),
            expired: names.len(),
            ..(*current).clone()
        };
        // Fewer have expired where the clock was put back.
        if names.len() > current.expired {
            next.trust = Arc::new(watch::Sender::default());
            let path = self.clients.ca_file().cloned().unwrap_or_default();
            tracing::error!(
                ?names,
                "a client CA in {} has expired: clients with its certificates are refused; give --client-ca \
                 its successor, and those clients certificates of that",
                path.display()
            );
        }
        self.current.store(Arc::new(next));
    }
}

/// Names and an end for a line of the log, which has room for so many names.
fn describe(names: &[&str], validity: Option<Validity>) -> String {
    const NAMES: usize = 5;

    let mut text = names[..names.len().min(NAMES)].join(", ");
    if names.len() > NAMES {
        let more = names.len() - NAMES;
        // Writing to a string can't fail.
        let _ = write!(text, " and {more} more");
    }
    if let Some(Validity { not_after, .. }) = validity {
        let end = humantime::format_rfc3339_seconds(not_after);
        let _ = write!(text, ", until {end}");
    }
    text
}

/// The names of those that have expired.
fn expired(
    authorities: &[CertificateDer<'static>],
    now: SystemTime,
) -> impl Iterator<Item = Box<str>> {
    authorities
        .iter()
        .filter(move |authority| Validity::has_expired(authority, now))
        .map(|authority| Names::of(authority).common_name.unwrap_or_default())
}
