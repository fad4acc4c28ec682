//! What new connections are made with, and taking over new files.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{
        CryptoProvider,
        ring::{self, Ticketer},
    },
    server::ResolvesServerCert,
    sign::SingleCertAndKey,
};
use tokio::sync::watch;

use super::{
    certificate::Validity,
    clients::{Clients, clients},
    error::TlsError,
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
    client_ca: Option<PathBuf>,
    client_names: Vec<String>,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<Generation>,
}

/// One state of the certificate and the client CAs.
pub(crate) struct Generation {
    pub(crate) config: Arc<ServerConfig>,
    /// When the certificate chain is valid.
    pub(crate) certificate: Option<Validity>,
    /// When the client CAs are valid, where there are any.
    pub(crate) client_ca: Option<Validity>,
    /// Dropped once connections with certificates of these client CAs should be made anew.
    trust: Arc<watch::Sender<()>>,
}

impl Generation {
    /// A state that shares nothing with others: neither the keys of session tickets nor the trust.
    fn new(
        resolver: Arc<dyn ResolvesServerCert>,
        certificate: Option<Validity>,
        clients: Option<Clients>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Provider)?;
        let (builder, client_ca) = match clients {
            Some(clients) => (
                builder.with_client_cert_verifier(clients.verifier),
                Validity::of_all(&clients.authorities),
            ),
            None => (builder.with_no_client_auth(), None),
        };
        let mut config = builder.with_cert_resolver(resolver);
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        // Sessions are resumed without the server having to remember any.
        config.ticketer = Ticketer::new().map_err(TlsError::Provider)?;
        Ok(Self {
            config: Arc::new(config),
            certificate,
            client_ca,
            trust: Arc::new(watch::Sender::default()),
        })
    }

    /// Is ready once the client CAs of a connection were replaced.
    pub(crate) fn trust_ended(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut trust = self.trust.subscribe();
        async move { while trust.changed().await.is_ok() {} }
    }
}

impl Tls {
    /// Reads every file and builds what a handshake needs: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    pub(crate) fn load(
        identity: ServerIdentity,
        client_ca: Option<PathBuf>,
        client_names: Vec<String>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let key = certified_key(&identity, &provider)?;
        let certificate = Validity::of_all(&key.cert);
        let resolver = Arc::new(SingleCertAndKey::from(key));
        let clients = clients(client_ca.as_deref(), &client_names, &provider)?;
        let generation = Generation::new(resolver, certificate, clients, &provider)?;
        Ok(Self {
            identity,
            client_ca,
            client_names,
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

    /// The file of the client CAs.
    pub(crate) fn client_ca_file(&self) -> Option<PathBuf> {
        self.client_ca.clone()
    }

    /// Reads the certificate and key again. Sessions go on being resumed: whom the server trusts
    /// has not changed.
    pub(crate) fn reload_identity(&self) -> Result<(), TlsError> {
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
        config.cert_resolver = Arc::new(SingleCertAndKey::from(key));
        self.current.store(Arc::new(Generation {
            config: Arc::new(config),
            certificate,
            client_ca: current.client_ca,
            trust: Arc::clone(&current.trust),
        }));
        Ok(())
    }

    /// Reads the client CAs again. No earlier session is resumed, since resuming needs no certificate, and
    /// earlier connections are closed gracefully.
    pub(crate) fn reload_client_ca(&self) -> Result<(), TlsError> {
        let current = self.current();
        let clients = clients(
            self.client_ca.as_deref(),
            &self.client_names,
            &self.provider,
        )?;
        let resolver = Arc::clone(&current.config.cert_resolver);
        let generation = Generation::new(resolver, current.certificate, clients, &self.provider)?;
        self.current.store(Arc::new(generation));
        Ok(())
    }
}
