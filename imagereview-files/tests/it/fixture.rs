//! Folders of policies.

use std::{fs, path::PathBuf};

use imagereview_files::{PolicyFileError, PolicyPaths};
use tempfile::TempDir;

/// A document with one rule.
pub(crate) fn document(name: &str) -> String {
    format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: {name}}}\n\
         rules:\n  - name: no-{name}\n    tags: {{deny: [{name}]}}\n"
    )
}

/// A folder with policies and whatever else a row needs.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with these files, each a document of the name.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let folder = Self::new();
        for (file, name) in files {
            folder.write(file, document(name));
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            self.0.path().to_owned()
        } else {
            self.0.path().join(name)
        }
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Opens and reads the files and folders of these names.
    pub(crate) fn load(&self, names: &[&str]) -> Result<String, PolicyFileError> {
        let paths = PolicyPaths::open(names.iter().map(|name| self.path(name)))?;
        documents(&paths)
    }

    /// Why these can't be read, without the path of the folder.
    pub(crate) fn error(&self, names: &[&str]) -> String {
        let error = self.load(names).unwrap_err();
        assert!(error.path().starts_with(self.0.path()), "{error}");
        let text = error.to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        text.replace(self.0.path().to_str().unwrap(), "")
    }
}

/// The names of the documents that are read, in the order of the alphabet.
pub(crate) fn documents(paths: &PolicyPaths) -> Result<String, PolicyFileError> {
    let policy = paths.read()?.compile().unwrap();
    Ok(policy.identity().split_once('@').unwrap().0.to_owned())
}
