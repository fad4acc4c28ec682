//! What is to be reviewed: files and standard input, and what they hold.

pub(crate) mod agreement;
pub(crate) mod compose;
pub(crate) mod dockerfile;
pub(crate) mod documents;
mod explanation;
mod files;
mod json;
mod kustomization;
pub(crate) mod layout;
mod lines;
mod parts;
pub(crate) mod pipeline;
mod position;
mod review_stream;
mod source;
mod substitution;
mod syntax;
mod text;
mod tracked;
pub(crate) mod yaml;

pub(crate) use self::{
    compose::{ComposeFile, is_compose},
    explanation::near,
    files::{InputError, Skip, inputs, inputs_as_in_folder},
    json::json_error,
    kustomization::{Kustomization, build, mark_patches},
    layout::locate,
    lines::{Lines, around},
    parts::{Part, Parts, Start},
    position::Position,
    review_stream::{ReviewRequest, ReviewStream, StreamError},
    source::{BUILT, Input, Source, normalized},
    syntax::Syntax,
    text::{TextError, read_text},
    yaml::{from_yaml, from_yaml_file, yaml_error},
};
