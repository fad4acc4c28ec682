//! The paths that a user names as the policy.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
};

use imagereview_core::document::PolicyFiles;

use crate::{
    MAX_TOTAL_BYTES, PolicyFileError, PolicyTexts, beside, folder,
    read::{self, regular_file},
    texts::PolicyText,
};

/// The path that stands for standard input.
const STDIN: &str = "-";

/// How problems name standard input.
const STDIN_NAME: &str = "<stdin>";

/// The paths that a user names as the policy, to be read as often as needed.
///
/// See the [crate](crate#what-a-path-means) for what a path means.
#[derive(Clone, Debug)]
pub struct PolicyPaths(Vec<Named>);

/// What a path names.
#[derive(Clone, Debug)]
enum Named {
    /// A regular file or a folder, which is read anew each time.
    Lasting(PathBuf),
    /// What could be read only once, and was.
    Once { path: PathBuf, text: String },
}

impl PolicyPaths {
    /// Looks at what the paths name, and reads what can be read only once: standard input, pipes and
    /// devices. Regular files and folders are read by [`read`](Self::read).
    ///
    /// It waits for whoever writes to standard input or to a pipe.
    ///
    /// # Errors
    ///
    /// There is nothing at a path, or what can be read only once can't be used.
    pub fn open<P: Into<PathBuf>>(
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Self, PolicyFileError> {
        let named = paths.into_iter().map(|path| Named::open(path.into()));
        named.collect::<Result<_, _>>().map(Self)
    }

    /// Reads the policies: files and folders as they are now, and what was read once as it was.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with any file or folder; then no text is given.
    pub fn read(&self) -> Result<PolicyTexts, PolicyFileError> {
        let mut reading = Reading::default();
        for named in &self.0 {
            match named {
                // Nothing lies beside what has no folder.
                Named::Once { path, text } => reading.add(path, None, |_| Ok(text.clone()))?,
                Named::Lasting(path) if path.is_dir() => {
                    for file in folder::policy_files(path)? {
                        reading.add(&file, file.parent(), regular_file)?;
                    }
                }
                Named::Lasting(path) => reading.add(path, path.parent(), regular_file)?,
            }
        }
        Ok(PolicyTexts::new(reading.texts))
    }

    /// The files and folders that [`read`](Self::read) reads anew each time: those in which a program
    /// that reloads policies looks for changes.
    ///
    /// Watch a folder itself, and the folder that holds a file: editors replace a file by another of
    /// its name, and a mounted `ConfigMap` changes by one link, `..data`, beside its files.
    pub fn lasting(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter_map(|named| match named {
            Named::Lasting(path) => Some(path.as_path()),
            Named::Once { .. } => None,
        })
    }
}

impl Named {
    fn open(path: PathBuf) -> Result<Self, PolicyFileError> {
        if path.as_os_str() == STDIN {
            let path = PathBuf::from(STDIN_NAME);
            let text = read::text(&path, io::stdin().lock())?;
            return Ok(Self::Once { path, text });
        }
        let metadata = path
            .metadata()
            .map_err(|cause| PolicyFileError::read(&path, cause))?;
        if metadata.is_file() || metadata.is_dir() {
            return Ok(Self::Lasting(path));
        }
        let text = read::stream(&path)?;
        Ok(Self::Once { path, text })
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    texts: Vec<PolicyText>,
    paths: HashSet<PathBuf>,
    bytes: usize,
}

impl Reading {
    fn add(
        &mut self,
        path: &Path,
        folder: Option<&Path>,
        read: impl FnOnce(&Path) -> Result<String, PolicyFileError>,
    ) -> Result<(), PolicyFileError> {
        if !self.paths.insert(path.to_owned()) {
            let path = path.to_owned();
            return Err(PolicyFileError::Repeated { path });
        }
        let text = read(path)?;
        let files = folder.map_or_else(PolicyFiles::new, |folder| beside::named(folder, &text));
        self.bytes += text.len() + files.bytes();
        if self.bytes > MAX_TOTAL_BYTES {
            let path = path.to_owned();
            return Err(PolicyFileError::TooLargeTogether { path });
        }
        let name = path.display().to_string();
        self.texts.push(PolicyText { name, text, files });
        Ok(())
    }
}
