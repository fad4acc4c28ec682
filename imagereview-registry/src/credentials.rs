//! Who we are to a registry.

mod docker_config;
mod helper;
mod keyring;
mod pattern;
mod pod;
mod program;
mod provider;
mod secret;
mod target;

pub(crate) use self::{
    docker_config::DockerConfig,
    keyring::KeyringId,
    pattern::Pattern,
    secret::{Credential, Fingerprint, Login, Secret},
    target::Target,
};
pub use self::{keyring::Keyring, pod::PodCredentials};
