//! Files beside a policy document: keys, certificates and trusted roots that it names.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    file_name::is_policy_file,
    node::{self, Node, Value},
    problem::Problems,
};

/// The fields whose value is the name of such a file.
const FIELDS: [&str; 4] = [
    "file",
    "trustedRoot",
    "signingAuthorities",
    "timestampRoots",
];

/// The rules that name files.
const CHECKS: [&str; 2] = ["signed", "attested"];

/// The files beside a policy document that it names, such as public keys: their texts by their names, or
/// why they can't be read.
///
/// This crate opens no file. [`named`](Self::named) says which are wanted.
///
/// ```
/// use imagereview_core::document::PolicyFiles;
///
/// let names = PolicyFiles::named("
/// apiVersion: imagereview/v1alpha1
/// kind: ImagePolicy
/// metadata: {name: example}
/// rules:
///   - {name: ours, signed: {by: {key: {file: cosign.pub}}}}
/// ");
/// assert_eq!(names, ["cosign.pub"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PolicyFiles(BTreeMap<Box<str>, Result<Arc<str>, Box<str>>>);

impl PolicyFiles {
    /// No file.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The names of the files that the documents of a text name, each once. A text that can't be read
    /// names none.
    #[must_use]
    pub fn named(text: &str) -> Vec<String> {
        // Most policies are about no signatures, and are read once.
        if !CHECKS.iter().any(|check| text.contains(check)) {
            return Vec::new();
        }
        let mut names = Vec::new();
        for document in node::parse(text, &mut Problems::default()) {
            for rules in fields(&document, &["rules"]) {
                let Value::List(rules) = &rules.value else {
                    continue;
                };
                for check in rules.iter().flat_map(|rule| fields(rule, &CHECKS)) {
                    collect(check, &mut names);
                }
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// Adds a file, or why it can't be read: a clause without a full stop.
    pub fn insert(&mut self, name: impl Into<Box<str>>, text: Result<Arc<str>, Box<str>>) {
        self.0.insert(name.into(), text);
    }

    /// How many bytes the files have together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.iter().map(|(_, text)| text.len()).sum()
    }

    /// Each file by its name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.0.iter();
        files.filter_map(|(name, text)| Some((&**name, &**text.as_ref().ok()?)))
    }

    /// The text of a file that a document names.
    pub(super) fn text(&self, name: &str) -> Result<Arc<str>, String> {
        match self.0.get(name) {
            Some(Ok(text)) => Ok(Arc::clone(text)),
            Some(Err(why)) => Err(format!("the file {name:?} can't be read: {why}")),
            None => Err(format!(
                "there is no file {name:?} beside this policy; write the content into the document"
            )),
        }
    }
}

/// The name of a file beside a policy.
pub(super) fn checked_name(text: &str) -> Result<Box<str>, String> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.len() > 255 || text.starts_with('.') || !text.chars().all(in_name) {
        return Err(format!(
            "{text:?} is no name of a file beside the policy: letters, digits, dashes, dots and \
             underscores, and no folder"
        ));
    }
    if is_policy_file(text) {
        return Err(format!(
            "in a folder of policies {text:?} would be read as one; name it otherwise, such as \
             cosign.pub or trusted_root.json"
        ));
    }
    Ok(text.into())
}

fn fields<'n>(node: &'n Node, names: &[&str]) -> Vec<&'n Node> {
    let Value::Map(entries) = &node.value else {
        return Vec::new();
    };
    let wanted = entries
        .iter()
        .filter(|(name, _, _)| names.contains(&&**name));
    wanted.map(|(_, _, node)| node).collect()
}

fn collect(node: &Node, names: &mut Vec<String>) {
    match &node.value {
        Value::Map(entries) => {
            for (name, _, node) in entries {
                match &node.value {
                    Value::Text(text) if FIELDS.contains(&&**name) => {
                        if checked_name(text).is_ok() {
                            names.push(text.clone());
                        }
                    }
                    _ => collect(node, names),
                }
            }
        }
        Value::List(list) => list.iter().for_each(|node| collect(node, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}
