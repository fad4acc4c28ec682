//! The TLS side of a connection: the server's certificate and key, the client CAs, and what they
//! must satisfy.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{
        CryptoProvider,
        ring::{self, Ticketer},
    },
    server::{
        ResolvesServerCert, VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier,
    },
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use tokio::sync::watch;

use crate::{
    certificate::{Names, Validity},
    clients::NamedClients,
    config::ServerIdentity,
};

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
    /// A certificate that should take the place of one that is served has ended already.
    #[error("the chain of {identity} ended on {}; give one that is valid", humantime::format_rfc3339_seconds(*.ended))]
    Expired {
        /// The files that were read.
        identity: String,
        /// When the first certificate of the chain ended.
        ended: SystemTime,
    },
    /// The new certificate is not valid yet.
    #[error(
        "the certificate of {identity} begins on {}; it is taken once it is valid",
        humantime::format_rfc3339_seconds(*begins)
    )]
    NotYetValid {
        /// Where it is read from.
        identity: String,
        /// When it begins.
        begins: SystemTime,
    },
    /// All client CAs have ended.
    #[error("every client CA of {path} has ended, so nobody could be vouched for")]
    ClientCasEnded {
        /// The file.
        path: PathBuf,
    },
    /// Client names are asked for, but no client certificates.
    #[error("client names are listed, but there is no client CA; without one nobody shows a name")]
    NamesWithoutClientCa,
    /// The cryptography has no TLS version in common with the server, or no random numbers; this is
    /// a fault of the build or the system.
    #[error("TLS can't be served: {0}")]
    Provider(rustls::Error),
}

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
    /// Dropped once connections that these client CAs vouched for should be made anew.
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

    /// Ends once the client CAs that vouched for a connection are no longer the ones that count.
    pub(crate) fn trust_ended(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut trust = self.trust.subscribe();
        async move { while trust.changed().await.is_ok() {} }
    }
}

impl TlsError {
    /// Whether the same files will do once their time has come.
    pub(crate) fn is_for_now(&self) -> bool {
        matches!(self, Self::NotYetValid { .. })
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

    /// Reads the client CAs again. No session of before is resumed, since resuming asks for no
    /// certificate, and connections of before are told to come again.
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

/// The chain of a certificate whose key is there and is its own.
pub(crate) fn certificates(
    identity: &ServerIdentity,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    Ok(certified_key(identity, &ring::default_provider())?.cert)
}

/// The client CAs that are trusted; none where no client is asked for a certificate.
pub(crate) fn client_authorities(
    path: Option<&Path>,
    names: &[String],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let clients = clients(path, names, &provider)?;
    Ok(clients.map_or_else(Vec::new, |clients| clients.authorities))
}

fn certified_key(
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

/// How clients are verified, and whose word counts for that.
struct Clients {
    verifier: Arc<dyn ClientCertVerifier>,
    authorities: Vec<CertificateDer<'static>>,
}

/// `None` where no client is asked for a certificate.
fn clients(
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
    // One that has ended vouches for nobody, and may stay beside its successor for a while.
    let now = SystemTime::now();
    authorities.retain(|authority| {
        let is_over = Validity::has_ended(authority, now);
        if is_over {
            let name = Names::of(authority).common_name;
            tracing::warn!(
                name,
                "a client CA of {} has ended and is left out",
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
