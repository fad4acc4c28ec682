//! How each registry is asked: the registries file.

mod document;
mod host;

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
    sync::Arc,
};

use rustls_pki_types::{CertificateDer, pem::PemObject};

#[cfg(feature = "schema")]
pub use self::document::json_schema;
use self::document::{AskDocument, RegistriesDocument, RegistryDocument, UnlistedDocument};
pub(crate) use self::host::Host;
use crate::{
    address::AddressRange,
    error::AskError,
    file::{self, FileError},
    http::{Transport, TrustRoots},
    realm::TokenRealm,
};

/// How each registry is asked, as the registries file says it.
///
/// ```
/// use imagereview_registry::Registries;
///
/// let text = "
/// apiVersion: imagereview/v1alpha1
/// kind: Registries
/// unlisted: refuse
/// registries:
///   - host: docker.io
///     mirrors: [mirror.example.com/hub]
///   - host: '*.example.com'
///   - host: localhost:5000
///     allowAddresses: [loopback]
/// ";
/// let registries = Registries::parse("registries.yaml".as_ref(), text)?;
///
/// let error = Registries::parse("registries.yaml".as_ref(), &text.replace("mirrors", "mirror"));
/// assert_eq!(
///     error.unwrap_err().to_string(),
///     "registries.yaml:7:5: registries[0]: there is no field \"mirror\" here; did you mean \
///      \"mirrors\"?; the fields are host, ask, mirrors, caFile, plainHttp, tokenRealms, \
///      maxRequests, manifestRedirects, allowAddresses",
/// );
/// # Ok::<(), imagereview_registry::FileError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registries {
    are_unlisted_refused: bool,
    is_localhost_allowed: bool,
    /// The connections to registries that are not listed.
    default: Arc<Transport>,
    /// Those to registries of this machine that are not listed.
    localhost: Arc<Transport>,
    by_host: HashMap<Host, Arc<Entry>>,
    /// Those whose host begins with `*.`, the longest first.
    by_suffix: Vec<(Host, Arc<Entry>)>,
}

/// What the file says of a registry, or of several.
#[derive(Debug)]
struct Entry {
    host: Host,
    ask: AskDocument,
    mirrors: Vec<Mirror>,
    transport: Arc<Transport>,
    is_plain: Option<bool>,
    realms: Arc<[TokenRealm]>,
    max_requests: Option<usize>,
    redirects: Arc<[Host]>,
    addresses: Vec<AddressRange>,
}

/// Another registry that holds the same.
#[derive(Clone, Debug)]
struct Mirror {
    host: Host,
    /// What stands before the repository there.
    prefix: Box<str>,
}

/// Docker Hub, as images name it.
const HUB: &str = "docker.io";

/// The host that Docker Hub is asked at.
const HUB_AUTHORITY: &str = "registry-1.docker.io";

/// Registries whose manifests are at another host: those of Kubernetes send everybody on to the
/// cloud that is near.
///
/// Source: [registry.k8s.io, "Request
/// handling"](https://github.com/kubernetes/registry.k8s.io/blob/main/cmd/archeio/docs/request-handling.md).
const REDIRECTED: [(&str, &str); 1] = [("registry.k8s.io", "*.pkg.dev")];

impl Default for Registries {
    fn default() -> Self {
        let roots = TrustRoots::default();
        Self {
            are_unlisted_refused: false,
            is_localhost_allowed: false,
            localhost: Arc::new(Transport::new(roots.clone(), vec![AddressRange::Loopback])),
            default: Arc::new(Transport::new(roots, Vec::new())),
            by_host: HashMap::new(),
            by_suffix: Vec::new(),
        }
    }
}

impl Registries {
    /// Every registry may be asked, over HTTPS and with the authorities that this machine trusts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets registries be asked that are named `localhost`, `127.0.0.1` or `[::1]`, over plain HTTP
    /// unless the file says otherwise. A command line may do so; a server must not, since its
    /// `localhost` is not that of those who name images.
    #[must_use]
    pub fn with_localhost(mut self) -> Self {
        self.is_localhost_allowed = true;
        self
    }

    /// Reads a file. Paths in it begin in the file's folder.
    ///
    /// # Errors
    ///
    /// The file, or one that it names, can't be read or is not of the form.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Self::parse(path, &file::read(path)?)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn parse(path: &Path, text: &str) -> Result<Self, FileError> {
        let document: RegistriesDocument = file::from_yaml(path, text)?;
        let mut registries = Self {
            are_unlisted_refused: document.unlisted == UnlistedDocument::Refuse,
            ..Self::default()
        };
        let mut hosts = BTreeSet::new();
        for (index, registry) in document.registries.into_iter().enumerate() {
            let problem = |field: &str, message: String| {
                let location = registry.host.referenced;
                FileError::new(path, message)
                    .in_field(format!("registries[{index}].{field}"))
                    .at(location.line(), location.column())
            };
            let host = registry.host.value.clone();
            if !hosts.insert(host.clone()) {
                return Err(problem("host", format!("{host} is listed twice")));
            }
            let entry = Entry::new(registry.clone(), path)
                .map_err(|(field, message)| problem(field, message))?;
            if host.is_wildcard() {
                registries.by_suffix.push((host, Arc::new(entry)));
            } else {
                registries.by_host.insert(host, Arc::new(entry));
            }
        }
        registries
            .by_suffix
            .sort_by_key(|(host, _)| std::cmp::Reverse(host.as_str().len()));
        Ok(registries)
    }

    /// What the file says of a registry.
    fn entry(&self, registry: &str) -> Option<&Arc<Entry>> {
        let host = Host::parse(registry)?;
        self.by_host.get(&host).or_else(|| {
            let mut suffixes = self.by_suffix.iter();
            suffixes
                .find(|(suffix, _)| suffix.covers(registry))
                .map(|(_, entry)| entry)
        })
    }
}

