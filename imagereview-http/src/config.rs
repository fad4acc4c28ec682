//! What a server is given before it starts.

mod audit;
mod facts;
mod identity;
mod limits;
mod timeouts;

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

pub(crate) use self::facts::OpenedFacts;
pub use self::{
    audit::{AuditLog, AuditTarget, WhenFull},
    facts::{FactsError, FactsSource, RegistryFiles},
    identity::ServerIdentity,
    limits::Limits,
    timeouts::Timeouts,
};
use imagereview_core::Language;

/// The default address to listen on: loopback only, so that nothing is exposed by accident.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

/// The largest request body, in bytes, that is read unless another limit is given: 3 MiB.
///
/// This is kube-apiserver's own limit on a request (`MaxRequestBodyBytes` in `k8s.io/apiserver`),
/// so a review of any image that can be pulled fits many times. What cannot may not: Go's JSON makes
/// six bytes of each `<`, `>`, `&` and control character, so whoever creates a pod can make its
/// review six times as long, and get no verdict. An API server that fails open would then admit the
/// pod: give the webhook of such a one 20 MiB.
pub const DEFAULT_MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// The configuration of a [`Server`](crate::Server): where it listens, its certificate, which clients
/// may connect, its limits and its timeouts.
///
/// [`Config::new`] takes what has no default; the fields hold the rest and may be assigned.
///
/// ```
/// use imagereview_http::{Config, ServerIdentity};
///
/// let identity = ServerIdentity::Files { certificate: "tls.crt".into(), key: "tls.key".into() };
/// let mut config = Config::new("0.0.0.0:8443".parse().unwrap(), identity);
/// config.client_ca = Some("client-ca.crt".into());
/// assert_eq!(config.max_body_bytes, 3_145_728);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// The address and port to listen on. Port 0 lets the system choose one; see
    /// [`Server::local_addr`](crate::Server::local_addr).
    pub listen: SocketAddr,
    /// The server's certificate chain and private key.
    pub identity: ServerIdentity,
    /// A PEM file of certificate authorities. With it a client must present a certificate that one
    /// of them issued (mutual TLS), and that one is accepted until the authority expires; without it any client that reaches the port may connect.
    pub client_ca: Option<PathBuf>,
    /// A PEM file of revocation lists (CRLs, RFC 5280). With it a client is refused if its certificate,
    /// or an authority between that and the client CA, is on one of them, or if the issuer of one of
    /// these has no list there. It needs [`client_ca`](Self::client_ca).
    ///
    /// A list is in force until the file has another, even if it should have been replaced by then
    /// (`nextUpdate`): otherwise an authority that publishes late would stop all reviews. The log and
    /// the metrics tell of it.
    pub client_crl: Option<PathBuf>,
    /// The language of the reasons in responses.
    pub language: Language,
    /// The names of clients that may connect. A certificate must have one of them as its subject's
    /// common name or as an alternative name; an empty list accepts every certificate that the client
    /// CA issued.
    pub client_names: Vec<String>,
    /// The address and port of the second listener, which serves probes and metrics over
    /// plain HTTP; `None` for none.
    pub health_listen: Option<SocketAddr>,
    /// The largest request body that is read, in bytes; a longer one is refused with 413. An
    /// `AdmissionReview`, which holds an object as it was and as it is to be, may have twice that.
    pub max_body_bytes: usize,
    /// How much there may be of everything else.
    pub limits: Limits,
    /// The age at which a connection is closed gracefully, so that clients spread over replicas again.
    /// It varies by a tenth. `None` for never.
    /// Default 10 minutes.
    pub max_connection_age: Option<Duration>,
    /// Where facts about images come from, for a policy that needs some.
    pub facts: FactsSource,
    /// Where each decision is recorded, if anywhere.
    pub audit: Option<AuditLog>,
    /// How many lines of its log the program has dropped, for the metrics.
    pub dropped_log_lines: Option<DroppedLogLines>,
    /// How long the server waits for a client.
    pub timeouts: Timeouts,
}

impl Config {
    /// A configuration with every default: no client certificates, English, a body limit of
    /// [`DEFAULT_MAX_BODY_BYTES`], the default [`Limits`] and [`Timeouts`], no second listener, no audit
    /// log, and no facts.
    #[must_use]
    pub fn new(listen: SocketAddr, identity: ServerIdentity) -> Self {
        Self {
            listen,
            identity,
            client_ca: None,
            client_crl: None,
            client_names: Vec::new(),
            health_listen: None,
            language: Language::English,
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            limits: Limits::default(),
            max_connection_age: Some(Duration::from_secs(10 * 60)),
            facts: FactsSource::Nowhere,
            audit: None,
            dropped_log_lines: None,
            timeouts: Timeouts::default(),
        }
    }
}

/// A function that counts the lines of its log that the program has dropped.
#[derive(Clone)]
pub struct DroppedLogLines(pub(crate) Arc<dyn Fn() -> u64 + Send + Sync>);

impl DroppedLogLines {
    /// Calls this function each time that the metrics are read.
    pub fn new(count: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(count))
    }
}

impl fmt::Debug for DroppedLogLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DroppedLogLines")
    }
}
