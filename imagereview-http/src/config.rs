//! What a server is told before it starts.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use imagereview_core::Language;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The address that is listened on unless another is given: loopback only, so that nothing is
/// exposed by accident.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

/// The largest request body, in bytes, that is read unless another limit is given: 3 MiB.
///
/// This is kube-apiserver's own limit on a request (`MaxRequestBodyBytes` in `k8s.io/apiserver`),
/// so a review of anything that it accepted fits.
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
    /// The largest request body that is read, in bytes; a longer one is refused with 413.
    pub max_body_bytes: usize,
    /// How long the server waits for a client.
    pub timeouts: Timeouts,
}

impl Config {
    /// A configuration with every default: no client certificates, English, a body limit of
    /// [`DEFAULT_MAX_BODY_BYTES`] and the default [`Timeouts`].
    #[must_use]
    pub fn new(listen: SocketAddr, identity: ServerIdentity) -> Self {
        Self {
            listen,
            identity,
            client_ca: None,
            language: Language::English,
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            timeouts: Timeouts::default(),
        }
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

/// How long the server waits for a client before it gives up, so that a slow or silent one can't
/// hold a place.
///
/// kube-apiserver gives a whole webhook call 30 seconds; the defaults stay inside that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the TCP connection to the end of the TLS handshake. Default 10 seconds.
    pub handshake: Duration,
    /// From the handshake to the first request's headers, and on HTTP/1.1 also from an answer to
    /// the next request's headers, so that it is how long an idle connection is kept. Default 30
    /// seconds.
    pub header: Duration,
    /// From a request's headers to the last byte of its body. Default 10 seconds.
    pub body: Duration,
    /// From the wish to stop until connections that are still busy are cut. Default 20 seconds,
    /// below the 30 that Kubernetes gives a pod by default.
    pub shutdown: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(30),
            body: Duration::from_secs(10),
            shutdown: Duration::from_secs(20),
        }
    }
}
