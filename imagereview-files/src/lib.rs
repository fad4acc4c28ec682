//! From paths to policy documents: one loader for every program that decides by
//! [`imagereview_core`].
//!
//! The core opens no file. This crate reads the files, folders, pipes and standard input that a
//! user names as the policy, and gives their texts to the core. Programs that use it read the same
//! policy from the same paths, and report the same errors.
//!
//! ```
//! use imagereview_files::PolicyPaths;
//!
//! # let folder = tempfile::tempdir()?;
//! # std::fs::write(folder.path().join("baseline.yaml"), "
//! # apiVersion: imagereview/v1alpha1
//! # kind: ImagePolicy
//! # metadata: {name: baseline}
//! # rules: [{name: no-beta, tags: {deny: [beta]}}]
//! # ")?;
//! # std::env::set_current_dir(folder.path())?;
//! let paths = PolicyPaths::open(["baseline.yaml"])?;
//! let policy = paths.read()?.compile()?;
//! assert!(policy.identity().starts_with("baseline@sha256:"));
//!
//! // Later, when a file may have changed:
//! let policy = paths.read()?.compile()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a path means
//!
//! | path | what is read |
//! | --- | --- |
//! | a regular file | its text, anew at each [`read`](PolicyPaths::read); any file name will do |
//! | a folder | the files that [`is_policy_file`] names, in the order of their names, anew at each `read`; not the folders in it |
//! | `-` | standard input, once; `./-` is a file of that name |
//! | a pipe or device, such as `<(command)` or `/dev/stdin` | its text, once, when it is opened |
//!
//! Symbolic links are followed, because a mounted `ConfigMap` is made of them. What is read once is
//! given again at each `read`.
//!
//! # What lies beside a policy
//!
//! A document may name files of its own folder: public keys, certificates, trusted roots. They are read
//! with it, anew each time. What a pipe or standard input gives has no folder, so it can name none.
//!
//! # What is refused
//!
//! A policy that is read in part is a weaker policy. So whatever is wrong with one file is an error
//! for all, and a [`PolicyFileError`] names the file, what is wrong with it and what to do:
//!
//! - a path that can't be read, a folder without policy files, a file that is named twice;
//! - text that is not UTF-8;
//! - more than [`MAX_FILE_BYTES`] in a file, [`MAX_FOLDER_FILES`] files in a folder, or
//!   [`MAX_TOTAL_BYTES`] in all files together;
//! - a pipe, socket or device with the name of a policy file in a folder. It is never opened, so
//!   that nobody waits for whoever should write to it. The same holds for a path that was a regular
//!   file or a folder when it was opened, and is none now.
//!
//! A pipe that is named by its own path is waited for, since its writer may take long.
//!
//! # The variable
//!
//! [`VARIABLE`] is the environment variable that holds paths of policies, separated by colons as in
//! `PATH` (by semicolons on Windows). [`PathList::split`] reads it.
//!
//! # Features
//!
//! `clap` (not a default): [`PathList`] is a value that [clap] can parse, in which a variable is split
//! and a flag is not. It puts `clap` 4 into the public API.
//!
//! [`is_policy_file`]: imagereview_core::document::is_policy_file
//! [clap]: https://docs.rs/clap/4
#![forbid(unsafe_code)]

mod beside;
#[cfg(feature = "clap")]
mod clap_value;
mod error;
mod folder;
mod limits;
mod list;
mod paths;
mod read;
mod texts;

pub use self::{
    error::PolicyFileError,
    limits::{MAX_FILE_BYTES, MAX_FOLDER_FILES, MAX_TOTAL_BYTES},
    list::{EmptyPathError, PathList, VARIABLE},
    paths::PolicyPaths,
    texts::PolicyTexts,
};
