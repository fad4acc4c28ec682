//! Who we are to a registry.

mod docker_config;
mod helper;
mod keyring;
mod pattern;
mod pod;
mod program;
mod provider;
mod secret;

pub(crate) use self::{
    docker_config::DockerConfig,
    keyring::{KeyringId, Target},
    pattern::Pattern,
    secret::{Credential, Fingerprint, Login, Secret},
};
pub use self::{keyring::Keyring, pod::PodCredentials};
