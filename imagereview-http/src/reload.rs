//! Reading the policy, the certificate and the client CAs again when their files change.
//!
//! What is wrong in a new file never replaces what is served: it is logged, counted, and tried again
//! at the file's next change, or once the time has come for a certificate that begins later.

use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::{
    config::Config,
    observe::Part,
    policy::{self, ServerPolicy},
    state::State,
    text::one_line,
    tls::{Tls, TlsError},
};

/// How often the files are compared, for changes that no event tells of: behind a symbolic link
/// that stays, on a network file system, or where the system's watches are used up.
const POLL: Duration = Duration::from_secs(30);

/// How long it must be quiet after a change before the files are read, so that a certificate and
/// its key, or the files of a folder, are seen together.
const SETTLE: Duration = Duration::from_millis(100);

/// How long that may take while changes go on.
const SETTLE_AT_MOST: Duration = Duration::from_secs(2);

/// How often a certificate that ends soon is mentioned.
const REMINDER: Duration = Duration::from_secs(24 * 60 * 60);

/// Asks a running [`Server`](crate::Server) to read its files again, as on SIGHUP.
#[derive(Clone, Debug)]
pub struct Reload(Sender<Trigger>);

impl Reload {
    /// Reads policy and certificate again, changed or not, and client CAs if they have changed, and
    /// opens the audit log's file anew. Returns at once; the log and the metrics tell what came of it.
    pub fn request(&self) {
        // A server that has stopped has nothing to read.
        let _ = self.0.send(Trigger::Requested);
    }
}

#[derive(Debug)]
enum Trigger {
    /// Something happened in a folder that is watched.
    Changed,
    Requested,
    Stop,
}

/// Watches files from a thread of its own, since reading files and compiling a policy would hold up
/// the answers. It ends with this value.
pub(crate) struct Reloader {
    triggers: Sender<Trigger>,
}

impl Reloader {
    pub(crate) fn start(
        state: Arc<State>,
        tls: Arc<Tls>,
        policy: ServerPolicy,
        before: &Before,
    ) -> Self {
        let (triggers, received) = mpsc::channel();
        let reloader = Self { triggers };
        let events = reloader.triggers.clone();
        let parts = parts(&state, &tls, policy, before);
        let run = move || Watch::new(parts, state, tls, events).run(&received);
        if let Err(error) = thread::Builder::new().name("reload".to_owned()).spawn(run) {
            tracing::error!("changed files will not be seen: cannot start a thread: {error}");
        }
        reloader
    }

    pub(crate) fn handle(&self) -> Reload {
        Reload(self.triggers.clone())
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        let _ = self.triggers.send(Trigger::Stop);
    }
}

/// The contents of the files before they were first read.
pub(crate) struct Before {
    policy: u64,
    identity: u64,
    client_ca: u64,
}

impl Before {
    pub(crate) fn reading(config: &Config, policy: &ServerPolicy) -> Self {
        Self {
            policy: match policy {
                ServerPolicy::Files(paths) => fingerprint(paths),
                ServerPolicy::BuiltIn | ServerPolicy::Memory(_) => fingerprint(&[]),
            },
            identity: fingerprint(&config.identity.files()),
            client_ca: fingerprint(config.client_ca.as_slice()),
        }
    }
}

type Install = Box<dyn Fn() -> Result<(), Box<dyn Error>> + Send>;

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

/// One thing that is read from files.
struct Files {
    part: Part,
    paths: Vec<PathBuf>,
    /// Of the contents that were tried last.
    fingerprint: u64,
    /// What came of those.
    tried: Tried,
    install: Install,
}

fn parts(state: &Arc<State>, tls: &Arc<Tls>, policy: ServerPolicy, before: &Before) -> Vec<Files> {
    let mut parts = Vec::new();
    if let ServerPolicy::Files(paths) = policy {
        let (state, files) = (Arc::clone(state), paths.clone());
        parts.push(Files::new(Part::Policy, paths, before.policy, move || {
            state.serve_policy(policy::load(&files)?);
            Ok(())
        }));
    }
    let identity = tls.identity_files();
    if !identity.is_empty() {
        let tls = Arc::clone(tls);
        parts.push(Files::new(
            Part::Certificate,
            identity,
            before.identity,
            move || Ok(tls.reload_identity()?),
        ));
    }
    if let Some(path) = tls.client_ca_file() {
        let tls = Arc::clone(tls);
        parts.push(Files::new(
            Part::ClientCa,
            vec![path],
            before.client_ca,
            move || Ok(tls.reload_client_ca()?),
        ));
    }
    parts
}

impl Files {
    fn new(
        part: Part,
        paths: Vec<PathBuf>,
        before: u64,
        install: impl Fn() -> Result<(), Box<dyn Error>> + Send + 'static,
    ) -> Self {
        Self {
            part,
            fingerprint: before,
            tried: Tried::Served,
            paths,
            install: Box::new(install),
        }
    }

