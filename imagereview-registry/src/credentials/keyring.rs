//! The credentials that there are, in the order in which they are tried.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    docker_config::DockerConfigFile,
    helper::Helpers,
    pod::PodCredentials,
    program::Programs,
    provider::Providers,
    secret::{Credential, Fingerprint},
    target::Target,
};
use crate::file::FileError;

/// How long a program that hands out credentials may take: 5 s.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(5);

/// How many such programs run at a time.
const PROGRAMS: usize = 4;

/// The most credentials that are tried for one image.
const MAX_TRIED: usize = 8;

/// The credentials that there are, in the order in which they are tried: those of a pod that the
/// [`Client`](crate::Client) was [lent](crate::Client::for_pod), files in the form of Docker's `config.json` with the helpers that they name, then the kubelet's credential provider
/// plugins, then none at all.
///
/// Content that one keyring may read is not handed to those who ask with another.
///
/// ```no_run
/// use imagereview_registry::Keyring;
/// use std::path::Path;
///
/// let keyring = Keyring::new().with_docker_config(Path::new("/etc/pull/config.json"))?;
/// assert_eq!(format!("{keyring:?}"), "Keyring([\"/etc/pull/config.json\"])");
/// # Ok::<(), imagereview_registry::FileError>(())
/// ```
pub struct Keyring {
    id: KeyringId,
    /// Those of a pod, which come first.
    of_pod: PodCredentials,
    sources: Vec<Arc<Source>>,
    programs: Programs,
    helper_folder: Option<PathBuf>,
}

/// Tells keyrings apart in the cache: which one it is, and the credentials of a pod that it was lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyringId(u64, Option<Fingerprint>);

enum Source {
    DockerConfig {
        file: Arc<DockerConfigFile>,
        helpers: Helpers,
    },
    Providers(Providers),
}

impl Keyring {
    /// No credentials: everything is asked for anonymously.
    #[must_use]
    pub fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self {
            id: KeyringId(LAST.fetch_add(1, Ordering::Relaxed), None),
            of_pod: PodCredentials::default(),
            sources: Vec::new(),
            programs: Programs::new(PROGRAMS, PROGRAM_TIMEOUT),
            helper_folder: None,
        }
    }

    /// Sets how long a program that hands out credentials may take.
    #[must_use]
    pub fn with_program_timeout(mut self, timeout: Duration) -> Self {
        self.programs = Programs::new(PROGRAMS, timeout);
        self
    }

    /// Sets the folder of the `docker-credential-` programs, in place of `PATH`.
    #[must_use]
    pub fn with_helper_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.helper_folder = Some(folder.into());
        self
    }

    /// Adds a file in the form of Docker's `config.json`. It is read again when it changes.
    ///
    /// # Errors
    ///
    /// The file can't be read, or is not of the form.
    pub fn with_docker_config(mut self, path: &Path) -> Result<Self, FileError> {
        self.sources.push(Arc::new(Source::DockerConfig {
            file: Arc::new(DockerConfigFile::open(path)?),
            helpers: Helpers::new(self.programs.clone(), self.helper_folder.clone()),
        }));
        Ok(self)
    }

    /// The credentials of these files, in the order in which they are tried: those in the form of Docker's
    /// `config.json`, then the kubelet's `CredentialProviderConfig` with the folder of its programs.
    ///
    /// # Errors
    ///
    /// As of [`with_docker_config`](Self::with_docker_config) and
    /// [`with_credential_providers`](Self::with_credential_providers).
    pub fn of_files(
        docker_configs: &[PathBuf],
        credential_providers: Option<(&Path, &Path)>,
    ) -> Result<Self, FileError> {
        let mut keyring = Self::new();
        for path in docker_configs {
            keyring = keyring.with_docker_config(path)?;
        }
        match credential_providers {
            Some((config, folder)) => keyring.with_credential_providers(config, folder),
            None => Ok(keyring),
        }
    }

    /// Adds the plugins of a `CredentialProviderConfig` of the kubelet, whose programs are in a
    /// folder.
    ///
    /// # Errors
    ///
    /// The file can't be read, or is not of the form.
    pub fn with_credential_providers(
        mut self,
        config: &Path,
        folder: &Path,
    ) -> Result<Self, FileError> {
        let providers = Providers::open(config, folder, self.programs.clone())?;
        self.sources.push(Arc::new(Source::Providers(providers)));
        Ok(self)
    }

    pub(crate) fn id(&self) -> KeyringId {
        self.id
    }

    /// The same, with the credentials of a pod for one image before all others. `None` where the pod
    /// has none for it, so that what everybody may read is kept once for all.
    pub(crate) fn for_pod(&self, pod: &PodCredentials, target: Target<'_>) -> Option<Self> {
        let of_pod = pod.of(target)?;
        Some(Self {
            id: KeyringId(self.id.0, Some(of_pod.fingerprint())),
            of_pod,
            sources: self.sources.clone(),
            programs: self.programs.clone(),
            helper_folder: self.helper_folder.clone(),
        })
    }

    /// The credentials for an image, asked for one after the other.
    pub(crate) fn candidates<'a>(&'a self, target: Target<'a>) -> Candidates<'a> {
        Candidates {
            keyring: self,
            target,
            source: 0,
            provider: 0,
            ready: self.of_pod.credentials(target).rev().cloned().collect(),
            tried: 0,
            is_anonymous_tried: false,
            problems: self.of_pod.problems().to_vec(),
        }
    }
}

