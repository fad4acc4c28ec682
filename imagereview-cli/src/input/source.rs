//! Where an input comes from: a file or standard input.

use std::{
    env,
    ffi::OsStr,
    fmt,
    fs::File,
    io::{self, Cursor, Read},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

/// How the name of what was built begins: with the command that builds it.
pub(crate) const BUILT: &str = "kustomize build ";

/// A file, or standard input, which is written `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Stdin,
    /// Standard input by the name that it was given: that of the file which it stands for.
    NamedStdin(PathBuf),
    /// What a source gave that can be read only once.
    Held(Box<Source>, Arc<[u8]>),
    /// What was built from a kustomization: the name of its file, its folder, and the objects.
    Built(String, PathBuf, Arc<[u8]>),
}

/// Something to read, and whether it was asked for by its own name. What a folder holds may be
/// anything; what is named is meant to be reviewed.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) source: Source,
    pub(crate) is_named: bool,
    /// Whether a kustomization lists it as a patch.
    pub(crate) is_patch: bool,
    /// Whether it is a kustomization, and what is built from it is reviewed too.
    pub(crate) is_built: bool,
}

impl Input {
    pub(super) fn new(source: Source, is_named: bool) -> Self {
        Self {
            source,
            is_named,
            is_patch: false,
            is_built: false,
        }
    }
}

impl Source {
    /// The name of the file in its folder.
    pub(crate) fn file_name(&self) -> Option<&str> {
        match self {
            Self::File(path) | Self::NamedStdin(path) => path.file_name()?.to_str(),
            Self::Stdin | Self::Built(..) => None,
            Self::Held(source, _) => source.file_name(),
        }
    }

    /// The folder of the file.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::NamedStdin(path) => path.parent(),
            Self::Stdin => None,
            Self::Held(source, _) => source.folder(),
            Self::Built(_, folder, _) => Some(folder),
        }
    }

    /// Whether a file in a folder is one that kubectl takes, by its name.
    pub(crate) fn is_kubectls(&self) -> bool {
        let name = self.file_name().unwrap_or_default();
        let ending = Path::new(name).extension();
        ending.is_some_and(|ending| ["json", "yaml", "yml"].iter().any(|known| ending == *known))
    }

    /// Whether it is standard input, by whatever name.
    pub(crate) fn is_stdin(&self) -> bool {
        match self {
            Self::Stdin | Self::NamedStdin(_) => true,
            Self::File(_) | Self::Built(..) => false,
            Self::Held(source, _) => source.is_stdin(),
        }
    }

    /// Whether it is no file: nothing that is found in it has a place where people can look it up.
    pub(crate) fn is_stream(&self) -> bool {
        match self {
            Self::Stdin | Self::Built(..) => true,
            Self::NamedStdin(_) => false,
            Self::File(_) => !self.is_lasting(),
            Self::Held(source, _) => source.is_stream(),
        }
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
            Self::Stdin | Self::NamedStdin(_) => None,
            Self::File(path) => {
                let metadata = path.metadata().ok()?;
                metadata.is_file().then_some(metadata.len())
            }
            Self::Held(_, bytes) | Self::Built(_, _, bytes) => Some(bytes.len() as u64),
        }
    }

    /// Opens it to be read.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Read>> {
        match self {
            Self::Stdin | Self::NamedStdin(_) => Ok(Box::new(io::stdin().lock())),
            Self::Held(_, bytes) | Self::Built(_, _, bytes) => {
                Ok(Box::new(Cursor::new(Arc::clone(bytes))))
            }
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
            Self::File(path) | Self::NamedStdin(path) if cfg!(windows) => {
                f.write_str(&path.display().to_string().replace('\\', "/"))
            }
            Self::File(path) | Self::NamedStdin(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("<stdin>"),
            Self::Held(source, _) => source.fmt(f),
            Self::Built(_, folder, _) => write!(f, "{BUILT}{}", folder.display()),
        }
    }
}

/// An absolute path without `.` and `..`.
pub(crate) fn normalized(path: &Path) -> PathBuf {
    let mut normalized = PathBuf::new();
    let here = env::current_dir().unwrap_or_default();
    for component in here.join(path).components() {
        if component == Component::ParentDir {
            normalized.pop();
        } else {
            normalized.push(component);
        }
    }
    normalized
}
