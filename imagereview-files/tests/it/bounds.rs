//! How much is read.

use imagereview_files::{MAX_FILE_BYTES, MAX_FOLDER_FILES, MAX_TOTAL_BYTES, PolicyPaths};

use crate::fixture::{Folder, document};

/// A document of this length.
fn padded(name: &str, len: usize) -> String {
    let document = document(name);
    let comment = "x".repeat(len - document.len() - 2);
    format!("{document}#{comment}\n")
}

/// Each limit is what the core takes at most, so that no policy is refused that could be compiled.
#[test]
fn a_file_of_the_largest_size_is_read_and_compiled() {
    let folder = Folder::new();
    folder.write("a", padded("a", MAX_FILE_BYTES));
    assert_eq!(folder.load(&["a"]).unwrap(), "a");

    folder.write("a", padded("a", MAX_FILE_BYTES + 1));
    assert_eq!(
        folder.error(&["a"]),
        "the policy /a has more than 4194304 bytes; check that it is a policy, and split it into several files"
    );
}

#[test]
fn all_files_together_have_a_limit() {
    const FILES: usize = MAX_TOTAL_BYTES / MAX_FILE_BYTES;
    let folder = Folder::new();
    let names: Vec<String> = (0..FILES).map(|number| format!("p{number}")).collect();
    for name in &names {
        let path = format!("policies/{name}.yaml");
        folder.write(&path, padded(name, MAX_FILE_BYTES));
    }
    let paths = PolicyPaths::open([folder.path("policies")]).unwrap();
    assert_eq!(paths.read().unwrap().names().count(), FILES);

    folder.write("one-more", "#");
    assert_eq!(
        folder.error(&["policies", "one-more"]),
        "the policies up to /one-more have more than 16777216 bytes together; check that they are all policies, \
         and leave out what is not needed"
    );
}

#[test]
fn a_folder_has_a_largest_number_of_files() {
    let folder = Folder::new();
    for number in 0..MAX_FOLDER_FILES {
        folder.write(
            &format!("{number}.yaml"),
            document(&format!("policy-{number}")),
        );
    }
    folder.write("README.md", "no policy");
    folder.load(&[""]).unwrap();

    folder.write("one-more.yaml", document("one-more"));
    assert_eq!(
        folder.error(&[""]),
        "the policy folder  holds more than 1000 policy files; name the folder of the policies alone, or write \
         several documents into one file"
    );
}
