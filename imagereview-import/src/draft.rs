//! A document of ours before it is written.

use std::collections::BTreeSet;

use imagereview_core::Mode;

/// A document, of one policy of another engine.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) name: String,
    /// What the policy is called there.
    pub(crate) policy: String,
    /// Where it comes from.
    pub(crate) origin: String,
    pub(crate) mode: Mode,
    pub(crate) rules: Vec<Rule>,
    pub(crate) exemptions: Vec<Exemption>,
    pub(crate) mutations: Mutations,
    /// Which namespaces the mutations are for.
    pub(crate) scope: Scope,
}

/// A rule of a document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// Where it comes from.
    pub(crate) origin: String,
    pub(crate) mode: Mode,
    pub(crate) scope: Scope,
    pub(crate) message: Option<String>,
    pub(crate) checks: Checks,
}

/// What a rule checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checks {
    /// The images that it is about, if not all.
    pub(crate) images: Vec<String>,
    /// The images that it is not about.
    pub(crate) images_excluded: Vec<String>,
    pub(crate) tags: TagChecks,
    pub(crate) digest: DigestCheck,
    pub(crate) repositories_allowed: Vec<String>,
    pub(crate) repositories_denied: Vec<String>,
    /// Lines for the section `facts`.
    pub(crate) facts: Vec<String>,
    /// Who must have signed, as lines for the section `signed`.
    pub(crate) signed: Option<Signed>,
    /// The one check that no review fails, for a document that has only mutations.
    pub(crate) max_images: bool,
    pub(crate) expression: Option<String>,
    /// How it differs from the original.
    pub(crate) notes: Vec<String>,
}

impl Checks {
    /// Whether a reference alone decides.
    pub(crate) fn is_about_references(&self) -> bool {
        self.facts.is_empty() && self.signed.is_none()
    }
}

/// What a rule checks of digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum DigestCheck {
    #[default]
    None,
    /// A digest is required.
    Required,
    /// A digest of this algorithm is required.
    Algorithm(String),
}

/// Who must have signed an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) by: Authority,
    /// The repository in which signatures are, if that is not the image's own.
    pub(crate) repository: Option<String>,
}

/// Who may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// Public keys in PEM.
    Key(String),
    /// Root certificates of notation in PEM.
    Notation(String),
    /// An identity and who vouches for it, as globs, and the file of the trusted root.
    Keyless {
        issuer: String,
        subject: String,
        trusted_root: String,
    },
    AnyOf(Vec<Authority>),
    AllOf(Vec<Authority>),
    AtLeast(usize, Vec<Authority>),
    /// Always `pass` or always `deny`.
    Static(bool),
}

/// What a rule checks of tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagChecks {
    pub(crate) allowed: Vec<String>,
    pub(crate) denied: Vec<String>,
    /// Whether an image with neither tag nor digest is denied.
    pub(crate) deny_missing: bool,
    /// Whether the tag beside a digest is checked.
    pub(crate) check_pinned: bool,
}

impl TagChecks {
    pub(crate) fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.denied.is_empty() && !self.deny_missing
    }
}

/// Where a rule or the mutations of a document apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) namespaces: Names,
    pub(crate) users: Names,
    pub(crate) groups: Names,
    pub(crate) service_accounts: Names,
    pub(crate) containers: Vec<&'static str>,
}

/// Globs over names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
}

impl Names {
    pub(crate) fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }
}

/// A declared exemption.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exemption {
    pub(crate) name: String,
    pub(crate) origin: String,
    pub(crate) reason: String,
    /// The rules that it covers; all if empty.
    pub(crate) rules: Vec<String>,
    pub(crate) images: Vec<String>,
    pub(crate) namespaces: Vec<String>,
}

/// Changes to objects.
#[derive(Debug, Default)]
pub(crate) struct Mutations {
    /// Where it comes from.
    pub(crate) origin: String,
    pub(crate) mirrors: Vec<(String, String)>,
    pub(crate) pin_digests: Vec<String>,
    pub(crate) pull_policies: Vec<(Vec<String>, String)>,
    pub(crate) pull_secrets: Vec<(String, String)>,
}

impl Mutations {
    pub(crate) fn is_empty(&self) -> bool {
        self.mirrors.is_empty()
            && self.pin_digests.is_empty()
            && self.pull_policies.is_empty()
            && self.pull_secrets.is_empty()
    }
}

/// Names that are taken.
#[derive(Debug, Default)]
pub(crate) struct Taken(BTreeSet<String>);

/// The longest name in a document, in bytes.
const MAX_NAME: usize = 63;

/// Names of built-in rules.
const RESERVED: [&str; 3] = ["unreadable-reference", "unreadable-object", "undecided"];

impl Taken {
    /// A name like this one that is valid and not taken yet.
    pub(crate) fn take(&mut self, wanted: &str) -> String {
        let wanted = valid_name(wanted);
        let mut name = wanted.clone();
        let mut number = 2;
        while RESERVED.contains(&&*name) || !self.0.insert(name.clone()) {
            let ending = format!("-{number}");
            let kept = wanted.len().min(MAX_NAME - ending.len());
            name = wanted[..kept].trim_end_matches('-').to_owned() + &ending;
            number += 1;
        }
        name
    }
}

/// A text as a name: lower-case letters, digits and dashes.
fn valid_name(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(MAX_NAME);
    let name = name.trim_end_matches('-');
    if name.is_empty() { "imported" } else { name }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_there_once() {
        let mut taken = Taken::default();
        assert_eq!(taken.take("Check: no `latest`!"), "check-no-latest");
        assert_eq!(taken.take("check-no-latest"), "check-no-latest-2");
        assert_eq!(taken.take("标签"), "imported");
        assert_eq!(taken.take("undecided"), "undecided-2");
        let long = "x".repeat(100);
        assert_eq!(taken.take(&long).len(), 63);
        assert_eq!(taken.take(&long).len(), 63);
    }
}
