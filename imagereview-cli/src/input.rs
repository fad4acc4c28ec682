//! What is to be reviewed: files and standard input, and what they hold.

pub(crate) mod agreement;
pub(crate) mod compose;
pub(crate) mod dockerfile;
pub(crate) mod documents;
mod files;
pub(crate) mod layout;
mod lines;
mod locate;
mod parts;
mod position;
mod review_stream;
mod source;
mod substitution;
mod syntax;
pub(crate) mod yaml;

pub(crate) use self::{
    compose::{ComposeFile, is_compose},
    files::{Input, InputError, Skip, inputs, inputs_as_in_folder},
    lines::{Lines, around},
    locate::locate,
    parts::{Part, Parts, Start},
    position::Position,
    review_stream::{ReviewRequest, ReviewStream, StreamError, without_position},
    source::{Source, normalized},
    syntax::Syntax,
    yaml::{from_yaml, yaml_error},
};
