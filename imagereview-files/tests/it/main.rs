//! Policies as programs read them: real files, folders, links, pipes and devices.

mod bounds;
mod fixture;
mod list;
mod meaning;
#[cfg(unix)]
mod once;
#[cfg(unix)]
mod special;
