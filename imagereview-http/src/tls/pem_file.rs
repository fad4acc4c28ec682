//! PEM files.

use std::{borrow::Cow, io, path::Path};

use rustls_pki_types::pem::{self, PemObject};

use crate::regular_file::{self, RegularFileError};

/// Why nothing can be read from a PEM file.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.explain("section"))]
#[non_exhaustive]
pub enum PemFileError {
    /// The file can't be opened or read.
    Read(io::Error),
    /// It is no regular file, and reading it could wait for ever.
    NotAFile,
    /// It is longer than any file of certificates is.
    TooLarge,
    /// It begins with a byte order mark, behind which a PEM reader would miss the first section.
    ByteOrderMark,
    /// It is UTF-16 text.
    Utf16,
    /// A section is damaged, or there is none of what should be there.
    Section(pem::Error),
}

impl PemFileError {
    /// What is wrong with a PEM file that should hold something of this kind.
    pub(super) fn explain(&self, kind: &str) -> Cow<'static, str> {
        let error = match self {
            PemFileError::Read(error) => return error.to_string().into(),
            PemFileError::NotAFile => {
                return "it is a folder, a pipe or a device; give a regular file, which can be read again".into();
            }
            PemFileError::TooLarge => return "it is longer than 16 MiB".into(),
            PemFileError::ByteOrderMark => {
                return "it begins with a byte order mark, so its first section would be missed; save it as \
                        UTF-8 without one"
                    .into();
            }
            PemFileError::Utf16 => return "it is UTF-16 text; save it as UTF-8".into(),
            PemFileError::Section(error) => error,
        };
        match error {
            pem::Error::NoItemsFound => format!("it holds no {kind} in PEM").into(),
            pem::Error::MissingSectionEnd { end_marker } => {
                let label = String::from_utf8_lossy(end_marker);
                format!("it is cut off: a section has no line -----END {label}-----").into()
            }
            pem::Error::IllegalSectionStart { .. } => {
                "a line begins a section and doesn't end in five dashes".into()
            }
            pem::Error::Base64Decode(_) => "a section holds text that is not base64".into(),
            pem::Error::SectionTooLarge => "a section is longer than 256 MB".into(),
            _ => "it is not PEM".into(),
        }
    }
}

impl From<RegularFileError> for PemFileError {
    fn from(error: RegularFileError) -> Self {
        match error {
            RegularFileError::Read(error) => Self::Read(error),
            RegularFileError::NotAFile => Self::NotAFile,
            RegularFileError::TooLarge => Self::TooLarge,
        }
    }
}

/// Reads everything of one kind from a PEM file; none at all is an error.
pub(super) fn read_all<T: PemObject>(path: &Path) -> Result<Vec<T>, PemFileError> {
    let bytes = read(path)?;
    let items = T::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(PemFileError::Section)?;
    if items.is_empty() {
        Err(PemFileError::Section(pem::Error::NoItemsFound))
    } else {
        Ok(items)
    }
}

/// Reads the first of one kind from a PEM file.
pub(super) fn read_first<T: PemObject>(path: &Path) -> Result<T, PemFileError> {
    T::from_pem_slice(&read(path)?).map_err(PemFileError::Section)
}

fn read(path: &Path) -> Result<Vec<u8>, PemFileError> {
    let bytes = regular_file::read(path)?;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(PemFileError::ByteOrderMark);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(PemFileError::Utf16);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustls_pki_types::CertificateDer;

    use super::*;

    #[test]
    fn each_damaged_file_is_explained() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let rows: [(&[u8], &str); 7] = [
            (b"", "it holds no certificate in PEM"),
            (b"text", "it holds no certificate in PEM"),
            (
                b"-----BEGIN CERTIFICATE-----\nMAA=\n",
                "it is cut off: a section has no line -----END CERTIFICATE-----",
            ),
            (
                b"-----BEGIN CERTIFICATE\nMAA=\n",
                "a line begins a section and doesn't end in five dashes",
            ),
            (
                b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
                "a section holds text that is not base64",
            ),
            (
                b"\xef\xbb\xbf-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
                "it begins with a byte order mark, so its first section would be missed; save it as UTF-8 \
                 without one",
            ),
            (b"\xff\xfe-\0", "it is UTF-16 text; save it as UTF-8"),
        ];
        for (text, said) in rows {
            fs::write(file.path(), text).unwrap();
            let error = read_all::<CertificateDer<'static>>(file.path()).unwrap_err();
            assert_eq!(error.explain("certificate"), said, "{text:?}");
        }
    }
}
