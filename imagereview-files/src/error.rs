//! Why policies can't be read.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{MAX_FILE_BYTES, MAX_FOLDER_FILES, MAX_TOTAL_BYTES};

/// Why policies can't be read.
///
/// Each message is one line: a whole sentence that names the file, what is wrong with it and what to
/// do. Standard input is named `<stdin>`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// A file or folder can't be found, opened or read.
    #[error("cannot read the policy {}: {cause}; {}", path.display(), advice(cause))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system reported.
        cause: io::Error,
    },

    /// A folder holds no policy file.
    #[error(
        "the policy folder {} holds no file whose name ends in .yaml, .yml or .json; put a policy document \
         into it, or name another folder (hidden files, tests and the folders in it are skipped)",
        path.display()
    )]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },

    /// A folder holds more than [`MAX_FOLDER_FILES`] policy files.
    #[error(
        "the policy folder {} holds more than {MAX_FOLDER_FILES} policy files; name the folder of the policies \
         alone, or write several documents into one file",
        path.display()
    )]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
    },

    /// A file has more than [`MAX_FILE_BYTES`].
    #[error(
        "the policy {} has more than {MAX_FILE_BYTES} bytes; check that it is a policy, and split it into several files",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
    },

    /// All files together have more than [`MAX_TOTAL_BYTES`].
    #[error(
        "the policies up to {} have more than {MAX_TOTAL_BYTES} bytes together; check that they are all policies, \
         and leave out what is not needed",
        path.display()
    )]
    TooLargeTogether {
        /// The file with which there are too many bytes.
        path: PathBuf,
    },

    /// A path leads to what is neither a regular file nor a folder, where that would not be safe to
    /// read: in a folder, or in place of a file that was read before.
    #[error("the policy {} is {kind}; put a regular file in its place, or remove it", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is, such as `a named pipe`.
        kind: &'static str,
    },

    /// A text is not UTF-8.
    #[error("the policy {} is not UTF-8 text in line {line}; save it as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first byte that is not UTF-8, from 1.
        line: usize,
    },

    /// A text begins as UTF-16 does.
    #[error("the policy {} is UTF-16 text; save it as UTF-8", path.display())]
    Utf16 {
        /// The file.
        path: PathBuf,
    },

    /// A file is named twice, by its own path or by that of its folder.
    #[error("the policy {} is named twice; name it once, by itself or by its folder", path.display())]
    Repeated {
        /// The file.
        path: PathBuf,
    },
}

impl PolicyFileError {
    /// The file or folder that it is about.
    ///
    /// ```
    /// use std::path::Path;
    /// use imagereview_files::PolicyPaths;
    ///
    /// let error = PolicyPaths::open(["/no/policy.yaml"]).unwrap_err();
    /// assert_eq!(error.path(), Path::new("/no/policy.yaml"));
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. }
            | Self::EmptyFolder { path }
            | Self::TooManyFiles { path }
            | Self::TooLarge { path }
            | Self::TooLargeTogether { path }
            | Self::NotAFile { path, .. }
            | Self::NotUtf8 { path, .. }
            | Self::Utf16 { path }
            | Self::Repeated { path } => path,
        }
    }

    pub(crate) fn read(path: &Path, cause: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            cause,
        }
    }
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => {
            "check the path, and where a symbolic link leads; it must be a file or folder of policy documents"
        }
        io::ErrorKind::PermissionDenied => {
            "let the user that this program runs as read it, and search the folders above it"
        }
        _ => "give a readable file or folder of policy documents",
    }
}
