//! Files that a program is writing, as far as the system says so.
//!
//! `cp` writes a long file in pieces, and a copy over a network may pause between two of them for any
//! time. A file of several documents that ends after one of them is a valid policy that allows more.
//! Linux says when a file is written and when its writer closes it, so it is not read in between.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use notify::{
    Event, EventKind,
    event::{AccessKind, AccessMode, ModifyKind},
};

/// How long after its last write a file is read although its writer has not closed it: some never do.
const AT_MOST: Duration = Duration::from_secs(5 * 60);

/// What an event says about files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Their contents change.
    Written(Vec<PathBuf>),
    /// A writer has closed them.
    Closed(Vec<PathBuf>),
    /// They come, go, are replaced or get other permissions.
    Other(Vec<PathBuf>),
}

impl Change {
    /// `None` for what changes nothing: reading a file is an event too, and would lead to reading it
    /// again.
    pub(super) fn of(event: Event) -> Option<Self> {
        Some(match event.kind {
            // Other systems don't say when the writer closes it.
            EventKind::Modify(ModifyKind::Data(_)) if cfg!(target_os = "linux") => {
                Self::Written(event.paths)
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Self::Closed(event.paths),
            EventKind::Access(_) => return None,
            EventKind::Modify(ModifyKind::Metadata(_)) => Self::Other(Vec::new()),
            // Events that were lost may have been of closing.
            _ if event.need_rescan() => return None,
            _ => Self::Other(event.paths),
        })
    }
}

/// The files that were written and not closed, each with the time of its last write.
#[derive(Debug, Default)]
pub(super) struct Writing(HashMap<PathBuf, Instant>);

impl Writing {
    pub(super) fn note(&mut self, change: Change, now: Instant) {
        match change {
            Change::Written(paths) => self.0.extend(paths.into_iter().map(|path| (path, now))),
            // What has the name now is another file.
            Change::Closed(paths) | Change::Other(paths) => {
                for path in paths {
                    self.0.remove(&path);
                }
            }
        }
    }

    /// Forgets those that nobody has written for long.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.0
            .retain(|_, written| now.duration_since(*written) < AT_MOST);
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use notify::event::{CreateKind, DataChange, MetadataKind, RemoveKind, RenameMode};

    use super::*;

    #[test]
    fn a_file_is_written_until_it_is_closed_replaced_or_left_alone_for_long() {
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let at = Path::new("/policy/a.yaml");
        let begin = Instant::now();
        let note = |writing: &mut Writing, kind, path: &Path| {
            let change = Change::of(Event::new(kind).add_path(path.to_owned()));
            let is_change = change.is_some();
            if let Some(change) = change {
                writing.note(change, begin);
            }
            is_change
        };
        let rows = [
            // What happens, whether it is a change, and whether the file is still written.
            (
                EventKind::Access(AccessKind::Close(AccessMode::Write)),
                true,
                false,
            ),
            (
                EventKind::Access(AccessKind::Close(AccessMode::Read)),
                false,
                true,
            ),
            (
                EventKind::Access(AccessKind::Open(AccessMode::Any)),
                false,
                true,
            ),
            (
                EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)),
                true,
                true,
            ),
            (
                EventKind::Modify(ModifyKind::Name(RenameMode::To)),
                true,
                false,
            ),
            (EventKind::Remove(RemoveKind::File), true, false),
            (EventKind::Create(CreateKind::File), true, false),
            (written, true, true),
        ];
        for (kind, is_change, is_written) in rows {
            let mut writing = Writing::default();
            assert!(note(&mut writing, written, at));
            assert_eq!(note(&mut writing, kind, at), is_change, "{kind:?}");
            assert_eq!(writing.paths().count() == 1, is_written, "{kind:?}");
            // Another file's events are its own.
            note(&mut writing, kind, Path::new("/policy/b.yaml"));
            assert_eq!(
                writing.paths().any(|path| path == at),
                is_written,
                "{kind:?}"
            );
        }
        let mut writing = Writing::default();
        note(&mut writing, written, at);
        writing.forget_old(begin + AT_MOST / 2);
        assert_eq!(writing.paths().collect::<Vec<_>>(), [at]);
        writing.forget_old(begin + AT_MOST);
        assert_eq!(writing.paths().count(), 0);
    }
}
