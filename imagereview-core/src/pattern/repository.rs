//! Patterns over registries and repositories.
//!
//! A pattern is a host pattern and a path pattern. Hosts are found by hashing the host and each
//! domain above it; paths by hashing the path and each folder above it, if a pattern is as long; only what
//! has a wildcard in the middle of a path is left to globs. So the cost for one image, whatever its name,
//! follows the length of the name and how many lengths the patterns have, not their number.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    net::Ipv6Addr,
};

use super::{
    glob::{glob, is_glob, stray_character},
    globs::Globs,
    host_shape::{HostShape, ShapedHosts},
    price::{LOOK_UP, Lengths, Price},
    reading::{PatternError, Reading},
};
use crate::reference::{DEFAULT_REGISTRY, ImageRef};

/// The hosts of Docker Hub. For deny patterns they are one registry: a pattern that matches
/// one of them matches all, so that another name does not avoid it. An allow pattern matches the host
/// that the node pulls from, and no other.
const DOCKER_HUB_HOSTS: [&str; 5] = [
    DEFAULT_REGISTRY,
    // The node reads it as `docker.io`, but only in lower case.
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
    "hub.docker.com",
];

/// The namespace of Docker Hub's official images, which references leave out.
const OFFICIAL_NAMESPACE: &str = "library";

/// A registry in a policy: a host with an optional port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegistryPattern(RepositoryPattern);

