//! Why nothing was written.

use std::{io, path::PathBuf};

use imagereview_pki::{PkiError, files::FilesError};

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    #[error("can't read {}: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error("can't write YAML: {0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
    #[error("{0}; nothing was written; --force replaces existing files")]
    Exist(FilesError),
    #[error(transparent)]
    Files(FilesError),
    #[error("the files are written, but standard output is not: {0}")]
    Output(io::Error),
}
