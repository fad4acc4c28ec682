//! Policy documents as they were read.

use imagereview_core::{ImagePolicy, PolicyErrors, PolicySource, document::PolicyFiles};

/// The texts of policy files, in their order, each with the name of its file, and what lies beside it that
/// it names: keys, certificates, trusted roots.
///
/// Two are equal if they have the same names and texts; so a hash shows a change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PolicyTexts(Vec<PolicyText>);

/// The text of a policy file, and the name that problems call it by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PolicyText {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) files: PolicyFiles,
}

impl PolicyTexts {
    pub(crate) fn new(texts: Vec<PolicyText>) -> Self {
        Self(texts)
    }

    /// The names of the files, in the order in which they were named; those of a folder in the order of
    /// their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|file| file.name.as_str())
    }

    /// The texts, for the core to read.
    pub fn sources(&self) -> impl Iterator<Item = PolicySource<'_>> {
        self.0
            .iter()
            .map(|file| PolicySource::new(&file.name, &file.text).with_files(&file.files))
    }

    /// Compiles the documents in all the texts to one policy.
    ///
    /// # Errors
    ///
    /// Everything that is wrong in any of them, or that there is no document.
    pub fn compile(&self) -> Result<ImagePolicy, PolicyErrors> {
        ImagePolicy::compile(self.sources())
    }
}
