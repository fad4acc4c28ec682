//! Texts of files that are read whole.

use std::{fs, io, path::Path};

/// A file is no text that can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    #[error("can't read it: {0}")]
    Read(#[from] io::Error),
    #[error("the file is not UTF-8: wrong byte at offset {at}; save it as UTF-8")]
    NotUtf8 {
        /// The offset of the first byte that is wrong.
        at: usize,
    },
}

/// Reads a file whole.
pub(crate) fn read_text(path: &Path) -> Result<String, TextError> {
    String::from_utf8(fs::read(path)?).map_err(|error| TextError::NotUtf8 {
        at: error.utf8_error().valid_up_to(),
    })
}