/// A repository in a policy: a registry and a path with globs; or a short name, which means what it
/// means to the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepositoryPattern {
    text: Box<str>,
    host: Host,
    port: Port,
    path: Path,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// `*` or `**`.
    Any,
    /// `*.example.com`: every name below this domain.
    Below(Box<str>),
    /// `a.*.example.com`: one name for each star.
    Shaped(HostShape),
    Exact(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Port {
    /// No port is written in the pattern.
    Unwritten,
    Any,
    Exact(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Path {
    /// `**`, or a pattern over registries alone.
    Any,
    Exact(Box<str>),
    /// `team/**`: everything below.
    Below(Box<str>),
    Glob(Box<str>),
}

impl RegistryPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        if text.contains('/') {
            return Err(PatternError(format!(
                "{text:?} is more than a registry; a registry is a host with an optional port, and \
                 paths belong in \"repositories\""
            )));
        }
        let (host, port) = parse_host(text)?;
        if matches!(&host, Host::Exact(name) if port == Port::Unwritten && !names_host(name)) {
            return Err(PatternError(format!(
                "no reference can name {text:?} as its registry: the node takes the first part of a \
                 name for one only with a dot or a port in it, or if it is \"localhost\""
            )));
        }
        Ok(Self(RepositoryPattern {
            text: text.into(),
            host,
            port,
            path: Path::Any,
        }))
    }
}

impl RegistryPattern {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<RegistryPattern> for RepositoryPattern {
    fn from(registry: RegistryPattern) -> Self {
        registry.0
    }
}

impl RepositoryPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        if text.contains('@')
            || text
                .rsplit('/')
                .next()
                .is_some_and(|last| last.contains(':'))
        {
            return Err(PatternError(format!(
                "{text:?} has a tag or digest; a repository pattern has neither (use \"tags\" or \
                 \"digest\")"
            )));
        }
        let pattern = |host, port, path: &str| {
            Ok(Self {
                text: text.into(),
                host,
                port,
                path: parse_path(text, path)?,
            })
        };
        let hub = || Host::Exact(DEFAULT_REGISTRY.into());
        match text.split_once('/') {
            None if text == "**" => pattern(Host::Any, Port::Any, "**"),
            None if text == "*" => Err(PatternError(
                "\"*\" would be Docker Hub's official images and no others; write \"**\" for every \
                 repository, or \"docker.io/library/*\""
                    .into(),
            )),
            None if names_host(text) => Err(PatternError(format!(
                "{text:?} alone would be an image of Docker Hub; write \"{text}/**\" for every \
                 repository of that registry"
            ))),
            // Any registry, and whatever the rest of the pattern says at any depth.
            Some(("**", _)) => pattern(Host::Any, Port::Any, text),
            Some((first, rest)) if first == "*" || names_host(first) => {
                let (host, port) = parse_host(first)?;
                pattern(host, port, rest)
            }
            None | Some(_) => pattern(hub(), Port::Unwritten, text),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Which hosts a pattern over repositories is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostForm {
    /// Every host.
    Any,
    /// Every host below this domain.
    Below(Box<str>),
    /// Hosts with a star among their names.
    Shaped,
    /// This host, without its port.
    Exact(Box<str>),
}

/// Which ports a pattern over repositories is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortForm {
    /// No port is written in the pattern: none may be written in a name that it allows, and any in one
    /// that it denies.
    Unwritten,
    /// Every port.
    Any,
    /// This port.
    Exact(Box<str>),
}

/// Which paths a pattern over repositories is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathForm {
    /// Every path.
    Any,
    /// This path.
    Exact(Box<str>),
    /// Every path below this folder.
    Below(Box<str>),
    /// A regular expression for the whole path, in the syntax of the crate `regex`.
    Matching(Box<str>),
}

impl RepositoryPattern {
    /// What it is about, part by part.
    pub(crate) fn forms(&self) -> (HostForm, PortForm, PathForm) {
        let host = match &self.host {
            Host::Any => HostForm::Any,
            Host::Below(domain) => HostForm::Below(domain.clone()),
            Host::Shaped(_) => HostForm::Shaped,
            Host::Exact(host) => HostForm::Exact(host.clone()),
        };
        let port = match &self.port {
            Port::Unwritten => PortForm::Unwritten,
            Port::Any => PortForm::Any,
            Port::Exact(port) => PortForm::Exact(port.clone()),
        };
        let path = match &self.path {
            Path::Any => PathForm::Any,
            Path::Exact(path) => PathForm::Exact(path.clone()),
            Path::Below(folder) => PathForm::Below(folder.clone()),
            Path::Glob(text) => PathForm::Matching(
                glob(text, Reading::Strict)
                    .expect("it was read before")
                    .expression,
            ),
        };
        (host, port, path)
    }
}

/// Whether the node takes the first part of a name for a host.
fn names_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn parse_host(text: &str) -> Result<(Host, Port), PatternError> {
    let wrong = |what: &str| Err(PatternError(format!("{text:?} is no registry: {what}")));
    let (name, port) = split_port(text);
    let port = match port {
        None => Port::Unwritten,
        Some("*") => Port::Any,
        Some(port) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Port::Exact(port.into())
        }
        Some(_) => return wrong("the port is a number or \"*\""),
    };
    if name == "*" || name == "**" {
        // The widest host is meant with every port.
        let port = if port == Port::Unwritten {
            Port::Any
        } else {
            port
        };
        return Ok((Host::Any, port));
    }
    let shape = match HostShape::parse(name) {
        Ok(shape) => shape,
        Err(error) => return wrong(error),
    };
    let (domain, below) = match name.strip_prefix("*.") {
        Some(domain) => (domain, true),
        None => (name, false),
    };
    if domain.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return wrong("write it in lower case");
    }
    if domain.starts_with('[') && !below {
        if ipv6(domain).is_none() {
            return wrong("only an IPv6 address is allowed in brackets");
        }
        return Ok((Host::Exact(domain.into()), port));
    }
    let in_host = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    let is_name = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(in_host)
    };
    let well_formed = match &shape {
        Some(shape) => shape.written().all(is_name),
        None => domain.split('.').all(is_name),
    };
    if !well_formed {
        return wrong("a host is names of lower-case letters, digits and dashes between dots");
    }
    let host = if let Some(shape) = shape {
        Host::Shaped(shape)
    } else if below {
        Host::Below(domain.into())
    } else if domain == "index.docker.io" && port == Port::Unwritten {
        // It is `docker.io` in every reference, so as a pattern it would match nothing.
        Host::Exact(DEFAULT_REGISTRY.into())
    } else {
        Host::Exact(domain.into())
    };
    Ok((host, port))
}

