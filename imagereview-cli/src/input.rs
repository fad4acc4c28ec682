//! What is to be reviewed: files and standard input, and what they hold.

mod compose;
pub(crate) mod dockerfile;
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
    compose::ComposeFile,
    files::{Input, InputError, inputs, inputs_as_in_folder},
    lines::{Lines, around},
    locate::locate,
    parts::{Part, Parts, Start},
    position::Position,
    review_stream::{ReviewRequest, ReviewStream, StreamError, without_position},
    source::Source,
    substitution::fill_in,
    syntax::Syntax,
    yaml::{from_yaml, yaml_error},
};
