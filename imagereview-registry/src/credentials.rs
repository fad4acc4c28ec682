//! Who we are to a registry.

mod docker_config;
mod helper;
mod keyring;
mod pattern;
mod program;
mod provider;
mod secret;

pub use self::keyring::Keyring;
pub(crate) use self::{
    keyring::Target,
    secret::{Credential, Fingerprint, Login},
};