fn parse_path(text: &str, path: &str) -> Result<Path, PatternError> {
    let wrong = |what: &str| Err(PatternError(format!("{text:?} is no repository: {what}")));
    let in_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    if let Some(what) = stray_character(path, in_path) {
        return wrong(&what);
    }
    if path.split('/').any(str::is_empty) {
        return wrong("a part of the path is empty");
    }
    if path == "**" {
        return Ok(Path::Any);
    }
    if path
        .split('/')
        .any(|part| part.contains("**") && part != "**")
    {
        return wrong("\"**\" stands for whole parts of the path, as in \"team/**\"");
    }
    match path.strip_suffix("/**") {
        Some(folder) if !is_glob(folder) => return Ok(Path::Below(folder.into())),
        _ => {}
    }
    if !is_glob(path) {
        return Ok(Path::Exact(path.into()));
    }
    glob(path, Reading::Strict)?;
    Ok(Path::Glob(path.into()))
}

/// The host of a registry, and its port as it is dialled; empty where none is written.
#[cfg(feature = "cel")]
pub(crate) fn host_and_port(registry: &str) -> (&str, &str) {
    let (host, port) = split_port(registry);
    (host, port.map_or("", without_leading_zeros))
}

/// Splits a host from its port; the colons within an IPv6 address are not that.
fn split_port(host: &str) -> (&str, Option<&str>) {
    let after_address = host.rfind(']').map_or(0, |bracket| bracket + 1);
    match host[after_address..].find(':') {
        None => (host, None),
        Some(colon) => {
            let colon = after_address + colon;
            (&host[..colon], Some(&host[colon + 1..]))
        }
    }
}

/// The address in the brackets of a host.
fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Patterns over repositories, matched all at once.
#[derive(Clone, Debug)]
pub(crate) struct RepositorySet {
    patterns: Vec<RepositoryPattern>,
    reading: Reading,
    any: Ports,
    below: HashMap<Box<str>, Ports>,
    /// How long the domains are that `below` has: no others are looked up.
    below_lengths: TextLengths,
    exact: HashMap<Box<str>, Ports>,
    shaped: ShapedHosts<Ports>,
    registry_price: Price,
    path_price: Price,
}

/// The lengths of some texts. A name of very many parts begins or ends with as many others, of which
/// those of other lengths need not be looked up.
#[derive(Clone, Debug, Default)]
struct TextLengths(BTreeSet<usize>);

impl TextLengths {
    fn of<'t>(texts: impl Iterator<Item = &'t Box<str>>) -> Self {
        Self(texts.map(|text| text.len()).collect())
    }

    /// The steps to look up the texts in a name.
    fn price(&self) -> Price {
        if self.0.is_empty() {
            return Price::default();
        }
        let bytes = self.0.iter().sum::<usize>() as u64;
        let count = self.0.len() as u64;
        // Of each length there is one, and finding where the parts end takes all bytes.
        Price::new(bytes.saturating_add(LOOK_UP.saturating_mul(count)), 4)
    }
}

impl RepositorySet {
    /// The patterns, in their order.
    pub(crate) fn patterns(&self) -> &[RepositoryPattern] {
        &self.patterns
    }

    pub(crate) fn new(
        patterns: Vec<RepositoryPattern>,
        reading: Reading,
    ) -> Result<Self, PatternError> {
        let mut set = Self {
            patterns: Vec::new(),
            reading,
            any: Ports::default(),
            below: HashMap::new(),
            below_lengths: TextLengths::default(),
            exact: HashMap::new(),
            shaped: ShapedHosts::default(),
            registry_price: Price::default(),
            path_price: Price::default(),
        };
        for (index, pattern) in patterns.iter().enumerate() {
            let ports = match &pattern.host {
                Host::Any => &mut set.any,
                Host::Below(domain) => {
                    if reading == Reading::Wide && is_above_docker_hub(domain) {
                        let hub = set.exact.entry(DEFAULT_REGISTRY.into()).or_default();
                        hub.add(pattern, reading, index);
                    }
                    set.below.entry(domain.clone()).or_default()
                }
                Host::Shaped(host) => {
                    let mut hubs = DOCKER_HUB_HOSTS.iter();
                    if reading == Reading::Wide && hubs.any(|hub| host.matches(hub)) {
                        let hub = set.exact.entry(DEFAULT_REGISTRY.into()).or_default();
                        hub.add(pattern, reading, index);
                    }
                    set.shaped.entry(host)
                }
                Host::Exact(host) => {
                    let host = match reading {
                        Reading::Strict => Cow::Borrowed(&**host),
                        Reading::Wide => widened(host),
                    };
                    set.exact.entry(host.into()).or_default()
                }
            };
            ports.add(pattern, reading, index);
        }
        let hosts = set.below.values_mut().chain(set.exact.values_mut());
        let hosts = hosts.chain(set.shaped.values_mut());
        for paths in hosts.chain([&mut set.any]).flat_map(Ports::paths_mut) {
            paths.compile()?;
        }
        set.patterns = patterns;
        set.below_lengths = TextLengths::of(set.below.keys());
        set.registry_price =
            Price::new(LOOK_UP, 4) + set.below_lengths.price() + set.shaped.price();
        // One domain of each length is above a host.
        let below = largest(set.below.values()).times(set.below_lengths.0.len() as u64);
        let shaped = largest(set.shaped.values()).times(set.shaped.len() as u64);
        let exact = largest(set.exact.values());
        // An official image of Docker Hub has two paths.
        set.path_price = (set.any.price() + exact + below + shaped).times(2);
        Ok(set)
    }

