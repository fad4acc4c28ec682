//! Writes a set of files that belong together, private keys among them.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// A file to write.
///
/// [`Debug`](fmt::Debug) does not show the contents.
#[derive(Clone, PartialEq, Eq)]
pub struct NewFile {
    path: PathBuf,
    contents: Vec<u8>,
    secrecy: Secrecy,
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Secrecy {
    /// Everybody: mode 0644, less the bits of the umask.
    Public,
    /// The owner only: mode 0600. The file never exists with another mode.
    Secret,
}

/// What to do if a file exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overwrite {
    /// Write no file at all if one of them exists.
    Refuse,
    /// Replace files that exist.
    Replace,
}

impl NewFile {
    /// A file with these contents at `path`.
    pub fn new(path: impl Into<PathBuf>, contents: impl Into<Vec<u8>>, secrecy: Secrecy) -> Self {
        Self {
            path: path.into(),
            contents: contents.into(),
            secrecy,
        }
    }

    /// The path to write to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who may read the file.
    #[must_use]
    pub fn secrecy(&self) -> Secrecy {
        self.secrecy
    }

    /// The folder of the file.
    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}

impl fmt::Debug for NewFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewFile")
            .field("path", &self.path)
            .field("secrecy", &self.secrecy)
            .finish_non_exhaustive()
    }
}

/// Why files were not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// Some of the files exist, and [`Overwrite::Refuse`] was given.
    #[error("these files exist and are not overwritten: {}", list(paths))]
    Exist {
        /// All files that exist.
        paths: Vec<PathBuf>,
    },
    /// There is a folder at the path of a file.
    #[error("can't write the file {}: there is a folder at that path", path.display())]
    Folder {
        /// The path of the folder.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("can't {action} {}: {cause}", path.display())]
    Io {
        /// What failed: `look for`, `create the folder`, `write` or `keep a copy of`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason that the operating system gives.
        cause: io::Error,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

/// Writes all the files, or none.
///
/// 1. Missing folders are created with mode 0700.
/// 2. Each file is written completely, under a temporary name in its folder.
/// 3. Then each file is moved to its path atomically. If one move fails, the earlier moves are undone.
///
/// So a reader never sees half a file, and an error leaves the files as they were. Only a crash
/// during the moves can leave a mixed set.
///
/// A symbolic link at the path of a file counts as a file that exists. It is refused or replaced, and
/// never followed.
///
/// # Errors
///
/// - [`FilesError::Exist`]: files exist, and `overwrite` is [`Overwrite::Refuse`]. It has every one of
///   them.
/// - [`FilesError::Folder`]: there is a folder at the path of a file.
/// - [`FilesError::Io`]: the operating system refuses something.
pub fn write_all(files: &[NewFile], overwrite: Overwrite) -> Result<(), FilesError> {
    let mut existing = Vec::new();
    for file in files {
        match fs::symlink_metadata(&file.path) {
            Ok(metadata) if metadata.is_dir() => {
                let path = file.path.clone();
                return Err(FilesError::Folder { path });
            }
            Ok(_) => existing.push(file.path.clone()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("look for", &file.path)(error)),
        }
    }
    if overwrite == Overwrite::Refuse && !existing.is_empty() {
        return Err(FilesError::Exist { paths: existing });
    }

    let staged = files.iter().map(stage).collect::<Result<Vec<_>, _>>()?;
    let mut placed = Vec::with_capacity(files.len());
    for (file, staged) in files.iter().zip(staged) {
        match place(file, staged, overwrite) {
            Ok(earlier) => placed.push((&file.path, earlier)),
            Err(error) => {
                put_back(placed);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Writes the contents to a temporary file in the same folder.
fn stage(file: &NewFile) -> Result<NamedTempFile, FilesError> {
    create_folder(file.folder()).map_err(io_error("create the folder", file.folder()))?;
    let write = || {
        let mut builder = Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(fs::Permissions::from_mode(match file.secrecy {
                Secrecy::Public => 0o644,
                Secrecy::Secret => 0o600,
            }));
        }
        let mut staged = builder.tempfile_in(file.folder())?;
        staged.write_all(&file.contents)?;
        // Without this, a crash after the move could leave an empty file.
        staged.as_file().sync_all()?;
        Ok(staged)
    };
    write().map_err(io_error("write", &file.path))
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A second name for the file that is replaced. It is removed when this is dropped.
type Earlier = NamedTempFile<()>;

/// Moves a staged file to its path. Returns the file that it replaced.
fn place(
    file: &NewFile,
    staged: NamedTempFile,
    overwrite: Overwrite,
) -> Result<Option<Earlier>, FilesError> {
    if overwrite == Overwrite::Refuse {
        return match staged.persist_noclobber(&file.path) {
            Ok(_) => Ok(None),
            // It was created after the check in `write_all`.
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(FilesError::Exist {
                    paths: vec![file.path.clone()],
                })
            }
            Err(error) => Err(io_error("write", &file.path)(error.error)),
        };
    }
    let earlier = Builder::new().make_in(file.folder(), |name| fs::hard_link(&file.path, name));
    let earlier = match earlier {
        Ok(earlier) => Some(earlier),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(io_error("keep a copy of", &file.path)(error)),
    };
    match staged.persist(&file.path) {
        Ok(_) => Ok(earlier),
        Err(error) => Err(io_error("write", &file.path)(error.error)),
    }
}

/// Undoes the moves, the last one first. The caller reports the error that made this necessary, so
/// further errors are ignored.
fn put_back(placed: Vec<(&PathBuf, Option<Earlier>)>) {
    for (path, earlier) in placed.into_iter().rev() {
        match earlier {
            Some(earlier) => drop(earlier.persist(path)),
            None => drop(fs::remove_file(path)),
        }
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FilesError {
    let path = path.to_owned();
    move |cause| FilesError::Io {
        action,
        path,
        cause,
    }
}
