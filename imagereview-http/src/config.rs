//! What a server is told before it starts.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use imagereview_core::Language;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::audit::AuditLog;

/// The address that is listened on unless another is given: loopback only, so that nothing is
/// exposed by accident.
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

/// Everything that a [`Server`](crate::Server) is told: where it listens, who it is, whom it asks
/// for a certificate, how it speaks and how long it waits.
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
    /// of them issued (mutual TLS); without it anyone who reaches the port may ask.
    pub client_ca: Option<PathBuf>,
    /// The language of the reasons in answers.
    pub language: Language,
    /// The names of clients that may ask. A certificate must have one of them as its subject's
    /// common name or as an alternative name; an empty list takes every certificate that the
    /// client CA vouches for.
    pub client_names: Vec<String>,
    /// The address and port of the second listener, which answers probes and serves metrics over
    /// plain HTTP; `None` for none.
    pub health_listen: Option<SocketAddr>,
    /// The largest request body that is read, in bytes; a longer one is refused with 413. An
    /// `AdmissionReview`, which holds an object as it was and as it is to be, may have twice that.
    pub max_body_bytes: usize,
    /// How much there may be of everything else.
    pub limits: Limits,
    /// How long a connection lasts before its client is told to make a new one, so that clients
    /// spread over replicas again. It varies by a tenth. `None` for as long as the client likes.
    /// Default 10 minutes.
    pub max_connection_age: Option<Duration>,
    /// Where each decision is recorded, if anywhere.
    pub audit: Option<AuditLog>,
    /// How many lines of its log the program has dropped, for the metrics.
    pub dropped_log_lines: Option<DroppedLogLines>,
    /// How long the server waits for a client.
    pub timeouts: Timeouts,
}

impl Config {
    /// A configuration with every default: no client certificates, English, a body limit of
    /// [`DEFAULT_MAX_BODY_BYTES`], the default [`Limits`] and [`Timeouts`], no second listener and
    /// no audit log.
    #[must_use]
    pub fn new(listen: SocketAddr, identity: ServerIdentity) -> Self {
        Self {
            listen,
            identity,
            client_ca: None,
            client_names: Vec::new(),
            health_listen: None,
            language: Language::English,
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            limits: Limits::default(),
            max_connection_age: Some(Duration::from_secs(10 * 60)),
            audit: None,
            dropped_log_lines: None,
            timeouts: Timeouts::default(),
        }
    }
}

/// How much there may be at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Open connections. Where there are so many, a new one takes the place of the one that has
    /// been silent for longest since it was opened; if all have asked something, new ones wait in
    /// the system's queue. Default 4,096.
    pub connections: usize,
    /// Connections that have not asked anything yet, those in their handshake included. Beyond
    /// that the one that has been silent for longest is closed. Default 1,024.
    pub silent: usize,
    /// Requests in flight: their headers are read, and they are not answered. Beyond that the one
    /// whose body has been waited for longest gives way (408), and if there is none the new one is
    /// answered 429 at once. Default 1,024.
    pub requests: usize,
    /// Bytes of request bodies that are held at a time. Beyond that the one that has been waited for
    /// longest gives way (408), and if there is none the new one is answered 429. Never less than what
    /// one `AdmissionReview` may have. Default 64 MiB.
    pub body_memory: usize,
    /// Requests in flight on one HTTP/2 connection. Default 250, which is what Go's own server
    /// allows.
    pub streams: u32,
    /// The size of a request's headers in bytes; longer ones are refused with 431. Default 16 KiB.
    pub header_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            silent: 1024,
            requests: 1024,
            body_memory: 64 * 1024 * 1024,
            streams: 250,
            header_bytes: 16 * 1024,
        }
    }
}

/// A function that tells how many lines of its log the program has dropped.
#[derive(Clone)]
pub struct DroppedLogLines(pub(crate) Arc<dyn Fn() -> u64 + Send + Sync>);

impl DroppedLogLines {
    /// Asks this function each time that the metrics are read.
    pub fn new(count: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(count))
    }
}

impl fmt::Debug for DroppedLogLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DroppedLogLines")
    }
}

/// Where the server's certificate and private key come from.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerIdentity {
    /// PEM files, as a mounted Kubernetes TLS Secret holds them.
    Files {
        /// The certificate chain, the server's own certificate first.
        certificate: PathBuf,
        /// The private key (PKCS#8, PKCS#1 or SEC1).
        key: PathBuf,
    },
    /// A certificate and key that the program holds already. `Debug` doesn't show the key.
    Memory {
        /// The certificate chain, the server's own certificate first.
        chain: Vec<CertificateDer<'static>>,
        /// The private key.
        key: PrivateKeyDer<'static>,
    },
}

impl ServerIdentity {
    /// The files that it is read from.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Files { certificate, key } => vec![certificate.clone(), key.clone()],
            Self::Memory { .. } => Vec::new(),
        }
    }
}

impl Clone for ServerIdentity {
    fn clone(&self) -> Self {
        match self {
            Self::Files { certificate, key } => Self::Files {
                certificate: certificate.clone(),
                key: key.clone(),
            },
            Self::Memory { chain, key } => Self::Memory {
                chain: chain.clone(),
                key: key.clone_key(),
            },
        }
    }
}

/// Names the files, for messages.
impl fmt::Display for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files { certificate, key } => write!(
                f,
                "certificate {} and key {}",
                certificate.display(),
                key.display()
            ),
            Self::Memory { .. } => f.write_str("the certificate and key given"),
        }
    }
}

/// How long the server waits for a client before it gives up, so that a slow or silent one can't
/// hold a place.
///
/// kube-apiserver gives a whole webhook call 30 seconds; the defaults stay inside that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the TCP connection to the end of the TLS handshake. Default 10 seconds.
    pub handshake: Duration,
    /// From the handshake to the first request's headers. Default 30 seconds.
    pub header: Duration,
    /// From a request's headers to the last byte of its body. Default 10 seconds.
    pub body: Duration,
    /// How long an answer waits for a client that takes nothing of it, before the connection is cut
    /// (on Linux) or, on HTTP/2, the request's stream is reset; and how long a client on HTTP/2 has to
    /// confirm that it was told to go. Default 20 seconds, which makes 30 with the body's, as kube-apiserver
    /// gives a whole call.
    pub answer: Duration,
    /// How long a connection is kept on which nothing more is asked. Default 5 minutes, so that it is
    /// kube-apiserver, after 90 seconds, that closes first: a request that meets the end of its
    /// connection is not sent again.
    pub idle: Duration,
    /// From the wish to stop until no connection is accepted any more. Readiness is false from the
    /// beginning. Default 0.
    pub shutdown_delay: Duration,
    /// From then until connections that are still busy are cut. Default 20 seconds,
    /// below the 30 that Kubernetes gives a pod by default.
    pub shutdown: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(30),
            body: Duration::from_secs(10),
            answer: Duration::from_secs(20),
            idle: Duration::from_secs(5 * 60),
            shutdown_delay: Duration::ZERO,
            shutdown: Duration::from_secs(20),
        }
    }
}
