//! Patterns over registries and repositories.
//!
//! A pattern is a host pattern and a path pattern. Hosts are found by hashing the host and each
//! domain above it; paths by hashing the path and each folder above it; only what has a wildcard in
//! the middle of a path is left to globs, and those are kept apart by the folder before the
//! wildcard. So the cost for one image follows the length of its name, not the number of patterns.

use std::{borrow::Cow, collections::HashMap};

use globset::GlobSet;

use super::{PatternError, Reading, glob, glob_set, is_glob};
use crate::{ImageRef, reference::DEFAULT_REGISTRY};

/// Hosts that lead to Docker Hub under other names than the one in references. A denial of
/// `docker.io` must not be walked around through them.
const DOCKER_HUB_ALIASES: [&str; 3] = [
    "registry-1.docker.io",
    "registry.hub.docker.com",
    "hub.docker.com",
];

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
    Exact(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
        Ok(Self(RepositoryPattern {
            text: text.into(),
            host,
            port,
            path: Path::Any,
        }))
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
            None => pattern(hub(), Port::Unwritten, &format!("library/{text}")),
            // Any registry, and whatever the rest of the pattern says at any depth.
            Some(("**", _)) => pattern(Host::Any, Port::Any, text),
            Some((first, rest)) if first == "*" || names_host(first) => {
                let (host, port) = parse_host(first)?;
                // As in a reference, one part below Docker Hub is an official image.
                if host == hub() && !rest.contains('/') && rest != "**" {
                    return pattern(host, port, &format!("library/{rest}"));
                }
                pattern(host, port, rest)
            }
            Some(_) => pattern(hub(), Port::Unwritten, text),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
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
    let (domain, below) = match name.strip_prefix("*.") {
        Some(domain) => (domain, true),
        None => (name, false),
    };
    if domain.contains('*') {
        return wrong("\"*\" stands for whole names before a domain, as in \"*.example.com\"");
    }
    if domain.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return wrong("write it in lower case");
    }
    let is_ipv6 = domain.starts_with('[') && !below;
    let in_host = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    let well_formed = domain
        .split('.')
        .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    if !is_ipv6 && (!well_formed || !domain.chars().all(in_host)) {
        return wrong("a host is names of lower-case letters, digits and dashes between dots");
    }
    // `index.docker.io` is `docker.io` in every reference, so as a pattern it would match nothing.
    let domain = if domain == "index.docker.io" {
        DEFAULT_REGISTRY
    } else {
        domain
    };
    let host = if below {
        Host::Below(domain.into())
    } else {
        Host::Exact(domain.into())
    };
    Ok((host, port))
}

