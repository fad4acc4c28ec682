//! Files that git tracks although a `.gitignore` excludes them: what deploys a commit has them.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Why it is not known which files are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrackedError {
    #[error(
        "git is not installed, so it is not known which ignored files of {0} are tracked; leave --gitignore out"
    )]
    NotInstalled(String),
    #[error(
        "git can't tell which ignored files of {folder} are tracked: {message}; leave --gitignore out"
    )]
    Failed { folder: String, message: String },
}

/// The ignored files of a folder that git tracks; none where the folder is in no repository.
pub(super) fn tracked_but_ignored(folder: &Path) -> Result<Vec<PathBuf>, TrackedError> {
    let is_in_repository = || {
        let folder = super::source::normalized(folder);
        folder
            .ancestors()
            .any(|folder| folder.join(".git").exists())
    };
    let name = || folder.display().to_string();
    // Nothing that the repository configures is to run.
    let output = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "-C"])
        .arg(folder)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--ignored",
            "--exclude-standard",
        ])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Err(_) if !is_in_repository() => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(TrackedError::NotInstalled(name()));
        }
        Err(error) => {
            return Err(TrackedError::Failed {
                folder: name(),
                message: error.to_string(),
            });
        }
        Ok(output) => output,
    };
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        if message.contains("not a git repository") {
            return Ok(Vec::new());
        }
        return Err(TrackedError::Failed {
            folder: name(),
            message: message.trim().replace('\n', " "),
        });
    }
    let names = output.stdout.split(|byte| *byte == 0);
    let paths = names.filter(|name| !name.is_empty()).map(to_path);
    Ok(paths.map(|path| folder.join(path)).collect())
}

#[cfg(unix)]
fn to_path(name: &[u8]) -> PathBuf {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    OsStr::from_bytes(name).into()
}

#[cfg(not(unix))]
fn to_path(name: &[u8]) -> PathBuf {
    String::from_utf8_lossy(name).into_owned().into()
}
