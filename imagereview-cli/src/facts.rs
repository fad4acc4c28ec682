//! What is known of images: asked for, read from a file, or nothing.

mod file;
mod source;

pub(crate) use self::{
    file::{FactsFileReadError, read},
    source::{FactSource, FactsError, FactsFrom, Registries, verified},
};
