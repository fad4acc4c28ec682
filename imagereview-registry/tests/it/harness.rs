//! Registries that a test plays, and what they hold.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::Write as _,
    fs,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use imagereview_core::ImageRef;
use imagereview_core::facts::{Cause, ContentDigest, Fact, ImageFacts, Unavailable};
use imagereview_pki::{CertificateAuthority, SubjectName, Validity};
use imagereview_registry::{Client, Keyring, Limits, Registries, sha256_of};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

/// How long anything may take that is meant to come: far more than it should on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) type Answer = Response<BoxBody<Bytes, Infallible>>;

/// A request as a registry saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn authorization(&self) -> Option<&str> {
        self.header("authorization")
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Handler = Arc<dyn Fn(Seen) -> BoxFuture<Answer> + Send + Sync>;

/// A registry on a port of its own.
#[derive(Clone)]
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Registry {
    /// Plays a registry over plain HTTP.
    pub(crate) async fn serve(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve_later(move |seen| {
            let answer = answer(&seen);
            async move { answer }
        })
        .await
    }

    /// The same, where an answer may take its time.
    pub(crate) async fn serve_later<F>(answer: impl Fn(Seen) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let registry = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
        };
        let handler: Handler = Arc::new(move |seen| Box::pin(answer(seen)));
        let seen = Arc::clone(&registry.seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve_connection(stream, Arc::clone(&handler), Arc::clone(&seen));
            }
        });
        registry
    }

    /// A registry that holds what is in a store.
    pub(crate) async fn of(store: Store) -> Self {
        Self::serve(move |seen| store.answer(seen)).await
    }

    /// A registry with one image, that wants this `user:password`.
    pub(crate) async fn private(login: &str) -> Self {
        let (login, store) = (basic(login), Store::one_image());
        Self::serve(move |seen| {
            if seen.authorization() == Some(&*login) {
                store.answer(seen)
            } else {
                challenge(r#"Basic realm="private""#)
            }
        })
        .await
    }

    /// Over TLS, with a certificate for `127.0.0.1`.
    pub(crate) async fn serve_tls(
        tls: Arc<rustls::ServerConfig>,
        answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let registry = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
        };
        let handler: Handler = Arc::new(move |seen| {
            let answer = answer(&seen);
            Box::pin(async move { answer })
        });
        let seen = Arc::clone(&registry.seen);
        let acceptor = tokio_rustls::TlsAcceptor::from(tls);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, handler) = (acceptor.clone(), Arc::clone(&handler));
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve_connection(stream, handler, seen);
                    }
                });
            }
        });
        registry
    }

    /// The name of an image here.
    pub(crate) fn image(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The methods and paths of the requests so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        let seen = self.seen();
        let paths = seen
            .iter()
            .map(|seen| format!("{} {}", seen.method, seen.path));
        paths.collect()
    }
}

fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    handler: Handler,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
        async move {
            let (parts, body) = request.into_parts();
            let body = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes);
            let request = Seen {
                method: parts.method,
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                headers: parts.headers,
                body: body.unwrap_or_default(),
            };
            seen.lock().unwrap().push(request.clone());
            Ok::<_, Infallible>(handler(request).await)
        }
    });
    tokio::spawn(async move {
        let builder = auto::Builder::new(TokioExecutor::new());
        // A client that goes away is no mistake of the registry's.
        let _ = builder
            .serve_connection(TokioIo::new(stream), service)
            .await;
    });
}

pub(crate) fn body(bytes: impl Into<Bytes>) -> BoxBody<Bytes, Infallible> {
    Full::new(bytes.into()).boxed()
}

pub(crate) fn status(status: u16) -> Answer {
    Response::builder().status(status).body(body("")).unwrap()
}

pub(crate) fn challenge(challenge: &str) -> Answer {
    let answer = Response::builder().status(401);
    let answer = answer.header(header::WWW_AUTHENTICATE, challenge);
    answer.body(body("")).unwrap()
}

pub(crate) fn redirect(location: &str) -> Answer {
    let answer = Response::builder().status(307);
    let answer = answer.header(header::LOCATION, location);
    answer.body(body("")).unwrap()
}

pub(crate) fn json(text: impl Into<Bytes>) -> Answer {
    typed("application/json", text)
}