    /// The steps to match an image, at most.
    pub(crate) fn steps(&self, lengths: Lengths) -> u64 {
        let registry = self.registry_price.of(lengths.registry);
        registry.saturating_add(self.path_price.of(lengths.path))
    }

    /// The first pattern that matches.
    pub(crate) fn find(&self, image: &ImageRef<'_>) -> Option<&RepositoryPattern> {
        let registry = image.registry();
        let (host, port) = split_port(registry);
        let (host, is_hub) = match self.reading {
            Reading::Strict => (Cow::Borrowed(host), registry == DEFAULT_REGISTRY),
            Reading::Wide => {
                let host = widened(host);
                let is_hub = host == DEFAULT_REGISTRY;
                (host, is_hub)
            }
        };
        // An official image of Docker Hub has two paths: `library/nginx` and `nginx`.
        let written = image.repository().as_written();
        let official = is_hub.then(|| official_paths(written)).flatten();
        let (path, short) = match &official {
            Some((path, short)) => (&**path, Some(*short)),
            None => (written, None),
        };

        let domains = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
        let domains = domains.filter(|domain| self.below_lengths.0.contains(&domain.len()));
        let below = domains.filter_map(|domain| self.below.get(domain));
        let first = below
            .chain(self.shaped.find(&host))
            .chain(self.exact.get(&*host))
            .chain([&self.any])
            .flat_map(|ports| ports.matching(port, self.reading))
            .flat_map(|paths| {
                let short = short.and_then(|short| paths.find(short));
                paths.find(path).into_iter().chain(short)
            })
            .min()?;
        Some(&self.patterns[first])
    }
}

/// The most that one of several costs.
fn largest<'p>(ports: impl Iterator<Item = &'p Ports>) -> Price {
    ports.map(Ports::price).fold(Price::default(), Price::max)
}

/// The full and the short path of an official image of Docker Hub, whichever was written.
fn official_paths(written: &str) -> Option<(Cow<'_, str>, &str)> {
    match written.split_once('/') {
        None => Some((format!("{OFFICIAL_NAMESPACE}/{written}").into(), written)),
        Some((OFFICIAL_NAMESPACE, short)) if !short.contains('/') => Some((written.into(), short)),
        Some(_) => None,
    }
}

/// Whether `*.domain` matches one of Docker Hub's hosts.
fn is_above_docker_hub(domain: &str) -> bool {
    let is_below = |host: &&str| {
        let before = host.strip_suffix(domain);
        before.is_some_and(|before| before.ends_with('.'))
    };
    DOCKER_HUB_HOSTS.iter().any(is_below)
}

/// The host as every spelling of it is read: in lower case, `docker.io` for every host of Docker Hub,
/// and an IPv6 address in its shortest form, or as the IPv4 address that it stands for.
fn widened(host: &str) -> Cow<'_, str> {
    if let Some(address) = ipv6(host) {
        return Cow::Owned(match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => format!("[{address}]"),
        });
    }
    if DOCKER_HUB_HOSTS
        .iter()
        .any(|hub| hub.eq_ignore_ascii_case(host))
    {
        return Cow::Borrowed(DEFAULT_REGISTRY);
    }
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(host.to_ascii_lowercase());
    }
    Cow::Borrowed(host)
}

/// The port as it is dialled: `05000` is 5000.
fn without_leading_zeros(port: &str) -> &str {
    port.trim_start_matches('0')
}

