//! The policy that a server asks: one that the program holds, or documents in files.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use imagereview_core::{
    AdmissionReview, ImagePolicy, Language, NoLatestTag, Policy, PolicyErrors, PolicySource,
    Review, document::is_policy_file, facts::Facts, mutation::Patch, workload::WorkloadKinds,
};

/// Where the policy comes from.
///
/// A server that is given an [`Arc`] of a [`Policy`] holds it for good; the files of
/// [`Files`](Self::Files) are read again when they change.
#[derive(Clone)]
#[non_exhaustive]
pub enum ServerPolicy {
    /// The built-in policy, [`NoLatestTag`].
    BuiltIn,
    /// A policy that the program holds.
    Memory(Arc<dyn Policy + Send + Sync>),
    /// Files of policy documents, and folders of them. All of them together are one policy, as
    /// [`ImagePolicy::compile`] reads it.
    ///
    /// Of a folder the files that [`is_policy_file`] names are taken, in the order of their names.
    Files(Vec<PathBuf>),
}

impl<P: Policy + Send + Sync + 'static> From<Arc<P>> for ServerPolicy {
    fn from(policy: Arc<P>) -> Self {
        Self::Memory(policy)
    }
}

/// Why a policy can't be served. Each message names the file and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A file or folder can't be read.
    #[error("cannot read the policy {}: {source}; give a readable file or folder of policy documents", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What reading it met.
        source: io::Error,
    },
    /// A folder holds no policy.
    #[error("the policy folder {} holds no file whose name ends in .yaml, .yml or .json", path.display())]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The documents have mistakes: all of them, one a line.
    #[error("the policy cannot be used:\n{0}")]
    Documents(PolicyErrors),
}

/// A policy as it is served.
#[derive(Clone)]
pub(crate) struct ServedPolicy {
    pub(crate) policy: Arc<dyn Policy + Send + Sync>,
    /// What tells it from others; a policy that the program holds has no such name.
    pub(crate) identity: Option<Arc<str>>,
    /// Whether a small review takes it little time for sure: it is ours, and evaluates no expression.
    pub(crate) is_quick: bool,
    /// The same policy where it comes from documents, which declare more than rules.
    documents: Option<Arc<ImagePolicy>>,
}

impl ServedPolicy {
    /// The kinds of objects in which images are looked for.
    pub(crate) fn kinds(&self) -> &WorkloadKinds {
        match &self.documents {
            Some(documents) => documents.kinds(),
            None => WorkloadKinds::builtin(),
        }
    }

    /// Logs what each rule found in each image, where the log takes that much.
    pub(crate) fn log_explanation(&self, review: &Review<'_>) {
        let Some(documents) = &self.documents else {
            return;
        };
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        for image in documents.explain(review).images() {
            for step in image.steps() {
                tracing::debug!(
                    image = ?image.image(),
                    place = %image.location(),
                    rule = step.rule(),
                    declared_at = step.declared_at(),
                    mode = %step.mode(),
                    outcome = ?step.outcome(),
                    why = step.why().text(Language::English),
                    "explained"
                );
            }
        }
    }

    /// Changes an object as the documents declare.
    pub(crate) fn mutate(&self, question: &mut AdmissionReview<'_>) -> Patch {
        match &self.documents {
            Some(documents) => documents.mutate(question, &Facts::new()),
            None => Patch::default(),
        }
    }
}

impl ServerPolicy {
    /// Reads and compiles what has to be.
    pub(crate) fn load(&self) -> Result<ServedPolicy, PolicyError> {
        match self {
            Self::BuiltIn => Ok(ServedPolicy {
                policy: Arc::new(NoLatestTag),
                identity: None,
                documents: None,
                is_quick: true,
            }),
            Self::Memory(policy) => Ok(ServedPolicy {
                policy: Arc::clone(policy),
                identity: None,
                documents: None,
                is_quick: false,
            }),
            Self::Files(paths) => load(paths),
        }
    }
}

/// Reads and compiles the documents in these files and folders.
pub(crate) fn load(paths: &[PathBuf]) -> Result<ServedPolicy, PolicyError> {
    let mut texts = Vec::new();
    for path in files(paths)? {
        let text = fs::read_to_string(&path).map_err(|source| read_error(&path, source))?;
        texts.push((path.display().to_string(), text));
    }
    let sources = texts
        .iter()
        .map(|(name, text)| PolicySource::new(name, text));
    let policy = Arc::new(ImagePolicy::compile(sources).map_err(PolicyError::Documents)?);
    Ok(ServedPolicy {
        identity: Some(policy.identity().into()),
        documents: Some(Arc::clone(&policy)),
        is_quick: !policy.has_expressions(),
        policy,
    })
}

/// The files that these paths stand for, each folder's in the order of their names.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, PolicyError> {
    let mut files = Vec::new();
    for path in paths {
        let kind = fs::metadata(path).map_err(|source| read_error(path, source))?;
        if kind.is_dir() {
            let mut found = folder(path).map_err(|source| read_error(path, source))?;
            if found.is_empty() {
                return Err(PolicyError::EmptyFolder { path: path.clone() });
            }
            found.sort();
            files.append(&mut found);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str);
        let is_document = name.is_some_and(is_policy_file);
        // Through symbolic links, of which a mounted ConfigMap is made.
        if is_document && !path.is_dir() {
            files.push(path);
        }
    }
    Ok(files)
}

fn read_error(path: &Path, source: io::Error) -> PolicyError {
    PolicyError::Read {
        path: path.to_owned(),
        source,
    }
}
