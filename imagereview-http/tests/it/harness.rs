//! A server with certificates of its own, and clients that trust them.

use std::{
    convert::Infallible,
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Request, StatusCode, Version,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use imagereview_core::{NoLatestTag, Policy};
use imagereview_http::{Config, Reload, Server, ServerIdentity, ServerPolicy};
use imagereview_pki::{CertificateAuthority, Identity, SubjectName, Validity};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion, client::Resumption, crypto::ring,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long anything may take that a test waits for: far more than it should on a busy machine, so
/// that a server which doesn't do it fails the test and doesn't hang it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Waits, but not forever.
#[track_caller]
pub(crate) fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        tokio::time::timeout(LIMIT, future)
            .await
            .unwrap_or_else(|_| panic!("{caller}: nothing came within {LIMIT:?}"))
    }
}

/// Both versions that are offered by ALPN.
pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

pub(crate) type RequestBody = BoxBody<Bytes, Infallible>;

/// The authority that everything in these tests is issued by, unless a test wants another.
pub(crate) struct Pki {
    pub(crate) authority: CertificateAuthority,
    server: Identity,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let now = SystemTime::now();
        let authority =
            CertificateAuthority::generate("test CA", now, Validity::AUTHORITY).unwrap();
        let names = [SubjectName::Ip(Ipv4Addr::LOCALHOST.into())];
        let server = authority
            .issue_server("test server", &names, now, Validity::LEAF)
            .unwrap();
        Self { authority, server }
    }

    pub(crate) fn server_identity(&self) -> ServerIdentity {
        let (chain, key) = der(&self.server);
        ServerIdentity::Memory { chain, key }
    }

    pub(crate) fn config(&self) -> Config {
        Config::new(
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            self.server_identity(),
        )
    }

    /// A PEM file of the authority.
    pub(crate) fn authority_file(&self) -> NamedTempFile {
        file(self.authority.certificate_pem())
    }

    pub(crate) fn server_files(&self) -> (NamedTempFile, NamedTempFile) {
        (
            file(self.server.certificate_pem()),
            file(self.server.key_pem()),
        )
    }

    /// Writes `tls.crt` and `tls.key` of the server, and `ca.crt` of the authority.
    pub(crate) fn write_files(&self, folder: &Path) {
        fs::write(folder.join("ca.crt"), self.authority.certificate_pem()).unwrap();
        fs::write(folder.join("tls.crt"), self.server.certificate_pem()).unwrap();
        fs::write(folder.join("tls.key"), self.server.key_pem()).unwrap();
    }

    /// A client as kube-apiserver is one, with a certificate of the authority.
    pub(crate) fn api_server(&self) -> Client {
        self.client(Some(&self.client_identity("kube-apiserver")))
    }

    pub(crate) fn client_identity(&self, name: &str) -> Identity {
        self.authority
            .issue_client(name, None, SystemTime::now(), Validity::LEAF)
            .unwrap()
    }

    /// A client that trusts the authority and has a certificate to show, if one is given.
    pub(crate) fn client(&self, identity: Option<&Identity>) -> Client {
        Client::new(self.authority.certificate_pem(), identity)
    }
}

pub(crate) fn file(contents: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(contents.as_bytes()).unwrap();
    file
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn der(identity: &Identity) -> Pair {
    pair(identity.certificate_pem(), identity.key_pem())
}

fn pair(certificate: &str, key: &str) -> Pair {
    (
        vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
        PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
    )
}

/// A server in this process.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    /// Of probes and metrics.
    pub(crate) health: SocketAddr,
    pub(crate) reload: Reload,
    shutdown: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl TestServer {
    pub(crate) async fn start(config: Config) -> Self {
        Self::start_with(config, NoLatestTag).await
    }

    pub(crate) async fn start_with(
        config: Config,
        policy: impl Policy + Send + Sync + 'static,
    ) -> Self {
        Self::start_serving(config, Arc::new(policy).into()).await
    }

    pub(crate) async fn start_serving(mut config: Config, policy: ServerPolicy) -> Self {
        config.health_listen = Some((Ipv4Addr::LOCALHOST, 0).into());
        let server = Server::bind(config, policy).await.unwrap();
        let address = server.local_addr();
        let health = server.health_addr().unwrap();
        let reload = server.reload();
        let (shutdown, wait) = oneshot::channel();
        let running = tokio::spawn(server.serve(async { wait.await.unwrap_or(()) }));
        Self {
            address,
            health,
            reload,
            shutdown,
            running,
        }
    }

    /// Asks the server to stop; the handle ends with it.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.shutdown.send(()).unwrap();
        self.running
    }
}

/// Whom a client trusts and who it is.
pub(crate) struct Client {
    tls: ClientConfig,
}

impl Client {
    pub(crate) fn new(authority_pem: &str, identity: Option<&Identity>) -> Self {
        Self::of_versions(authority_pem, identity, rustls::DEFAULT_VERSIONS)
    }

    /// The same, of these versions of TLS only.
    pub(crate) fn of_versions(
        authority_pem: &str,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        Self::of(authority_pem, identity.map(der), versions)
    }

    /// A client with this certificate and key, in PEM.
    pub(crate) fn with_pair(authority_pem: &str, certificate: &str, key: &str) -> Self {
        let identity = pair(certificate, key);
        Self::of(authority_pem, Some(identity), rustls::DEFAULT_VERSIONS)
    }