impl Default for Keyring {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self
            .sources
            .iter()
            .map(|source| match &**source {
                Source::DockerConfig { file, .. } => file.path().display().to_string(),
                Source::Providers(providers) => {
                    let names = (0..providers.len()).map(|index| providers.source(index));
                    names.collect::<Vec<_>>().join(", ")
                }
            })
            .collect();
        f.debug_tuple("Keyring").field(&names).finish()
    }
}

/// The credentials for one image that were not tried yet.
pub(crate) struct Candidates<'a> {
    keyring: &'a Keyring,
    target: Target<'a>,
    source: usize,
    provider: usize,
    /// The next first, so in reverse.
    ready: Vec<Credential>,
    tried: usize,
    is_anonymous_tried: bool,
    /// What went wrong with sources, in words that may be shown.
    problems: Vec<String>,
}

impl Candidates<'_> {
    /// The next credential. The last is anonymous.
    pub(crate) async fn next(&mut self) -> Option<Credential> {
        loop {
            if let Some(credential) = self.ready.pop()
                && self.tried < MAX_TRIED
            {
                self.tried += 1;
                return Some(credential);
            }
            match self.keyring.sources.get(self.source) {
                Some(source) if self.tried < MAX_TRIED => self.ask(source).await,
                _ if self.is_anonymous_tried => return None,
                _ => {
                    self.is_anonymous_tried = true;
                    return Some(Credential::anonymous());
                }
            }
        }
    }

    /// What went wrong with sources so far.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Takes what one source has.
    async fn ask(&mut self, source: &Source) {
        let Target {
            registry,
            repository,
        } = self.target;
        match source {
            Source::DockerConfig { file, helpers } => {
                self.source += 1;
                let read = {
                    let file = Arc::clone(file);
                    tokio::task::spawn_blocking(move || file.current()).await
                };
                let Ok(config) = read else {
                    return;
                };
                let path = file.path().display();
                let name: Arc<str> = path.to_string().into();
                if let Some(helper) = config.helper(registry) {
                    let server = server_name(registry);
                    match helpers.get(helper, server).await {
                        Ok(Some(login)) => {
                            let source = format!("docker-credential-{helper}, named in {path}");
                            self.ready.push(Credential::new(login, source));
                        }
                        Ok(None) => {}
                        Err(error) => self.problems.push(error.to_string()),
                    }
                }
                let logins: Vec<_> = config.logins(registry, repository).collect();
                for login in logins.into_iter().rev() {
                    let credential = Credential::new(login.clone(), Arc::clone(&name));
                    self.ready.push(credential);
                }
            }
            Source::Providers(providers) => {
                let index = self.provider;
                if index == providers.len() {
                    self.provider = 0;
                    self.source += 1;
                    return;
                }
                self.provider += 1;
                match providers.logins(index, registry, repository).await {
                    Ok(logins) => {
                        let name: Arc<str> = providers.source(index).into();
                        for login in logins.into_iter().rev() {
                            self.ready.push(Credential::new(login, Arc::clone(&name)));
                        }
                    }
                    Err(error) => self.problems.push(error.to_string()),
                }
            }
        }
    }
}

/// What helpers know a registry by.
fn server_name(registry: &str) -> &str {
    match registry {
        "docker.io" => "https://index.docker.io/v1/",
        registry => registry,
    }
}
