//! The files beside a policy that it names.

use std::path::Path;

use imagereview_core::document::PolicyFiles;

use crate::{PolicyFileError, read::regular_file};

/// The files of a folder that the documents of a text name. Why one can't be read is told with the field
/// that names it.
pub(crate) fn named(folder: &Path, text: &str) -> PolicyFiles {
    let mut files = PolicyFiles::new();
    for name in PolicyFiles::named(text) {
        let text = regular_file(&folder.join(&name));
        let text = text.map(Into::into).map_err(|error| match error {
            PolicyFileError::Read { cause, .. } => cause.to_string().into(),
            PolicyFileError::NotAFile { kind, .. } => format!("it is {kind}").into(),
            PolicyFileError::TooLarge { .. } => "it is too large".into(),
            PolicyFileError::NotUtf8 { .. } | PolicyFileError::Utf16 { .. } => {
                "it is not UTF-8 text; certificates and keys are to be in PEM".into()
            }
            other => other.to_string().into(),
        });
        files.insert(name, text);
    }
    files
}