fn parse_path(text: &str, path: &str) -> Result<Path, PatternError> {
    let wrong = |what: &str| Err(PatternError(format!("{text:?} is no repository: {what}")));
    let in_path =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/*?[]{},!".contains(c);
    if let Some(c) = path.chars().find(|c| !in_path(*c)) {
        return wrong(&format!("{c:?} never stands in one"));
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

/// Patterns over repositories, matched all at once.
#[derive(Clone, Debug)]
pub(crate) struct RepositorySet {
    patterns: Vec<RepositoryPattern>,
    reading: Reading,
    any: Ports,
    below: HashMap<Box<str>, Ports>,
    exact: HashMap<Box<str>, Ports>,
}

/// The paths that belong to each port of a host.
type Ports = HashMap<Port, PathSet>;

impl RepositorySet {
    pub(crate) fn new(
        patterns: Vec<RepositoryPattern>,
        reading: Reading,
    ) -> Result<Self, PatternError> {
        let mut set = Self {
            patterns: Vec::new(),
            reading,
            any: Ports::new(),
            below: HashMap::new(),
            exact: HashMap::new(),
        };
        for (index, pattern) in patterns.iter().enumerate() {
            let ports = match &pattern.host {
                Host::Any => &mut set.any,
                Host::Below(domain) => set.below.entry(domain.clone()).or_default(),
                Host::Exact(host) => set.exact.entry(host.clone()).or_default(),
            };
            let paths = ports.entry(pattern.port.clone()).or_default();
            paths.add(&pattern.path, index);
        }
        let all_ports = set.below.values_mut().chain(set.exact.values_mut());
        for paths in all_ports
            .chain([&mut set.any])
            .flat_map(HashMap::values_mut)
        {
            paths.compile()?;
        }
        set.patterns = patterns;
        Ok(set)
    }

    /// The first pattern that matches.
    pub(crate) fn find(&self, image: &ImageRef<'_>) -> Option<&RepositoryPattern> {
        let (host, port) = split_port(image.registry());
        let host = match self.reading {
            Reading::Strict => Cow::Borrowed(host),
            Reading::Wide => widened(host),
        };
        let repository = image.repository();
        let path = match repository.implied_namespace() {
            None => Cow::Borrowed(repository.as_written()),
            Some(_) => Cow::Owned(repository.to_string()),
        };

        let domains = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
        let below = domains.filter_map(|domain| self.below.get(domain));
        let exact = self.exact.get(&*host);
        let first = below
            .chain(exact)
            .chain([&self.any])
            .filter_map(|ports| self.find_in(ports, port, &path))
            .min()?;
        Some(&self.patterns[first])
    }

    fn find_in(&self, ports: &Ports, port: Option<&str>, path: &str) -> Option<usize> {
        let matches = |pattern: &Port| match (pattern, port) {
            (Port::Any, _) | (Port::Unwritten, None) => true,
            (Port::Unwritten, Some(_)) => self.reading == Reading::Wide,
            (Port::Exact(wanted), Some(port)) => **wanted == *port,
            (Port::Exact(_), None) => false,
        };
        ports
            .iter()
            .filter(|(pattern, _)| matches(pattern))
            .filter_map(|(_, paths)| paths.find(path))
            .min()
    }
}

/// The host in lower case, by the one name that policies use for it.
fn widened(host: &str) -> Cow<'_, str> {
    let lower = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    };
    if lower == "index.docker.io" || DOCKER_HUB_ALIASES.contains(&&*lower) {
        return Cow::Borrowed(DEFAULT_REGISTRY);
    }
    lower
}

/// Patterns over the paths of one host and port.
#[derive(Clone, Debug, Default)]
struct PathSet {
    any: Option<usize>,
    exact: HashMap<Box<str>, usize>,
    below: HashMap<Box<str>, usize>,
    /// Globs by the folder before their first wildcard, which is empty where they begin with one.
    globs: HashMap<Box<str>, Globs>,
}

#[derive(Clone, Debug, Default)]
struct Globs {
    texts: Vec<Box<str>>,
    patterns: Vec<usize>,
    set: GlobSet,
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
            Path::Glob(path) => {
                let wildcard = path.find(['*', '?', '[', '{']).unwrap_or(path.len());
                let folder = path[..wildcard]
                    .rfind('/')
                    .map_or("", |slash| &path[..slash]);
                let globs = self.globs.entry(folder.into()).or_default();
                globs.texts.push(path.clone());
                globs.patterns.push(index);
            }
        }
    }

    fn compile(&mut self) -> Result<(), PatternError> {
        for globs in self.globs.values_mut() {
            let all: Result<Vec<_>, _> = std::mem::take(&mut globs.texts)
                .iter()
                .map(|text| glob(text, Reading::Strict))
                .collect();
            globs.set = glob_set(all?)?;
        }
        Ok(())
    }

    fn find(&self, path: &str) -> Option<usize> {
        let whole = self.any.into_iter().chain(self.exact.get(path).copied());
        let folders = path.match_indices('/').map(|(slash, _)| &path[..slash]);
        let in_folder = |folder| {
            let below = self.below.get(folder).copied();
            let globs = self.globs.get(folder).and_then(|globs| globs.find(path));
            below.into_iter().chain(globs)
        };
        whole.chain(folders.chain([""]).flat_map(in_folder)).min()
    }
}

impl Globs {
    fn find(&self, path: &str) -> Option<usize> {
        let first = self.set.matches(path).into_iter().min()?;
        Some(self.patterns[first])
    }
}
