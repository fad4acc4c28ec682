//! The texts of the folders beside this file: each `NAME.in` becomes `NAME.out`.

use std::{fs, path::Path};

use super::fixed;
use crate::input::Syntax;

/// The texts of a folder before and after, by name.
fn cases(folder: &str) -> Vec<(String, String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/fix/tests")
        .join(folder);
    let mut cases = Vec::new();
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        files += 1;
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "in") {
            let read = |path: &Path| {
                fs::read_to_string(path)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            };
            let name = path.display().to_string();
            cases.push((name, read(&path), read(&path.with_extension("out"))));
        }
    }
    let folder = folder.display();
    assert!(!cases.is_empty(), "{folder} has no cases");
    assert_eq!(
        files,
        2 * cases.len(),
        "a file of {folder} is not of a case"
    );
    cases
}

#[test]
fn each_folder_is_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fix/tests");
    let mut folders = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            folders.push(entry.file_name().into_string().unwrap());
        }
    }
    folders.sort();
    assert_eq!(
        folders,
        ["json", "yaml"],
        "a folder has no test in this file"
    );
}

#[test]
fn only_what_changes_is_written() {
    for (name, before, after) in cases("yaml") {
        let is_fixed = |before: &str, after: &str| {
            assert_eq!(fixed(Syntax::Yaml, before), after, "{name}");
        };
        is_fixed(&before, &after);
        // Windows writes other line breaks, and a mark before everything.
        let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
        is_fixed(&windows(&before), &windows(&after));
        let among_others =
            |text: &str| format!("%YAML 1.2\n---\na: 1 # {{{{\n--- # c\n{text}\n...\n");
        is_fixed(&among_others(&before), &among_others(&after));
        is_fixed(&in_list(&before), &in_list(&after));
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
    for (name, before, after) in cases("json") {
        assert_eq!(fixed(Syntax::Json, &before), after, "{name}");
        let stream = |text: &str| format!("{text}\n{{}} {text}");
        assert_eq!(
            fixed(Syntax::Json, &stream(&before)),
            stream(&after),
            "{name}"
        );
        // JSON is YAML too.
        fixed(Syntax::Yaml, &before);
    }
}
