//! Where results are written: standard output and files.

use std::{
    fs::File,
    io::{self, BufWriter, StdoutLock, Write},
    path::{Path, PathBuf},
};

/// What results are written to.
pub(crate) type Stdout = BufWriter<StdoutLock<'static>>;

/// Standard output, written in large blocks.
pub(crate) fn stdout() -> Stdout {
    BufWriter::with_capacity(64 << 10, io::stdout().lock())
}

/// A result could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("can't write to standard output: {0}")]
    Stdout(#[from] io::Error),
    #[error("can't write {}: {cause}", path.display())]
    File { path: PathBuf, cause: io::Error },
}

/// A file that results are written to.
#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl OutputFile {
    /// Makes the file.
    pub(crate) fn create(path: &Path) -> Result<Self, WriteError> {
        match File::create(path) {
            Ok(file) => Ok(Self {
                path: path.to_owned(),
                file: BufWriter::new(file),
            }),
            Err(cause) => Err(WriteError::File {
                path: path.to_owned(),
                cause,
            }),
        }
    }

    /// Writes, and says of an error which file it is about.
    pub(crate) fn write(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        write(&mut self.file).map_err(|cause| WriteError::File {
            path: self.path.clone(),
            cause,
        })
    }
}