pub(crate) fn typed(content_type: &str, bytes: impl Into<Bytes>) -> Answer {
    let answer = Response::builder().header(header::CONTENT_TYPE, content_type);
    answer.body(body(bytes)).unwrap()
}

/// What a registry holds: `manifests/TAG`, `manifests/DIGEST` and `blobs/DIGEST`, in any repository.
#[derive(Clone, Default)]
pub(crate) struct Store {
    /// By the last two parts of the path: the media type and the bytes.
    content: BTreeMap<String, (String, Bytes)>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One image, `v1`, that runs as user 1000 on `linux/amd64`.
    pub(crate) fn one_image() -> Self {
        let mut store = Self::new();
        let digest = store.add_image(&config("linux", "amd64", "1000"));
        store.tag("v1", &digest);
        store
    }

    pub(crate) fn add_blob(&mut self, bytes: impl Into<Bytes>) -> ContentDigest {
        let bytes = bytes.into();
        let digest = sha256_of(&bytes);
        let path = format!("blobs/{digest}");
        self.content
            .insert(path, ("application/octet-stream".to_owned(), bytes));
        digest
    }

    pub(crate) fn add_manifest(&mut self, media_type: &str, text: &str) -> ContentDigest {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let digest = sha256_of(&bytes);
        let path = format!("manifests/{digest}");
        self.content.insert(path, (media_type.to_owned(), bytes));
        digest
    }

    /// An image with this configuration.
    pub(crate) fn add_image(&mut self, config: &str) -> ContentDigest {
        let size = config.len();
        let config = self.add_blob(config.to_owned());
        let layer = sha256_of(b"layer");
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}",
            "config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":{size}}},
            "layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{layer}","size":1000}}]}}"#
        );
        self.add_manifest(OCI_MANIFEST, &manifest)
    }

    /// An index of manifests that are here, each for a platform (`os/architecture`, or none).
    pub(crate) fn add_index(&mut self, children: &[(&ContentDigest, &str)]) -> ContentDigest {
        let mut entries = Vec::new();
        for (digest, platform) in children {
            let (media_type, bytes) = &self.content[&format!("manifests/{digest}")];
            let size = bytes.len();
            let mut entry =
                format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}"#);
            if let Some((os, architecture)) = platform.split_once('/') {
                write!(
                    entry,
                    r#","platform":{{"os":"{os}","architecture":"{architecture}"}}"#
                )
                .unwrap();
            }
            entry.push('}');
            entries.push(entry);
        }
        let entries = entries.join(",");
        let index =
            format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entries}]}}"#);
        self.add_manifest(OCI_INDEX, &index)
    }

    pub(crate) fn tag(&mut self, tag: &str, digest: &ContentDigest) {
        let content = self.content[&format!("manifests/{digest}")].clone();
        self.content.insert(format!("manifests/{tag}"), content);
    }

    /// Puts other bytes where something is.
    pub(crate) fn replace(&mut self, path: &str, bytes: impl Into<Bytes>) {
        let content = self
            .content
            .get_mut(path)
            .expect("there is something to replace");
        content.1 = bytes.into();
    }

    pub(crate) fn bytes(&self, path: &str) -> Bytes {
        self.content[path].1.clone()
    }

    /// What an honest registry answers.
    pub(crate) fn answer(&self, seen: &Seen) -> Answer {
        let mut parts = seen.path.rsplitn(3, '/');
        let (name, kind) = (parts.next().unwrap(), parts.next().unwrap_or_default());
        match self.content.get(&format!("{kind}/{name}")) {
            None => {
                let error =
                    r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
                let answer = Response::builder().status(404);
                answer.body(body(error)).unwrap()
            }
            Some((media_type, bytes)) => {
                let digest = sha256_of(bytes);
                let answer = Response::builder()
                    .header(header::CONTENT_TYPE, media_type)
                    .header(header::CONTENT_LENGTH, bytes.len())
                    .header("docker-content-digest", digest.as_str());
                let is_head = seen.method == Method::HEAD;
                let bytes = if is_head { Bytes::new() } else { bytes.clone() };
                answer.body(body(bytes)).unwrap()
            }
        }
    }
}

/// The header for `user:password`.
pub(crate) fn basic(login: &str) -> String {
    format!("Basic {}", STANDARD.encode(login))
}

