//! Files that are read again when they change.

use std::{
    error::Error,
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use imagereview_core::document::is_policy_file;
use imagereview_files::PolicyPaths;

use crate::{
    config::{Config, FactsSource, OpenedFacts},
    observe::Part,
    policy::{self, OpenedPolicy},
    regular_file::{self, RegularFileError},
    state::State,
    text::one_line,
    tls::{ClientTrust, Tls, TlsError},
};

/// The contents of the files before they were first read.
pub(crate) struct Before {
    policy: u64,
    identity: u64,
    clients: u64,
    facts: u64,
}

impl Before {
    pub(crate) fn reading(config: &Config, policy: &OpenedPolicy) -> Self {
        Self {
            policy: match policy {
                OpenedPolicy::Files(paths) => policy_fingerprint(paths),
                OpenedPolicy::BuiltIn | OpenedPolicy::Memory(_) => fingerprint(&[]),
            },
            identity: fingerprint(&config.identity.files()),
            clients: fingerprint(&ClientTrust::from(config).files()),
            facts: fingerprint(&config.facts.files()),
        }
    }
}

/// Puts what the files hold in place, and says what that is.
type Install = Box<dyn Fn() -> Result<String, Box<dyn Error>> + Send>;

/// What came of the contents of files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// They are served.
    Served,
    /// They can't be used.
    Refused,
    /// Their time has not come, so they are to be tried again.
    Early,
}

/// The files of a part.
enum Paths {
    Policy(PolicyPaths),
    Files(Vec<PathBuf>),
}

impl Paths {
    /// Tells contents from others.
    fn fingerprint(&self) -> u64 {
        match self {
            Self::Policy(paths) => policy_fingerprint(paths),
            Self::Files(paths) => fingerprint(paths),
        }
    }

    fn iter(&self) -> Box<dyn Iterator<Item = &Path> + '_> {
        match self {
            Self::Policy(paths) => Box::new(paths.lasting()),
            Self::Files(paths) => Box::new(paths.iter().map(PathBuf::as_path)),
        }
    }

    /// The folders whose changes can concern these files.
    fn folders(&self) -> Vec<PathBuf> {
        self.iter().map(folder_of).collect()
    }

    /// Whether this is one of these files.
    fn has(&self, file: &Path) -> bool {
        let (Some(name), Some(folder)) = (file.file_name(), file.parent()) else {
            return false;
        };
        self.iter().any(|path| {
            let has_name = if path.is_dir() {
                is_policy_file(&name.to_string_lossy())
            } else {
                path.file_name() == Some(name)
            };
            has_name && is_same_folder(&folder_of(path), folder)
        })
    }
}

/// Whether two paths lead to one folder. Events have absolute paths.
fn is_same_folder(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// A folder itself, or the one that holds a file.
fn folder_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Why files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It is time to look.
    Looked,
    /// An event tells that they have changed.
    Changed,
    Requested,
}

/// One thing that is read from files.
pub(super) struct WatchedFiles {
    part: Part,
    paths: Paths,
    /// Of the contents that were tried last.
    fingerprint: u64,
    /// What came of those.
    tried: Tried,
    /// Of other contents that the last look found.
    seen: Option<u64>,
    /// What they held when they were put in place last.
    served: Option<String>,
    /// Whether a reload was requested that had to wait.
    is_requested: bool,
    install: Install,
}

/// What this configuration reads from files.
pub(super) fn parts(
    state: &Arc<State>,
    tls: &Arc<Tls>,
    policy: OpenedPolicy,
    facts: FactsSource,
    before: &Before,
) -> Vec<WatchedFiles> {
    let mut parts = Vec::new();
    if let OpenedPolicy::Files(files) = policy {
        let served = state.policy.load().identity.as_deref().map(str::to_owned);
        let (state, paths) = (Arc::clone(state), Paths::Policy(files.clone()));
        parts.push(WatchedFiles::new(
            Part::Policy,
            paths,
            before.policy,
            served,
            move || {
                let policy = policy::load(&files)?;
                let identity = policy.identity.as_deref().unwrap_or_default().to_owned();
                state.serve_policy(policy);
                Ok(identity)
            },
        ));
    }
    let identity = tls.identity_files();
    if !identity.is_empty() {
        let tls = Arc::clone(tls);
        parts.push(WatchedFiles::new(
            Part::Certificate,
            Paths::Files(identity),
            before.identity,
            Some(tls.current().describe_certificate()),
            move || Ok(tls.reload_identity()?),
        ));
    }
    let clients = tls.clients().files();
    if !clients.is_empty() {
        let tls = Arc::clone(tls);
        parts.push(WatchedFiles::new(
            Part::ClientCa,
            Paths::Files(clients),
            before.clients,
            Some(tls.current().describe_clients()),
            move || Ok(tls.reload_client_ca()?),
        ));
    }
    let files = facts.files();
    if !files.is_empty() {
        let state = Arc::clone(state);
        parts.push(WatchedFiles::new(
            Part::Facts,
            Paths::Files(files),
            before.facts,
            None,
            move || {
                let opened = facts.open(Some(Arc::clone(&state.metrics.registries) as _))?;
                let description = match &opened {
                    OpenedFacts::Nowhere => "none".to_owned(),
                    OpenedFacts::Registries { .. } => "from registries".to_owned(),
                    OpenedFacts::Saved(facts) => format!("of {} images", facts.len()),
                };
                state.facts.set_source(opened);
                Ok(description)
            },
        ));
    }
    parts
}

