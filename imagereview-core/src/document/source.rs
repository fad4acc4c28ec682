//! Policies as texts.

use super::files::PolicyFiles;

static NO_FILES: PolicyFiles = PolicyFiles::new();

/// The text of a policy, and the name of the file that it came from.
#[derive(Clone, Copy, Debug)]
pub struct PolicySource<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    pub(super) files: &'a PolicyFiles,
}

impl<'a> PolicySource<'a> {
    /// A text of one or more YAML documents, and the name that problems call it by.
    #[must_use]
    pub fn new(name: &'a str, text: &'a str) -> Self {
        Self {
            name,
            text,
            files: &NO_FILES,
        }
    }

    /// Adds the files beside the text that it names.
    #[must_use]
    pub fn with_files(mut self, files: &'a PolicyFiles) -> Self {
        self.files = files;
        self
    }
}
