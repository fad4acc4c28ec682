//! What the options of `verify` say, as a policy document.

use std::{ffi::OsString, fs, path::Path};

use imagereview_core::{ImagePolicy, PolicySource, document::PolicyFiles};
use serde_json::{Value, json};

use crate::{commands::CliError, policy_file::PolicyFileError};

/// A policy of one rule.
pub(super) struct Document {
    authorities: Vec<Value>,
    files: PolicyFiles,
    /// Of the files so far.
    names: Vec<Option<OsString>>,
    pub(super) predicate_type: Option<String>,
    pub(super) repository: Option<String>,
}

impl Document {
    pub(super) fn new() -> Self {
        Self {
            authorities: Vec::new(),
            files: PolicyFiles::new(),
            names: Vec::new(),
            predicate_type: None,
            repository: None,
        }
    }

    /// Whether nobody may vouch.
    pub(super) fn is_empty(&self) -> bool {
        self.authorities.is_empty()
    }

    pub(super) fn add_key(&mut self, path: &Path) -> Result<(), CliError> {
        let file = self.add_file(path, "pub")?;
        self.authorities.push(json!({"key": {"file": file}}));
        Ok(())
    }

    pub(super) fn add_identity(
        &mut self,
        identity: &str,
        issuer: &str,
        trusted_root: &Path,
    ) -> Result<(), CliError> {
        let file = self.add_file(trusted_root, "trusted_root.json")?;
        self.authorities.push(json!({"keyless": {
            "issuer": issuer, "subject": identity, "trustedRoot": file}}));
        Ok(())
    }

    /// Reads a file, and gives it a name that a document can have.
    fn add_file(&mut self, path: &Path, ending: &str) -> Result<String, CliError> {
        let text = fs::read_to_string(path).map_err(|error| CliError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
        let number = self.authorities.len() + 1;
        let is_new = !self
            .names
            .contains(&path.file_stem().map(ToOwned::to_owned));
        self.names.push(path.file_stem().map(ToOwned::to_owned));
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let in_name = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
        let stem: String = stem.chars().filter(in_name).take(64).collect();
        let name = if is_new && !stem.is_empty() && ending == "pub" {
            format!("{stem}.{ending}")
        } else {
            format!("{number}.{ending}")
        };
        self.files.insert(&*name, Ok(text.into()));
        Ok(name)
    }

    pub(super) fn compile(&self) -> Result<ImagePolicy, PolicyFileError> {
        let mut check = json!({"by": {"anyOf": self.authorities}, "tags": "checkOnly"});
        if let [only] = &self.authorities[..] {
            check["by"] = only.clone();
        }
        if let Some(repository) = &self.repository {
            check["repository"] = json!(repository);
        }
        let name = match &self.predicate_type {
            None => "signed",
            Some(kind) => {
                check["predicateTypes"] = json!([kind]);
                "attested"
            }
        };
        let document = json!({
            "apiVersion": imagereview_core::document::API_VERSION,
            "kind": imagereview_core::document::KIND,
            "metadata": {"name": "verify"},
            "rules": [{"name": name, name: check}],
        });
        let text = document.to_string();
        let source = PolicySource::new("the command line", &text).with_files(&self.files);
        Ok(ImagePolicy::compile([source])?)
    }
}