impl WatchedFiles {
    fn new(
        part: Part,
        paths: Paths,
        before: u64,
        served: Option<String>,
        install: impl Fn() -> Result<String, Box<dyn Error>> + Send + 'static,
    ) -> Self {
        Self {
            part,
            fingerprint: before,
            tried: Tried::Served,
            seen: None,
            served,
            is_requested: false,
            paths,
            install: Box::new(install),
        }
    }

    /// The folders whose changes can concern these files.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        self.paths.folders()
    }

    /// Whether this is one of these files.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.paths.has(path)
    }

    /// Reads the files at a later look, as it was requested and can't be done now.
    pub(super) fn request(&mut self) {
        self.is_requested = true;
    }

    /// Reads the files if they differ from those that were tried last, or if it was `requested`. Where
    /// nothing tells that they have changed, two looks must find the same: the first may have found half
    /// of what somebody is writing. `false` if another look is due.
    pub(super) fn reload(&mut self, why: Why, state: &State) -> bool {
        let requested = self.is_requested || why == Why::Requested;
        let fingerprint = self.paths.fingerprint();
        let is_same = fingerprint == self.fingerprint;
        let is_settled = is_same || self.seen == Some(fingerprint);
        self.seen = Some(fingerprint);
        if why == Why::Looked && !is_settled {
            return false;
        }
        self.is_requested = false;
        self.install(fingerprint, requested, state);
        true
    }

    fn install(&mut self, fingerprint: u64, requested: bool, state: &State) {
        let is_same = fingerprint == self.fingerprint;
        let wants_same = match self.tried {
            Tried::Early => true,
            Tried::Refused => requested,
            // Most requests are for reopening the audit log. The same client CAs are not put in place
            // again, since all connections would have to be made anew.
            Tried::Served => requested && self.part != Part::ClientCa,
        };
        if is_same && !wants_same {
            return;
        }
        let is_known = is_same && !requested;
        self.fingerprint = fingerprint;
        let part = self.part.as_str();
        match (self.install)() {
            Ok(now) => {
                self.tried = Tried::Served;
                let policy = state.policy.load();
                let before = self.served.as_deref().filter(|before| *before != now);
                tracing::info!(
                    part,
                    now,
                    before,
                    policy = policy.identity.as_deref(),
                    "reloaded"
                );
                self.served = Some(now);
                state.metrics.reloads.count(self.part, true);
            }
            Err(error) => {
                self.tried = if error.downcast_ref().is_some_and(TlsError::is_for_now) {
                    Tried::Early
                } else {
                    Tried::Refused
                };
                state.metrics.reloads.count(self.part, false);
                if is_known {
                    return;
                }
                // A policy's mistakes are a line each, and this is one line of the log.
                let error = one_line(&error.to_string());
                tracing::error!(
                    part,
                    "not reloaded, the one of before is still served: {error}"
                );
            }
        }
    }
}

/// Tells policies from others. An error counts too, so that it is reported once and not at every look.
fn policy_fingerprint(paths: &PolicyPaths) -> u64 {
    let mut hasher = DefaultHasher::new();
    let texts = paths.read().map_err(|error| error.to_string());
    texts.hash(&mut hasher);
    hasher.finish()
}

/// Tells contents from others. A file that can't be read counts too, so that an error is reported
/// once and not at every look.
fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in paths {
        file.hash(&mut hasher);
        match regular_file::read(file) {
            Ok(bytes) => bytes.hash(&mut hasher),
            Err(RegularFileError::Read(error)) => error.kind().hash(&mut hasher),
            Err(error) => mem::discriminant(&error).hash(&mut hasher),
        }
    }
    hasher.finish()
}