/// A file in the form of Docker's `config.json`, with a `user:password` for each server.
pub(crate) fn login_file(folder: &TempDir, name: &str, auths: &[(&str, &str)]) -> PathBuf {
    let entry = |(server, login): &(&str, &str)| {
        format!(r#""{server}":{{"auth":"{}"}}"#, STANDARD.encode(login))
    };
    let auths: Vec<String> = auths.iter().map(entry).collect();
    let path = folder.path().join(name);
    fs::write(&path, format!(r#"{{"auths":{{{}}}}}"#, auths.join(","))).unwrap();
    path
}

/// A keyring with one `user:password`, for a registry.
pub(crate) fn keyring(folder: &TempDir, registry: &Registry, login: &str) -> Keyring {
    let host = registry.address.to_string();
    let path = login_file(folder, "config.json", &[(&host, login)]);
    Keyring::new().with_docker_config(&path).unwrap()
}

/// The configuration of an image.
pub(crate) fn config(os: &str, architecture: &str, user: &str) -> String {
    format!(
        r#"{{"created":"2026-11-01T12:00:00Z","os":"{os}","architecture":"{architecture}",
        "config":{{"User":"{user}","Labels":{{"team":"a"}},"Volumes":{{"/data":{{}}}},
        "ExposedPorts":{{"8080/tcp":{{}}}},"Entrypoint":["/app"],"Cmd":["run"]}},
        "rootfs":{{"type":"layers","diff_ids":[]}}}}"#
    )
}

/// A client that may ask registries on this machine.
pub(crate) fn client() -> Client {
    client_with(Keyring::new())
}

pub(crate) fn client_with(keyring: Keyring) -> Client {
    let registries = Registries::new().with_localhost();
    Client::new(registries, keyring, Limits::default())
}

/// A client for registries that a file lists.
pub(crate) fn client_of(registries: &str) -> Client {
    let text = format!("apiVersion: imagereview/v1alpha1\nkind: Registries\n{registries}");
    let registries = Registries::parse("registries.yaml".as_ref(), &text).unwrap();
    Client::new(
        registries.with_localhost(),
        Keyring::new(),
        Limits::default(),
    )
}

pub(crate) fn soon() -> Instant {
    Instant::now() + LIMIT
}

pub(crate) async fn digest(client: &Client, image: &str) -> Fact<ContentDigest> {
    client
        .digest(&ImageRef::parse(image).unwrap(), soon())
        .await
}

pub(crate) async fn facts(client: &Client, image: &str) -> Fact<Arc<ImageFacts>> {
    client
        .image(&ImageRef::parse(image).unwrap(), &[], soon())
        .await
}

pub(crate) fn authority() -> CertificateAuthority {
    CertificateAuthority::generate("test", SystemTime::now(), Validity::AUTHORITY).unwrap()
}

pub(crate) fn here() -> SubjectName {
    SubjectName::Ip(Ipv4Addr::LOCALHOST.into())
}

/// What a server needs that offers these protocols, with a certificate for a name.
pub(crate) fn server_tls(
    authority: &CertificateAuthority,
    name: SubjectName,
    protocols: &[&str],
) -> Arc<rustls::ServerConfig> {
    let now = SystemTime::now();
    let identity = authority
        .issue_server("server", &[name], now, Validity::LEAF)
        .unwrap();
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem().as_bytes());
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let names = protocols.iter().map(|name| name.as_bytes().to_vec());
    tls.alpn_protocols = names.collect();
    Arc::new(tls)
}

/// Why a fact is not known.
#[track_caller]
pub(crate) fn why<T: std::fmt::Debug>(fact: &Fact<T>) -> &Unavailable {
    match fact {
        Fact::Unavailable(why) => why,
        other => panic!("{other:?}"),
    }
}

/// Asks that a fact is not known for a reason, and that its words hold some text.
#[track_caller]
pub(crate) fn assert_unavailable<T: std::fmt::Debug>(fact: &Fact<T>, cause: Cause, text: &str) {
    let why = why(fact);
    assert_eq!(why.cause(), cause, "{why}");
    assert!(why.message().contains(text), "{why}");
}

#[track_caller]
pub(crate) fn known<T: std::fmt::Debug>(fact: Fact<T>) -> T {
    match fact {
        Fact::Known(value) => value,
        other => panic!("{other:?}"),
    }
}

/// Waits, but not forever, until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