    /// The folders whose changes can concern these files.
    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        self.paths.iter().map(|path| {
            if path.is_dir() {
                return path.clone();
            }
            match path.parent() {
                Some(parent) if parent != Path::new("") => parent.to_owned(),
                _ => PathBuf::from("."),
            }
        })
    }

    /// Reads the files if they are others than those that were tried last, or if `asked` to.
    fn reload(&mut self, asked: bool, state: &State) {
        let fingerprint = fingerprint(&self.paths);
        let is_same = fingerprint == self.fingerprint;
        let wants_same = match self.tried {
            Tried::Early => true,
            Tried::Refused => asked,
            // Whoever asks wants the audit log opened anew, most often. Client CAs that are the same are
            // not put in place again, since all connections would have to be made anew.
            Tried::Served => asked && self.part != Part::ClientCa,
        };
        if is_same && !wants_same {
            return;
        }
        let is_told = is_same && !asked;
        self.fingerprint = fingerprint;
        let part = self.part.as_str();
        match (self.install)() {
            Ok(()) => {
                self.tried = Tried::Served;
                let policy = state.policy.load();
                tracing::info!(part, policy = policy.identity.as_deref(), "reloaded");
                state.metrics.reloads.count(self.part, true);
            }
            Err(error) => {
                self.tried = if error.downcast_ref().is_some_and(TlsError::is_for_now) {
                    Tried::Early
                } else {
                    Tried::Refused
                };
                state.metrics.reloads.count(self.part, false);
                if is_told {
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

/// Tells contents from others. A file that can't be read counts too, so that an error is reported
/// once and not at every look.
fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let files = policy::files(paths).unwrap_or_else(|_| paths.to_owned());
    for file in files {
        file.hash(&mut hasher);
        fs::read(file)
            .map_err(|error| error.kind())
            .hash(&mut hasher);
    }
    hasher.finish()
}

struct Watch {
    parts: Vec<Files>,
    state: Arc<State>,
    tls: Arc<Tls>,
    watcher: Option<RecommendedWatcher>,
    reminded: Option<Instant>,
}

impl Watch {
    fn new(parts: Vec<Files>, state: Arc<State>, tls: Arc<Tls>, events: Sender<Trigger>) -> Self {
        let on_event = move |event: notify::Result<notify::Event>| {
            // Reading a file is an event too, and would be answered by reading it.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                let _ = events.send(Trigger::Changed);
            }
        };
        let watcher = notify::recommended_watcher(on_event)
            .inspect_err(|error| {
                tracing::warn!("changes of files are looked for every {POLL:?} only: {error}");
            })
            .ok();
        Self {
            parts,
            state,
            tls,
            watcher,
            reminded: None,
        }
    }

    fn run(mut self, triggers: &Receiver<Trigger>) {
        self.watch_folders();
        // A change between the first reading and the first watch would be missed.
        self.reload(false);
        loop {
            let asked = match triggers.recv_timeout(POLL) {
                Ok(Trigger::Requested) => true,
                Ok(Trigger::Changed) => match settle(triggers) {
                    Some(asked) => asked,
                    None => return,
                },
                Err(RecvTimeoutError::Timeout) => {
                    // A folder that was made anew is another folder to the system.
                    self.watch_folders();
                    false
                }
                Ok(Trigger::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            };
            self.reload(asked);
        }
    }

    /// Watches folders and not files, because what is mounted from a Secret or `ConfigMap` is
    /// replaced by turning a symbolic link beside the files.
    fn watch_folders(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let folders: BTreeSet<PathBuf> = self.parts.iter().flat_map(Files::folders).collect();
        for folder in folders {
            if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
                let folder = folder.display();
                tracing::warn!("changes in {folder} are looked for every {POLL:?} only: {error}");
            }
        }
    }

    fn reload(&mut self, asked: bool) {
        if asked {
            self.state.reopen_audit();
        }
        for part in &mut self.parts {
            part.reload(asked, &self.state);
        }
        self.tell_expiry();
    }

    fn tell_expiry(&mut self) {
        let tls = self.tls.current();
        let now = SystemTime::now();
        let remind = self.reminded.is_none_or(|at| at.elapsed() > REMINDER);
        let mut reminded = false;
        for (name, validity) in [
            ("certificate", tls.certificate),
            ("client CA", tls.client_ca),
        ] {
            let Some(validity) = validity else { continue };
            if remind && validity.ends_soon(now) {
                let end = humantime::format_rfc3339_seconds(validity.not_after);
                tracing::warn!("the {name} ends on {end}");
                reminded = true;
            }
        }
        if reminded {
            self.reminded = Some(Instant::now());
        }
        self.state.show_validity(&tls);
    }
}

/// Waits until it is quiet. `None` if the server stops; otherwise whether a reload was asked for.
fn settle(triggers: &Receiver<Trigger>) -> Option<bool> {
    let begin = Instant::now();
    let mut asked = false;
    while begin.elapsed() < SETTLE_AT_MOST {
        match triggers.recv_timeout(SETTLE) {
            Ok(Trigger::Changed) => {}
            Ok(Trigger::Requested) => asked = true,
            Ok(Trigger::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => break,
        }
    }
    Some(asked)
}
