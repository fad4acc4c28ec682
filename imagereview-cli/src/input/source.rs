//! Where an input comes from: a file or standard input.

use std::{
    ffi::OsStr,
    fmt,
    fs::File,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A file, or standard input, which is written `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Stdin,
    /// What a source gave that can be read only once.
    Held(Box<Source>, Arc<[u8]>),
}

impl Source {
    /// The name of the file in its folder.
    pub(crate) fn file_name(&self) -> Option<&str> {
        match self {
            Self::File(path) => path.file_name()?.to_str(),
            Self::Stdin => None,
            Self::Held(source, _) => source.file_name(),
        }
    }

    /// The folder of the file.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(path) => path.parent(),
            Self::Stdin => None,
            Self::Held(source, _) => source.folder(),
        }
    }

    /// Whether a file in a folder is one that kubectl takes, by its name.
    pub(crate) fn is_kubectls(&self) -> bool {
        let name = self.file_name().unwrap_or_default();
        let ending = Path::new(name).extension();
        ending.is_some_and(|ending| ["json", "yaml", "yml"].iter().any(|known| ending == *known))
    }

    /// Whether it gives the same each time it is read. A pipe does not, and its name may be that of
    /// a file: `<(helm template .)` of a shell, or `/dev/stdin`.
    fn is_lasting(&self) -> bool {
        self.len().is_some()
    }

    /// The same, to be read more than once: all that it gives, if it gives that only once.
    pub(crate) fn held(self) -> io::Result<Self> {
        if self.is_lasting() {
            return Ok(self);
        }
        let mut bytes = Vec::new();
        self.open()?.read_to_end(&mut bytes)?;
        Ok(Self::Held(Box::new(self), bytes.into()))
    }

    /// How long it is in bytes, if that is known before it is read.
    pub(crate) fn len(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(path) => {
                let metadata = path.metadata().ok()?;
                metadata.is_file().then_some(metadata.len())
            }
            Self::Held(_, bytes) => Some(bytes.len() as u64),
        }
    }

    /// Opens it to be read.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Read>> {
        match self {
            Self::Stdin => Ok(Box::new(io::stdin().lock())),
            Self::Held(_, bytes) => Ok(Box::new(Cursor::new(Arc::clone(bytes)))),
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
            Self::Held(source, _) => source.fmt(f),
        }
    }
}
