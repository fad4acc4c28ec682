//! Files of facts.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use imagereview_core::facts::{Facts, FactsFileError, MAX_FILE_LEN};

/// A file of facts can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FactsFileReadError {
    #[error("{}: can't read it: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Content {
        path: PathBuf,
        error: FactsFileError,
    },
}

/// Reads a file of facts.
pub(crate) fn read(path: &Path) -> Result<Facts, FactsFileReadError> {
    let content = (|| {
        let mut bytes = Vec::new();
        // One more than may be there shows that there are too many.
        let most = MAX_FILE_LEN as u64 + 1;
        File::open(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    })();
    let path = || path.to_owned();
    let content = content.map_err(|error| FactsFileReadError::Read {
        path: path(),
        error,
    })?;
    Facts::from_file(&content).map_err(|error| FactsFileReadError::Content {
        path: path(),
        error,
    })
}
