//! Reading a file that is read again and again while the server runs.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// How many bytes of a file are read: many times a bundle of all public authorities, and a revocation list of
/// hundreds of thousands of certificates.
const MOST: u64 = 16 * 1024 * 1024;

/// `O_NONBLOCK`: opening a pipe does not wait for its other end.
#[cfg(unix)]
const WITHOUT_WAITING: i32 = libc::O_NONBLOCK;

/// Why a file can't be read.
#[derive(Debug)]
pub(crate) enum RegularFileError {
    Read(io::Error),
    NotAFile,
    TooLarge,
}

/// The bytes of a regular file. A pipe or a device is refused, and never waited for.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, RegularFileError> {
    // Looked at first, because opening a device can do something.
    let metadata = path.metadata().map_err(RegularFileError::Read)?;
    if !metadata.is_file() {
        return Err(RegularFileError::NotAFile);
    }
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, WITHOUT_WAITING);
    let file = options.open(path).map_err(RegularFileError::Read)?;
    // It may have been replaced in between.
    if !file.metadata().map_err(RegularFileError::Read)?.is_file() {
        return Err(RegularFileError::NotAFile);
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(RegularFileError::Read)?;
    if bytes.len() as u64 > MOST {
        return Err(RegularFileError::TooLarge);
    }
    Ok(bytes)
}