    fn of(
        authority_pem: &str,
        identity: Option<Pair>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(authority_pem.as_bytes()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let tls = match identity {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        Self { tls }
    }

    /// The same client without a memory of sessions, so that each handshake is a whole one.
    pub(crate) fn without_resumption(mut self) -> Self {
        self.tls.resumption = Resumption::disabled();
        self
    }

    /// A connection on which no byte of HTTP has been sent.
    pub(crate) async fn tls(
        &self,
        address: SocketAddr,
        protocol: Protocol,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        // As Go's clients do; otherwise the second frame of a request waits for the other side.
        stream.set_nodelay(true)?;
        self.tls_over(stream, address, protocol).await
    }

    /// The same over a transport that is there already.
    pub(crate) async fn tls_over<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        transport: T,
        address: SocketAddr,
        protocol: Protocol,
    ) -> std::io::Result<TlsStream<T>> {
        let mut config = self.tls.clone();
        let alpn: &[u8] = match protocol {
            Protocol::Http1 => b"http/1.1",
            Protocol::Http2 => b"h2",
        };
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::from(address.ip());
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, transport);
        let stream = within(connecting).await?;
        assert_eq!(
            stream.get_ref().1.alpn_protocol(),
            Some(alpn),
            "the server agrees to the protocol"
        );
        Ok(stream)
    }

    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        protocol: Protocol,
    ) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>> {
        let io = TokioIo::new(self.tls(address, protocol).await?);
        // The halves that drive the connections end with them; what went wrong shows in the
        // responses.
        Ok(match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(connection);
                Connection::Http1(sender)
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(connection);
                Connection::Http2(sender)
            }
        })
    }

    /// One review on a connection of its own.
    pub(crate) async fn review(
        &self,
        address: SocketAddr,
        protocol: Protocol,
        images: &[&str],
    ) -> Answer {
        let mut connection = self.connect(address, protocol).await.unwrap();
        connection.send(image_review(images)).await.unwrap()
    }
}

/// A client's connection.
pub(crate) enum Connection {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

impl Connection {
    /// Whether the server has ended it, or has said that it takes no more requests.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }

    /// Sends a request, whose URI is a path, and reads the whole response.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<RequestBody>,
    ) -> hyper::Result<Answer> {
        let path = request.uri().clone();
        let response = match self {
            Self::Http1(sender) => {
                request
                    .headers_mut()
                    .insert("host", "localhost".parse().unwrap());
                within(sender.ready()).await?;
                within(sender.send_request(request)).await?
            }
            Self::Http2(sender) => {
                *request.uri_mut() = format!("https://localhost{path}").parse().unwrap();
                *request.version_mut() = Version::HTTP_2;
                within(sender.ready()).await?;
                within(sender.send_request(request)).await?
            }
        };
        let (head, body) = response.into_parts();
        let body = within(body.collect()).await?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that this is an `ImageReview` and gives its verdict and reason.
    pub(crate) fn verdict(&self) -> (bool, String) {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/json", "{self:?}");
        let json = self.json();
        assert_eq!(json["apiVersion"], "imagepolicy.k8s.io/v1alpha1", "{json}");
        assert_eq!(json["kind"], "ImageReview", "{json}");
        let allowed = json["status"]["allowed"]
            .as_bool()
            .unwrap_or_else(|| panic!("{json}"));
        (
            allowed,
            json["status"]["reason"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    }
}

pub(crate) fn full(body: impl Into<Bytes>) -> RequestBody {
    Full::new(body.into()).boxed()
}

/// A review of these images, as kube-apiserver posts it.
pub(crate) fn image_review(images: &[&str]) -> Request<RequestBody> {
    Request::post("/image_policy?timeout=30s")
        .header("content-type", "application/json")
        .body(full(image_review_json(images)))
        .unwrap()
}

pub(crate) fn image_review_json(images: &[&str]) -> String {
    let containers: Vec<_> = images
        .iter()
        .map(|image| serde_json::json!({ "image": image }))
        .collect();
    serde_json::json!({
        "kind": "ImageReview",
        "apiVersion": "imagepolicy.k8s.io/v1alpha1",
        "metadata": { "creationTimestamp": null },
        "spec": { "containers": containers, "namespace": "default" },
        "status": { "allowed": false },
    })
    .to_string()
}

/// One request over plain HTTP/1.1, as a probe or Prometheus makes it.
pub(crate) async fn get(address: SocketAddr, path: &str, accept: &str) -> Answer {
    let stream = within(TcpStream::connect(address)).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(path)
        .header("accept", accept)
        .body(full(""))
        .unwrap();
    Connection::Http1(sender).send(request).await.unwrap()
}

/// The metrics of a server as they are now.
pub(crate) async fn metrics(address: SocketAddr) -> String {
    let answer = get(address, "/metrics", "text/plain").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    String::from_utf8(answer.body.into()).unwrap()
}

/// Waits until the metrics hold this line.
pub(crate) async fn metrics_say(address: SocketAddr, line: &str) {
    let mut seen = String::new();
    let wait = async {
        loop {
            seen = metrics(address).await;
            if seen.lines().any(|found| found == line) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(LIMIT, wait).await;
    assert!(found.is_ok(), "{line:?} did not come, but: {seen}");
}
