//! A pool of connections that share what they trust and where they may lead.

use std::{
    error::Error,
    fmt, io,
    sync::{Arc, LazyLock, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use tokio::time::{self, Instant};

use super::connector::{ConnectError, Connector};
use crate::{address::AddressRange, error::AskError};

/// How long a connection is kept that nothing is asked over.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How many idle connections to one host are kept.
const IDLE_CONNECTIONS: usize = 4;

/// The most bytes of the headers of an answer.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// The most headers of an answer.
const MAX_HEADERS: usize = 128;

/// How much of a body a registry may send before it is read.
const STREAM_WINDOW: u32 = 256 << 10;

/// The same for all bodies of a connection.
const CONNECTION_WINDOW: u32 = 1 << 20;

/// The authorities that this machine trusts.
///
/// They are read once: a machine's store changes with its packages. Where there is none, every
/// handshake fails with a reason that says so.
static SYSTEM: LazyLock<RootCertStore> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    roots
});

/// The authorities whose certificates are trusted.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustRoots {
    own: Vec<CertificateDer<'static>>,
    /// Whether those of this machine are not trusted.
    is_own_only: bool,
}

impl TrustRoots {
    /// These, beside those of this machine.
    pub(crate) fn with(own: Vec<CertificateDer<'static>>) -> Self {
        Self {
            own,
            is_own_only: false,
        }
    }

    /// These and no others.
    pub(crate) fn only(own: Vec<CertificateDer<'static>>) -> Self {
        Self {
            own,
            is_own_only: true,
        }
    }

    fn store(&self) -> RootCertStore {
        let mut store = if self.is_own_only {
            RootCertStore::empty()
        } else {
            SYSTEM.clone()
        };
        store.add_parsable_certificates(self.own.iter().cloned());
        store
    }
}

/// A pool of connections, made when the first of them is wanted.
pub(crate) struct Transport {
    roots: TrustRoots,
    allowed: Vec<AddressRange>,
    pool: OnceLock<Pool>,
}

struct Pool {
    client: Client<HttpsConnector<Connector>, Full<Bytes>>,
    has_roots: bool,
}

impl Pool {
    fn new(roots: &TrustRoots, allowed: &[AddressRange]) -> Self {
        let store = roots.store();
        let has_roots = !store.is_empty();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap_or_else(|_| unreachable!("ring has cipher suites for TLS 1.2 and 1.3"))
            .with_root_certificates(store)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Connector::new(allowed));
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(MAX_HEADER_BYTES)
            .http1_max_headers(MAX_HEADERS)
            .http2_max_header_list_size(64 << 10)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build(connector);
        Self { client, has_roots }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Transport {
    pub(crate) fn new(roots: TrustRoots, allowed: Vec<AddressRange>) -> Self {
        Self {
            roots,
            allowed,
            pool: OnceLock::new(),
        }
    }

    fn pool(&self) -> &Pool {
        self.pool
            .get_or_init(|| Pool::new(&self.roots, &self.allowed))
    }

    /// Sends a request and waits for the headers of the answer.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        headers_timeout: Duration,
        deadline: Instant,
    ) -> Result<Response<Incoming>, AskError> {
        let host: Box<str> = request
            .uri()
            .authority()
            .map_or("", |authority| authority.as_str())
            .into();
        let headers = Instant::now() + headers_timeout;
        let response = self.pool().client.request(request);
        match time::timeout_at(deadline.min(headers), response).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.explain(host, &error)),
            Err(_) if deadline < headers => Err(AskError::Deadline { host }),
            Err(_) => Err(AskError::Headers {
                host,
                after: headers_timeout,
            }),
        }
    }

    /// What went wrong, in words for people.
    fn explain(&self, host: Box<str>, error: &(dyn Error + 'static)) -> AskError {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<ConnectError>() {
                return match error {
                    ConnectError::NoHost | ConnectError::NoAddress => AskError::NoAddress { host },
                    ConnectError::Address(error) => AskError::Address {
                        host,
                        error: *error,
                    },
                    ConnectError::Failed { address, error } => AskError::Connect {
                        host,
                        address: *address,
                        reason: io_reason(error).into(),
                    },
                };
            }
            if error.is::<rustls_pki_types::InvalidDnsNameError>() {
                return AskError::Name {
                    registry: host,
                    reason: "no certificate can name it",
                };
            }
            if let Some(error) = tls_error(error) {
                return AskError::Tls {
                    host,
                    reason: self.tls_reason(error).into(),
                };
            }
            if let Some(io) = error.downcast_ref::<io::Error>() {
                return AskError::Broken {
                    host,
                    reason: io_reason(io).into(),
                };
            }
            cause = error.source();
        }
        AskError::Broken {
            host,
            reason: "what it sent is not HTTP".into(),
        }
    }

    fn tls_reason(&self, error: &rustls::Error) -> String {
        if !self.pool().has_roots {
            return "this machine has no store of certificate authorities; install \
                    ca-certificates, or name a file of them by caFile in the registries file"
                .to_owned();
        }
        match error {
            rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => "its certificate is from an authority that is not trusted here; name that \
                 authority's file by caFile in the registries file"
                .to_owned(),
            rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => "its certificate has expired".to_owned(),
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            ) => "its certificate is not valid yet".to_owned(),
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => "its certificate is for another name".to_owned(),
            rustls::Error::InvalidMessage(_) => {
                "what it sent is not TLS; if it speaks plain HTTP, say plainHttp: true in its \
                 entry in the registries file"
                    .to_owned()
            }
            error => format!("the handshake failed: {error}"),
        }
    }
}

/// The TLS error that an error holds: rustls hands its own over inside an [`io::Error`].
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    let io = error.downcast_ref::<io::Error>()?;
    let inner: &(dyn Error + 'static) = io.get_ref()?;
    tls_error(inner)
}

pub(super) fn io_reason(error: &io::Error) -> String {
    use io::ErrorKind as Kind;

    match error.kind() {
        Kind::ConnectionRefused => "nothing listens there".to_owned(),
        Kind::TimedOut => "it did not answer in time".to_owned(),
        Kind::HostUnreachable | Kind::NetworkUnreachable => "there is no way there".to_owned(),
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
            "it was closed by the other side".to_owned()
        }
        Kind::UnexpectedEof => "it ended in the middle of an answer".to_owned(),
        kind => kind.to_string(),
    }
}
