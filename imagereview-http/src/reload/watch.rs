//! Watching files for changes.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant, SystemTime},
};

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::files::WatchedFiles;
use crate::{state::State, tls::Tls};

/// How often the files are compared, for changes without an event: behind a symbolic link that stays,
/// on a network file system, or where the system's watches are used up.
const POLL: Duration = Duration::from_secs(30);

/// How long it must be quiet after a change before the files are read, so that a certificate and
/// its key, or the files of a folder, are seen together.
const SETTLE: Duration = Duration::from_millis(100);

/// How long that may take while changes go on.
const SETTLE_AT_MOST: Duration = Duration::from_secs(2);

/// How often a certificate that expires soon is mentioned.
const REMINDER: Duration = Duration::from_secs(24 * 60 * 60);

/// Why files are read.
#[derive(Debug)]
pub(super) enum Trigger {
    /// Something happened in a folder that is watched.
    Changed,
    Requested,
    Stop,
}

/// Reads files again when they change, or when it is requested.
pub(super) struct Watch {
    parts: Vec<WatchedFiles>,
    state: Arc<State>,
    tls: Arc<Tls>,
    watcher: Option<RecommendedWatcher>,
    reminded: Option<Instant>,
}

impl Watch {
    pub(super) fn new(
        parts: Vec<WatchedFiles>,
        state: Arc<State>,
        tls: Arc<Tls>,
        events: Sender<Trigger>,
    ) -> Self {
        let on_event = move |event: notify::Result<notify::Event>| {
            // Reading a file is an event too, and would lead to reading it again.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                let _ = events.send(Trigger::Changed);
            }
        };
        let watcher = notify::recommended_watcher(on_event)
            .inspect_err(|error| {
                let why = why_not_watched(error);
                tracing::warn!("files are checked for changes every {POLL:?} only: {why}");
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

    /// Until the server stops.
    pub(super) fn run(mut self, triggers: &Receiver<Trigger>) {
        self.watch_folders();
        // A change between the first reading and the first watch would be missed.
        self.reload(false);
        loop {
            let requested = match triggers.recv_timeout(POLL) {
                Ok(Trigger::Requested) => true,
                Ok(Trigger::Changed) => match settle(triggers) {
                    Some(requested) => requested,
                    None => return,
                },
                Err(RecvTimeoutError::Timeout) => {
                    // A folder that was made anew is another folder to the system.
                    self.watch_folders();
                    false
                }
                Ok(Trigger::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            };
            self.reload(requested);
        }
    }

    /// Watches folders and not files, because what is mounted from a Secret or `ConfigMap` is
    /// replaced by turning a symbolic link beside the files.
    fn watch_folders(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let folders: BTreeSet<PathBuf> =
            self.parts.iter().flat_map(WatchedFiles::folders).collect();
        for folder in folders {
            if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
                let folder = folder.display();
                let why = why_not_watched(&error);
                tracing::warn!("{folder} is checked for changes every {POLL:?} only: {why}");
            }
        }
    }

    fn reload(&mut self, requested: bool) {
        if requested {
            self.state.reopen_audit();
        }
        for part in &mut self.parts {
            part.reload(requested, &self.state);
        }
        self.tell_expiry();
    }

    fn tell_expiry(&mut self) {
        let now = SystemTime::now();
        self.tls.end_expired_trust(now);
        let tls = self.tls.current();
        let remind = self.reminded.is_none_or(|at| at.elapsed() > REMINDER);
        let mut reminded = false;
        for (name, validity) in [
            ("certificate", tls.certificate),
            ("client CA", tls.client_ca),
        ] {
            let Some(validity) = validity else { continue };
            if remind && validity.expires_soon(now) {
                let end = humantime::format_rfc3339_seconds(validity.not_after);
                tracing::warn!("the {name} expires on {end}");
                reminded = true;
            }
        }
        if let (true, Some(end), Some(path)) = (
            remind,
            tls.client_crl_update.filter(|end| *end < now),
            self.tls.clients().crl_file(),
        ) {
            let end = humantime::format_rfc3339_seconds(end);
            tracing::error!(
                "a revocation list in {} should have been replaced by {end}: it stays in force, and what was \
                 revoked since is not known; publish a new one",
                path.display()
            );
            reminded = true;
        }
        if reminded {
            self.reminded = Some(Instant::now());
        }
        self.state.show_validity(&tls);
    }
}

/// Waits until it is quiet. `None` if the server stops; otherwise whether a reload was requested.
fn settle(triggers: &Receiver<Trigger>) -> Option<bool> {
    let begin = Instant::now();
    let mut requested = false;
    while begin.elapsed() < SETTLE_AT_MOST {
        match triggers.recv_timeout(SETTLE) {
            Ok(Trigger::Changed) => {}
            Ok(Trigger::Requested) => requested = true,
            Ok(Trigger::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => break,
        }
    }
    Some(requested)
}

/// Why the system doesn't report changes.
fn why_not_watched(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::MaxFilesWatch => {
            "the system has no watches left; raise the sysctl fs.inotify.max_user_watches"
                .to_owned()
        }
        ErrorKind::PathNotFound => "it does not exist".to_owned(),
        ErrorKind::Io(error) => format!("the system can't watch it: {error}"),
        _ => format!("the system can't watch it ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn each_reason_not_to_watch_is_explained() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let rows = [
            (
                ErrorKind::MaxFilesWatch,
                "raise the sysctl fs.inotify.max_user_watches",
            ),
            (ErrorKind::PathNotFound, "it does not exist"),
            (
                ErrorKind::Io(denied()),
                "the system can't watch it: permission denied",
            ),
            (
                ErrorKind::Generic("x".to_owned()),
                "the system can't watch it (x)",
            ),
        ];
        for (kind, said) in rows {
            let why = why_not_watched(&notify::Error::new(kind));
            assert!(why.contains(said), "{why}");
        }
    }
}
