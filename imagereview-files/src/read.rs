//! Reading one text, within bounds.

use std::{
    fs::{File, FileType, Metadata},
    io::{self, Read},
    path::Path,
};

use crate::PolicyFileError;

/// The largest policy file, in bytes: 4 MiB, which is also the longest text that
/// [`ImagePolicy::compile`](imagereview_core::ImagePolicy::compile) takes.
pub const MAX_FILE_BYTES: usize = 4 << 20;

/// The largest size of all policy files together, in bytes: 16 MiB. A `ConfigMap` holds at most 1 MiB.
pub const MAX_TOTAL_BYTES: usize = 16 << 20;

/// The text of a regular file. Anything else is refused, and never waited for.
pub(crate) fn regular_file(path: &Path) -> Result<String, PolicyFileError> {
    let error = |cause| PolicyFileError::read(path, cause);
    // Looked at first, because opening a device can do something.
    require_regular(path, &path.metadata().map_err(error)?)?;
    let file = open_without_waiting(path).map_err(error)?;
    // It may have been replaced in between.
    require_regular(path, &file.metadata().map_err(error)?)?;
    text(path, file)
}

/// The text of a pipe or device, which is waited for.
pub(crate) fn stream(path: &Path) -> Result<String, PolicyFileError> {
    let file = File::open(path).map_err(|cause| PolicyFileError::read(path, cause))?;
    text(path, file)
}

/// A text of at most [`MAX_FILE_BYTES`].
pub(crate) fn text(path: &Path, from: impl Read) -> Result<String, PolicyFileError> {
    let path = || path.to_owned();
    let mut bytes = Vec::new();
    from.take(MAX_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| PolicyFileError::read(&path(), cause))?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(PolicyFileError::TooLarge { path: path() });
    }
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return PolicyFileError::Utf16 { path: path() };
        }
        let valid = &bytes[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        PolicyFileError::NotUtf8 { path: path(), line }
    })
}

fn require_regular(path: &Path, metadata: &Metadata) -> Result<(), PolicyFileError> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(PolicyFileError::NotAFile {
        path: path.to_owned(),
        kind: kind(metadata.file_type()),
    })
}

/// Opens a file; a pipe that has come into its place does not block.
fn open_without_waiting(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.open(path)
}

/// What is no regular file, for a sentence.
fn kind(kind: FileType) -> &'static str {
    if kind.is_dir() {
        return "a folder";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;

        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    "no regular file"
}
