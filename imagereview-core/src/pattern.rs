//! Patterns over the parts of a reference, compiled so that one image is matched against ten
//! thousand of them at about the cost of ten.
//!
//! Deny patterns match broadly and allow patterns exactly ([`Reading`]), so that no spelling of a name
//! gets past a denial or into an allowance.

mod glob;
mod globs;
mod name;
mod reading;
mod regexes;
mod repository;
mod tag;
mod version;

pub(crate) use self::{
    name::{MAX_VALUE_LEN, NamePattern, NameSet},
    reading::{PatternError, Reading},
    regexes::RegexBudget,
    repository::{RegistryPattern, RepositoryPattern, RepositorySet},
    tag::{TagPattern, TagSet},
};
#[cfg(feature = "cel")]
pub(crate) use self::{regexes::RegexError, repository::host_and_port};
