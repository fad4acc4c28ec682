//! Where facts about images come from.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use imagereview_core::facts::{Facts, FactsFileError, MAX_FILE_LEN};
use imagereview_registry::{
    Client, FileError, Keyring, Limits, Observer, PullSecrets, PullSecretsError, Registries,
};

/// Where facts about images come from, for a policy that needs some: see
/// [`Policy::needs`](imagereview_core::Policy::needs).
///
/// ```
/// use imagereview_http::{FactsSource, RegistryFiles};
///
/// let mut files = RegistryFiles::default();
/// files.docker_configs.push("/etc/pull/config.json".into());
/// let source = FactsSource::Files(files);
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum FactsSource {
    /// From nowhere: nothing that a rule needs is known.
    #[default]
    Nowhere,
    /// From registries, asked by a client that the program holds.
    Registries(Client),
    /// From registries, asked as files say. The registries file is read again when it changes, and
    /// credentials are too.
    Files(RegistryFiles),
    /// From a file that the command line saved, which is read again when it changes. No registry is asked.
    Saved(PathBuf),
}

impl fmt::Debug for FactsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str("Nowhere"),
            Self::Registries(_) => f.write_str("Registries"),
            Self::Files(files) => f.debug_tuple("Files").field(files).finish(),
            Self::Saved(path) => f.debug_tuple("Saved").field(path).finish(),
        }
    }
}

/// The files that say how registries are asked, and as whom.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RegistryFiles {
    /// How each registry is asked: mirrors, authorities, token realms.
    pub registries: Option<PathBuf>,
    /// Credentials in the form of Docker's `config.json`, in the order in which they are tried.
    pub docker_configs: Vec<PathBuf>,
    /// The kubelet's `CredentialProviderConfig`, and the folder of the programs that it names.
    pub credential_providers: Option<(PathBuf, PathBuf)>,
    /// The folder of this pod's service account, if the pull secrets of the pods that are reviewed are to be
    /// read from the API server: see [`PullSecrets::in_cluster`].
    pub pull_secrets: Option<PathBuf>,
}

/// Facts can't be had from where they should come.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// A file about registries or credentials can't be used.
    #[error("cannot use {0}")]
    Registries(#[from] FileError),
    /// Pull secrets can't be read from an API server.
    #[error(transparent)]
    PullSecrets(#[from] PullSecretsError),
    /// A file of facts can't be read.
    #[error("cannot read the facts in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file of facts holds something else.
    #[error("cannot use the facts in {}: {source}", path.display())]
    Saved {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FactsFileError,
    },
}

/// A source after its files were read.
pub(crate) enum OpenedFacts {
    Nowhere,
    Registries {
        client: Client,
        pull_secrets: Option<PullSecrets>,
    },
    Saved(Arc<Facts>),
}

impl FactsSource {
    /// Reads the files. What is asked of registries is reported to somebody, but for a client that the
    /// program holds.
    pub(crate) fn open(
        &self,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<OpenedFacts, FactsError> {
        Ok(match self {
            Self::Nowhere => OpenedFacts::Nowhere,
            Self::Registries(client) => OpenedFacts::Registries {
                client: client.clone(),
                pull_secrets: None,
            },
            Self::Files(files) => files.open(observer)?,
            Self::Saved(path) => OpenedFacts::Saved(Arc::new(saved(path)?)),
        })
    }

    /// The files that are read again when they change.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Nowhere | Self::Registries(_) => Vec::new(),
            Self::Files(files) => files.registries.iter().cloned().collect(),
            Self::Saved(path) => vec![path.clone()],
        }
    }
}

impl RegistryFiles {
    fn open(&self, observer: Option<Arc<dyn Observer>>) -> Result<OpenedFacts, FactsError> {
        let registries = match &self.registries {
            Some(path) => Registries::open(path)?,
            None => Registries::new(),
        };
        let providers = self.credential_providers.as_ref();
        let providers = providers.map(|(config, folder)| (config.as_path(), folder.as_path()));
        let keyring = Keyring::of_files(&self.docker_configs, providers)?;
        let limits = Limits::default();
        let pull_secrets = self.pull_secrets.as_deref();
        Ok(OpenedFacts::Registries {
            client: match observer {
                Some(observer) => Client::observed(registries, keyring, limits, observer),
                None => Client::new(registries, keyring, limits),
            },
            pull_secrets: pull_secrets.map(PullSecrets::in_cluster).transpose()?,
        })
    }
}

fn saved(path: &Path) -> Result<Facts, FactsError> {
    let read = |source| FactsError::Read {
        path: path.to_owned(),
        source,
    };
    let length = fs::metadata(path).map_err(read)?.len();
    if length > MAX_FILE_LEN as u64 {
        return Err(read(io::ErrorKind::FileTooLarge.into()));
    }
    let bytes = fs::read(path).map_err(read)?;
    Facts::from_file(&bytes).map_err(|source| FactsError::Saved {
        path: path.to_owned(),
        source,
    })
}