/// The paths that belong to the ports of a host.
#[derive(Clone, Debug, Default)]
struct Ports {
    unwritten: PathSet,
    any: PathSet,
    exact: HashMap<Box<str>, PathSet>,
}

impl Ports {
    fn add(&mut self, pattern: &RepositoryPattern, reading: Reading, index: usize) {
        let paths = match &pattern.port {
            Port::Unwritten => &mut self.unwritten,
            Port::Any => &mut self.any,
            Port::Exact(port) => {
                let port = match reading {
                    Reading::Strict => port,
                    Reading::Wide => without_leading_zeros(port),
                };
                self.exact.entry(port.into()).or_default()
            }
        };
        paths.add(&pattern.path, index);
    }

    fn price(&self) -> Price {
        let exact = self.exact.values().map(PathSet::price);
        // A port that is not written may be two.
        let exact = exact.fold(Price::default(), Price::max).times(2);
        self.unwritten.price() + self.any.price() + exact
    }

    fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathSet> {
        let exact = self.exact.values_mut();
        exact.chain([&mut self.unwritten, &mut self.any])
    }

    /// The paths that belong to the port of an image.
    fn matching(&self, port: Option<&str>, reading: Reading) -> impl Iterator<Item = &PathSet> {
        let (unwritten, exact) = match (reading, port) {
            (Reading::Strict, None) => (true, [None, None]),
            (Reading::Strict, Some(port)) => (false, [Some(port), None]),
            // A port that is not written is that of HTTPS, or of HTTP.
            (Reading::Wide, None) => (true, [Some("443"), Some("80")]),
            (Reading::Wide, Some(port)) => (true, [Some(without_leading_zeros(port)), None]),
        };
        let exact = exact.into_iter().flatten();
        exact
            .filter_map(|port| self.exact.get(port))
            .chain(unwritten.then_some(&self.unwritten))
            .chain([&self.any])
    }
}

/// The steps of a set of paths that has none.
const EMPTY: u64 = 10;

/// Patterns over the paths of one host and port.
#[derive(Clone, Debug, Default)]
struct PathSet {
    any: Option<usize>,
    exact: HashMap<Box<str>, usize>,
    below: HashMap<Box<str>, usize>,
    /// How long the folders are that `below` has: no others are looked up.
    below_lengths: TextLengths,
    glob_texts: Vec<(Box<str>, usize)>,
    globs: Globs,
}

impl PathSet {
    fn add(&mut self, path: &Path, index: usize) {
        match path {
            Path::Any => {
                self.any.get_or_insert(index);
            }
            Path::Exact(path) => {
                self.exact.entry(path.clone()).or_insert(index);
            }
            Path::Below(folder) => {
                self.below.entry(folder.clone()).or_insert(index);
            }
            Path::Glob(path) => self.glob_texts.push((path.clone(), index)),
        }
    }

    fn compile(&mut self) -> Result<(), PatternError> {
        // A path has no upper case, so it is read in one way only.
        let read = |(text, index): (Box<str>, usize)| Ok((glob(&text, Reading::Strict)?, index));
        let globs: Result<Vec<_>, PatternError> = std::mem::take(&mut self.glob_texts)
            .into_iter()
            .map(read)
            .collect();
        self.globs = Globs::new(globs?, Reading::Strict)?;
        self.below_lengths = TextLengths::of(self.below.keys());
        Ok(())
    }

    fn price(&self) -> Price {
        let exact = if self.exact.is_empty() {
            Price::default()
        } else {
            Price::new(LOOK_UP, 1)
        };
        let own = Price::new(EMPTY, 0);
        own + exact + self.below_lengths.price() + self.globs.price()
    }

    fn find(&self, path: &str) -> Option<usize> {
        let whole = self.any.into_iter().chain(self.exact.get(path).copied());
        let path_of_folders = if self.below.is_empty() { "" } else { path };
        let folders = path_of_folders
            .match_indices('/')
            .map(|(slash, _)| &path[..slash]);
        let folders = folders.filter(|folder| self.below_lengths.0.contains(&folder.len()));
        let below = folders.filter_map(|folder| self.below.get(folder).copied());
        whole.chain(below).chain(self.globs.find(path)).min()
    }
}
