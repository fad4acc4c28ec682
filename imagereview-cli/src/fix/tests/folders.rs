//! The texts of the folders beside this file: each `NAME.in` becomes `NAME.out`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use imagereview_core::{ImagePolicy, PolicySource};

use super::{COMPILED, fix_by, fixed};
use crate::input::Syntax;

/// The files of one case.
#[derive(Default)]
struct Case {
    /// The path without the ending, for messages.
    name: String,
    before: Option<String>,
    after: Option<String>,
    /// What is reported of changes that are not made; a line each.
    left: String,
    /// The policy, if it is another.
    policy: Option<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fix/tests")
}

/// The cases of a folder.
fn cases(folder: &str) -> Vec<Case> {
    let mut cases: BTreeMap<PathBuf, Case> = BTreeMap::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let case = cases.entry(path.with_extension("")).or_default();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("in") => case.before = Some(text),
            Some("out") => case.after = Some(text),
            Some("left") => case.left = text,
            Some("policy") => case.policy = Some(text),
            _ => panic!("{} is not of a case", path.display()),
        }
    }
    assert!(!cases.is_empty(), "{folder} has no cases");
    let cases = cases.into_iter();
    cases
        .map(|(path, case)| Case {
            name: path.display().to_string(),
            ..case
        })
        .collect()
}

impl Case {
    fn before(&self) -> &str {
        let before = self.before.as_deref();
        before.unwrap_or_else(|| panic!("{}.in is missing", self.name))
    }

    fn after(&self) -> &str {
        let after = self.after.as_deref();
        after.unwrap_or_else(|| panic!("{}.out is missing", self.name))
    }
}

#[test]
fn each_folder_is_read() {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            folders.push(entry.file_name().into_string().unwrap());
        }
    }
    folders.sort();
    assert_eq!(
        folders,
        ["json", "policies", "refused", "yaml"],
        "a folder has no test in this file"
    );
}

#[test]
fn only_what_changes_is_written() {
    for case in cases("yaml") {
        let is_fixed = |before: &str, after: &str| {
            assert_eq!(fixed(Syntax::Yaml, before), after, "{}", case.name);
        };
        let (before, after) = (case.before(), case.after());
        is_fixed(before, after);
        // Windows writes other line breaks, and a mark before everything.
        let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
        is_fixed(&windows(before), &windows(after));
        let among_others =
            |text: &str| format!("%YAML 1.2\n---\na: 1 # {{{{\n--- # c\n{text}\n...\n");
        is_fixed(&among_others(before), &among_others(after));
        is_fixed(&in_list(before), &in_list(after));
    }
}

/// What cannot be edited safely is left as it is and reported, and everything else is written.
#[test]
fn what_cannot_be_edited_safely_is_left_and_reported() {
    for case in cases("refused") {
        let fix = fix_by(&COMPILED, Syntax::Yaml, case.before());
        let left = |fix: &super::Fix, is_written| -> String {
            fix.problems(is_written).map(|line| line + "\n").collect()
        };
        assert_eq!(fix.after, case.after(), "{}", case.name);
        assert_eq!(left(&fix, true), case.left, "{}", case.name);
        assert!(!case.left.is_empty(), "{}.left is missing", case.name);
        for problem in &fix.left {
            let words = (
                word(&case.before()[problem.before..]),
                word(&fix.after[problem.after..]),
            );
            assert_eq!(words.0, words.1, "{}", case.name);
        }
        let again = fix_by(&COMPILED, Syntax::Yaml, &fix.after);
        assert!(again.made.is_empty(), "{}", case.name);
        assert_eq!(left(&again, true), case.left, "{}", case.name);
    }
}

/// The word that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find([' ', '\n', ':', '\\']);
    &text[..end.unwrap_or(text.len())]
}

/// The documents of a policy are one list, as the webhook has it: no mirror goes on from what another
/// made.
#[test]
fn what_several_documents_change_is_written_once() {
    for case in cases("policies") {
        let policy = case.policy.as_deref();
        let policy = policy.unwrap_or_else(|| panic!("{}.policy is missing", case.name));
        let policy = ImagePolicy::compile([PolicySource::new("policy.yaml", policy)]).unwrap();
        let fix = fix_by(&policy, Syntax::Yaml, case.before());
        assert!(fix.left.is_empty(), "{}: {:?}", case.name, fix.left);
        assert_eq!(fix.after, case.after(), "{}", case.name);
        assert_eq!(
            fix.made.is_empty(),
            case.before() == case.after(),
            "{}",
            case.name
        );
    }
}

/// A list of Kubernetes with one object.
fn in_list(object: &str) -> String {
    let mut list = "apiVersion: v1\nkind: List\nitems:\n".to_owned();
    for (at, line) in object.split_inclusive('\n').enumerate() {
        let indent = match (at, line) {
            (0, _) => "- ",
            (_, "\n") => "",
            _ => "  ",
        };
        list.extend([indent, line]);
    }
    list
}

#[test]
fn json_keeps_its_form() {
    for case in cases("json") {
        let (before, after, name) = (case.before(), case.after(), &case.name);
        assert_eq!(fixed(Syntax::Json, before), after, "{name}");
        let stream = |text: &str| format!("{text}\n{{}} {text}");
        assert_eq!(
            fixed(Syntax::Json, &stream(before)),
            stream(after),
            "{name}"
        );
        // JSON is YAML too.
        fixed(Syntax::Yaml, before);
    }
}