impl Entry {
    /// Takes what the file says. An error names the field.
    fn new(document: RegistryDocument, path: &Path) -> Result<Self, (&'static str, String)> {
        let own = match &document.ca_file {
            None => Vec::new(),
            Some(file) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                read_authorities(&folder.join(file)).map_err(|message| ("caFile", message))?
            }
        };
        if document.ask == AskDocument::Mirrors && document.mirrors.is_empty() {
            return Err((
                "ask",
                "there are no mirrors; list them under mirrors".to_owned(),
            ));
        }
        let transport = Transport::new(TrustRoots::with(own), document.allow_addresses.clone());
        let mirrors = document.mirrors.into_iter().map(|mirror| Mirror {
            host: mirror.host,
            prefix: mirror.prefix,
        });
        Ok(Self {
            host: document.host.value,
            ask: document.ask,
            mirrors: mirrors.collect(),
            transport: Arc::new(transport),
            is_plain: document.plain_http,
            realms: document
                .token_realms
                .into_iter()
                .map(|realm| realm.0)
                .collect(),
            max_requests: document.max_requests.map(|max| max.get().into()),
            redirects: document.manifest_redirects.into(),
            addresses: document.allow_addresses,
        })
    }
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let pem = fs::read(path).map_err(|error| format!("{shown} can't be read: {error}"))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(format!("{shown} holds no certificates in the form PEM")),
    }
}

/// Where to ask for what images of a registry name.
#[derive(Debug)]
pub(crate) struct Route {
    /// In their order; never empty.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Whether the last of them is the registry itself.
    pub(crate) ends_at_registry: bool,
}

/// One server to ask, and how.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// The host and port, as in a URL.
    pub(crate) authority: Box<str>,
    /// The host as images and credentials name it.
    pub(crate) registry: Box<str>,
    pub(crate) is_plain: bool,
    /// What stands before the repository.
    pub(crate) prefix: Box<str>,
    pub(crate) transport: Arc<Transport>,
    pub(crate) realms: Arc<[TokenRealm]>,
    /// Hosts that manifests may be at.
    pub(crate) redirects: Arc<[Host]>,
    /// The most requests in flight, where the file says it.
    pub(crate) max_requests: Option<usize>,
    /// How the file lists it, if it does.
    pub(crate) listed_as: Option<Host>,
}

impl Endpoint {
    pub(crate) fn scheme(&self) -> &'static str {
        if self.is_plain { "http" } else { "https" }
    }

    /// The repository there.
    pub(crate) fn repository(&self, repository: &str) -> String {
        if self.prefix.is_empty() {
            repository.to_owned()
        } else {
            format!("{}/{repository}", self.prefix)
        }
    }
}

/// Which server to ask for what a registry holds, and in which order.
impl Registries {
    pub(crate) fn route(&self, registry: &str) -> Result<Route, AskError> {
        let entry = self.entry(registry);
        if entry.is_none() && self.are_unlisted_refused {
            return Err(AskError::Unlisted {
                registry: registry.into(),
            });
        }
        let ask = entry.map_or(AskDocument::Always, |entry| entry.ask);
        if ask == AskDocument::Never {
            return Err(AskError::NeverAsked {
                registry: registry.into(),
            });
        }
        let mirrors = entry.map_or(&[][..], |entry| &entry.mirrors);
        let mut endpoints = Vec::with_capacity(mirrors.len() + 1);
        for mirror in mirrors {
            let host = mirror.host.as_str();
            endpoints.push(self.endpoint(host, self.entry(host), &mirror.prefix)?);
        }
        let ends_at_registry = ask == AskDocument::Always;
        if ends_at_registry {
            endpoints.push(self.endpoint(registry, entry, "")?);
        }
        Ok(Route {
            endpoints,
            ends_at_registry,
        })
    }

    fn endpoint(
        &self,
        registry: &str,
        entry: Option<&Arc<Entry>>,
        prefix: &str,
    ) -> Result<Endpoint, AskError> {
        let authority = if registry == HUB {
            HUB_AUTHORITY
        } else {
            registry
        };
        if authority.parse::<http::uri::Authority>().is_err() {
            return Err(AskError::Name {
                registry: registry.into(),
                reason: "it is no host of a URL",
            });
        }
        let is_local = self.is_localhost_allowed && is_localhost(registry);
        let built_in = REDIRECTED.iter().filter(|(from, _)| *from == registry);
        let built_in = built_in.filter_map(|(_, to)| Host::parse(to));
        let configured = entry.map_or(&[][..], |entry| &entry.redirects);
        Ok(Endpoint {
            authority: authority.into(),
            registry: registry.into(),
            // A daemon takes a registry on its own machine for one without TLS, and so do others.
            is_plain: entry
                .and_then(|entry| entry.is_plain)
                .unwrap_or_else(|| is_localhost(registry)),
            prefix: prefix.into(),
            transport: match entry {
                Some(entry) if !is_local || !entry.addresses.is_empty() => {
                    Arc::clone(&entry.transport)
                }
                _ if is_local => Arc::clone(&self.localhost),
                _ => Arc::clone(&self.default),
            },
            realms: entry.map_or_else(|| [].into(), |entry| Arc::clone(&entry.realms)),
            redirects: configured.iter().cloned().chain(built_in).collect(),
            max_requests: entry.and_then(|entry| entry.max_requests),
            listed_as: entry.map(|entry| entry.host.clone()),
        })
    }
}

/// Whether a registry is named as one of this machine.
fn is_localhost(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => registry,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests;
