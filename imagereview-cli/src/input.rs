//! What is to be reviewed: files and standard input, and what they hold.

mod compose;
pub(crate) mod dockerfile;
mod files;
mod json_stream;
pub(crate) mod layout;
mod lines;
mod locate;
mod parts;
mod position;
mod substitution;
mod syntax;
pub(crate) mod yaml;

use std::{
    ffi::OsStr,
    fmt,
    fs::File,
    io::{self, BufRead, Read},
    path::PathBuf,
};

pub(crate) use self::{
    compose::ComposeFile,
    files::{FilesError, Input, inputs},
    json_stream::{ImageReviewStream, StreamError, without_position},
    lines::{Lines, around},
    locate::locate,
    parts::{Part, Parts, Start},
    position::Position,
    substitution::fill_in,
    syntax::Syntax,
};

/// A file, or standard input, which is written `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Stdin,
}

impl Source {
    /// The name of the file in its folder.
    pub(crate) fn file_name(&self) -> Option<&str> {
        match self {
            Self::File(path) => path.file_name()?.to_str(),
            Self::Stdin => None,
        }
    }

    /// How long it is in bytes, if that is known before it is read.
    pub(crate) fn len(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(path) => {
                let metadata = path.metadata().ok()?;
                metadata.is_file().then_some(metadata.len())
            }
        }
    }

    /// Opens it to be read.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Read>> {
        match self {
            Self::Stdin => Ok(Box::new(io::stdin().lock())),
            Self::File(path) => {
                let file = File::open(path)?;
                // Some systems let a folder be opened and only then fail to read it.
                if file.metadata()?.is_dir() {
                    return Err(io::ErrorKind::IsADirectory.into());
                }
                Ok(Box::new(file))
            }
        }
    }
}

/// How much of an input is looked at to tell what it is, in bytes.
const START_LEN: u64 = 8 << 10;

impl Source {
    /// Its first bytes, as many as are there. They are read again when it is opened.
    pub(crate) fn start(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Stdin => Ok(io::stdin().lock().fill_buf()?.to_vec()),
            Self::File(_) => {
                let mut start = Vec::new();
                self.open()?.take(START_LEN).read_to_end(&mut start)?;
                Ok(start)
            }
        }
    }
}

impl From<&OsStr> for Source {
    fn from(argument: &OsStr) -> Self {
        if argument == "-" {
            Self::Stdin
        } else {
            Self::File(argument.into())
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The same name on every system, as reports go from one to another.
            Self::File(path) if cfg!(windows) => {
                f.write_str(&path.display().to_string().replace('\\', "/"))
            }
            Self::File(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("<stdin>"),
        }
    }
}
