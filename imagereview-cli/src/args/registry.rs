//! How registries are asked.

use std::{env, path::PathBuf, time::Duration};

use imagereview_registry::{Client, FileError, Keyring, Limits, Registries};

/// Where the options are in `--help`.
const HEADING: &str = "Options for registries";

/// How registries are asked, and with which credentials.
#[derive(Debug, clap::Args)]
pub(crate) struct RegistryArgs {
    /// How long asking registries may take in all
    #[arg(long, help_heading = HEADING, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    facts_timeout: Duration,

    /// A file that says how registries are asked: mirrors, authorities, token realms
    #[arg(long, help_heading = HEADING, value_name = "FILE")]
    registries: Option<PathBuf>,

    /// A file of credentials in the form of Docker's config.json; may be repeated
    ///
    /// Without any, it is config.json in the folder $DOCKER_CONFIG or ~/.docker, if it is there.
    #[arg(long, help_heading = HEADING, value_name = "FILE")]
    docker_config: Vec<PathBuf>,

    /// A CredentialProviderConfig of the kubelet
    #[arg(long, help_heading = HEADING, value_name = "FILE", requires = "credential_provider_bin_dir")]
    credential_provider_config: Option<PathBuf>,

    /// The folder of the programs that it names
    #[arg(long, help_heading = HEADING, value_name = "DIR", requires = "credential_provider_config")]
    credential_provider_bin_dir: Option<PathBuf>,
}

impl RegistryArgs {
    /// How long all of it may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.facts_timeout
    }

    /// The client that the options describe.
    pub(crate) fn client(&self) -> Result<Client, FileError> {
        let registries = match &self.registries {
            Some(path) => Registries::open(path)?,
            None => Registries::new(),
        };
        let mut docker_configs = self.docker_config.clone();
        if docker_configs.is_empty() {
            docker_configs.extend(own_docker_config().filter(|path| path.exists()));
        }
        let config = self.credential_provider_config.as_deref();
        let providers = config.zip(self.credential_provider_bin_dir.as_deref());
        let keyring = Keyring::of_files(&docker_configs, providers)?;
        Ok(Client::new(
            registries.with_localhost(),
            keyring,
            Limits::default(),
        ))
    }
}

/// The file that `docker login` writes.
///
/// Source: [Docker, "Change the .docker directory"](https://docs.docker.com/reference/cli/docker/#change-the-docker-directory).
fn own_docker_config() -> Option<PathBuf> {
    let folder = match env::var_os("DOCKER_CONFIG") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => env::home_dir()?.join(".docker"),
    };
    Some(folder.join("config.json"))
}
