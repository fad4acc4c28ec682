//! The policy files of a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use imagereview_core::document::is_policy_file;

use crate::PolicyFileError;

/// The largest number of policy files in a folder: many times what people keep by hand, and few
/// enough that a mistaken path is refused before its files are read.
pub const MAX_FOLDER_FILES: usize = 1000;

/// The policy files of a folder, in the order of their names. At least one.
pub(crate) fn policy_files(folder: &Path) -> Result<Vec<PathBuf>, PolicyFileError> {
    let error = |cause| PolicyFileError::read(folder, cause);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        // A name that is not Unicode is no reason to leave a policy unenforced.
        if !is_policy_file(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            continue;
        }
        if files.len() == MAX_FOLDER_FILES {
            let path = folder.to_owned();
            return Err(PolicyFileError::TooManyFiles { path });
        }
        files.push(path);
    }
    if files.is_empty() {
        let path = folder.to_owned();
        return Err(PolicyFileError::EmptyFolder { path });
    }
    files.sort();
    Ok(files)
}
