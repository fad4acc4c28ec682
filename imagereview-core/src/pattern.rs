//! Patterns over the parts of a reference, compiled so that an image is matched with ten thousand of them
//! at about the cost of ten, whatever its name, where each names a host, a folder or a repository. Globs cost
//! as much only for names without the text that they ask for; at most each is tried once. Each set knows
//! how many steps a name of some length takes at most ([`Lengths`]).
//!
//! Deny patterns match broadly and allow patterns exactly ([`Reading`]), so that no spelling of a name
//! gets past a denial or into an allowance.

mod glob;
mod globs;
mod host_shape;
mod name;
mod price;
mod reading;
mod regexes;
mod repository;
mod tag;
mod version;
mod wildcard;

pub(crate) use self::{
    name::{MAX_VALUE_LEN, NamePattern, NameSet},
    price::Lengths,
    reading::{PatternError, Reading},
    regexes::RegexBudget,
    repository::{RegistryPattern, RepositoryPattern, RepositorySet},
    tag::{TagPattern, TagSet},
};
#[cfg(feature = "cel")]
pub(crate) use self::{
    regexes::{RegexError, width},
    repository::host_and_port,
};
pub use self::{
    repository::{HostForm, PathForm, PortForm},
    tag::{TagForm, VersionReading},
    version::VersionBound,
};
