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

use super::{
    files::{WatchedFiles, Why},
    writing::{Change, Writing},
};
use crate::{state::State, tls::Tls};

/// How often the files are compared, for changes without an event: behind a symbolic link that stays,
/// on a network file system, or where the system's watches are used up.
const POLL: Duration = Duration::from_secs(30);

/// How long it must be quiet after a change before the files are read, so that a certificate and
/// its key, or the files of a folder, are seen together.
const SETTLE: Duration = Duration::from_millis(100);

/// How long that may take while changes go on.
const SETTLE_AT_MOST: Duration = Duration::from_secs(2);

/// How long files must stay the same before they are read where no event tells of changes: many times
/// what passes between two writes of a copy.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How often a certificate that expires soon is mentioned.
const REMINDER: Duration = Duration::from_secs(24 * 60 * 60);

/// Why files are read.
#[derive(Debug)]
pub(super) enum Trigger {
    /// Something happened in a folder that is watched.
    Changed(Change),
    Requested,
    Stop,
}

/// Reads files again when they change, or when it is requested.
pub(super) struct Watch {
    parts: Vec<WatchedFiles>,
    state: Arc<State>,
    tls: Arc<Tls>,
    watcher: Option<RecommendedWatcher>,
    writing: Writing,
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
            // An error is a reason to look too.
            let change = match event {
                Ok(event) => Change::of(event),
                Err(_) => Some(Change::Other(Vec::new())),
            };
            if let Some(change) = change {
                let _ = events.send(Trigger::Changed(change));
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
            writing: Writing::default(),
            reminded: None,
        }
    }

    /// Until the server stops.
    pub(super) fn run(mut self, triggers: &Receiver<Trigger>) {
        self.watch_folders();
        // A change between the first reading and the first watch would be missed.
        let mut is_settled = self.reload(Why::Looked);
        loop {
            let wait = if is_settled { POLL } else { LOOK_AGAIN };
            let why = match triggers.recv_timeout(wait) {
                Ok(Trigger::Requested) => Why::Requested,
                Ok(Trigger::Changed(change)) => {
                    self.writing.note(change, Instant::now());
                    match self.settle(triggers) {
                        Some(why) => why,
                        None => return,
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    // A folder that was made anew is another folder to the system.
                    self.watch_folders();
                    Why::Looked
                }
                Ok(Trigger::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            };
            is_settled = self.reload(why);
        }
    }

    /// Waits until it is quiet. `None` if the server stops.
    fn settle(&mut self, triggers: &Receiver<Trigger>) -> Option<Why> {
        let begin = Instant::now();
        let mut why = Why::Changed;
        while begin.elapsed() < SETTLE_AT_MOST {
            match triggers.recv_timeout(SETTLE) {
                Ok(Trigger::Changed(change)) => self.writing.note(change, Instant::now()),
                Ok(Trigger::Requested) => why = Why::Requested,
                Ok(Trigger::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        Some(why)
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

    /// `false` if another look is due soon.
    fn reload(&mut self, why: Why) -> bool {
        if why == Why::Requested {
            self.state.reopen_audit();
        }
        self.writing.forget_old(Instant::now());
        let mut is_settled = true;
        for part in &mut self.parts {
            if let Some(path) = self.writing.paths().find(|path| part.has(path)) {
                // The writer closes it, and that is an event.
                tracing::debug!("{} is being written, and not read yet", path.display());
                if why == Why::Requested {
                    part.request();
                }
            } else {
                is_settled &= part.reload(why, &self.state);
            }
        }
        self.tell_expiry();
        is_settled
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
            let [begin, end] =
                [validity.not_before, validity.not_after].map(humantime::format_rfc3339_seconds);
            if !remind {
                continue;
            }
            if validity.not_after < now {
                tracing::error!("the {name} expired on {end}: no client can connect; replace it");
            } else if validity.not_before > now {
                tracing::error!(
                    "the {name} is not valid before {begin}: no client can connect until then; compare the clocks"
                );
            } else if validity.expires_soon(now) {
                tracing::warn!("the {name} expires on {end}");
            } else {
                continue;
            }
            reminded = true;
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
