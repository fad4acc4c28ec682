//! Loads the policy that images are judged by.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use imagereview_core::{
    ImagePolicy, NoLatestTag, Policy, PolicyErrors, PolicySource, document::is_policy_file,
    workload::WorkloadKinds,
};

/// Why there is no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyFileError {
    #[error("the policy folder {} holds no policy document", _0.display())]
    EmptyFolder(PathBuf),
    #[error("can't read {}: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("{0}")]
    Policy(#[from] PolicyErrors),
}

/// The policy of a run.
#[derive(Debug)]
pub(crate) enum LoadedPolicy {
    /// No document was named.
    Builtin(NoLatestTag),
    Documents(ImagePolicy),
}

impl LoadedPolicy {
    pub(crate) fn as_policy(&self) -> &(dyn Policy + Sync) {
        match self {
            Self::Builtin(policy) => policy,
            Self::Documents(policy) => policy,
        }
    }

    /// The compiled documents, if any were named.
    pub(crate) fn documents(&self) -> Option<&ImagePolicy> {
        match self {
            Self::Builtin(_) => None,
            Self::Documents(policy) => Some(policy),
        }
    }

    /// The kinds of objects in which images are looked for.
    pub(crate) fn kinds(&self) -> &WorkloadKinds {
        match self {
            Self::Builtin(_) => WorkloadKinds::builtin(),
            Self::Documents(policy) => policy.kinds(),
        }
    }
}

/// Compiles documents, and those that folders hold, to one policy.
pub(crate) fn compile(paths: &[PathBuf]) -> Result<ImagePolicy, PolicyFileError> {
    let mut texts = Vec::new();
    for path in paths {
        let read_error = |path: &Path| {
            let path = path.to_owned();
            move |cause| PolicyFileError::Read { path, cause }
        };
        if path.as_os_str() == "-" {
            let text = io::read_to_string(io::stdin()).map_err(read_error(path))?;
            texts.push(("<stdin>".to_owned(), text));
            continue;
        }
        let files = if path.is_dir() {
            folder(path).map_err(read_error(path))?
        } else {
            vec![path.clone()]
        };
        if files.is_empty() {
            return Err(PolicyFileError::EmptyFolder(path.clone()));
        }
        for file in files {
            let text = fs::read_to_string(&file).map_err(read_error(&file))?;
            texts.push((file.display().to_string(), text));
        }
    }
    let sources = texts
        .iter()
        .map(|(name, text)| PolicySource::new(name, text));
    Ok(ImagePolicy::compile(sources)?)
}

/// The documents of a folder, in the order of their names.
fn folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str);
        if name.is_some_and(is_policy_file) && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
