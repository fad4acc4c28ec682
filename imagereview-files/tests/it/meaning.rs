//! What a path means.

use std::{
    fs,
    path::{Path, PathBuf},
};

use imagereview_files::PolicyPaths;

use crate::fixture::{Folder, document, documents};

#[test]
fn files_and_folders_are_read_in_the_order_in_which_they_are_named() {
    let folder = Folder::of(&[
        ("first/b.yml", "b"),
        ("first/a.yaml", "a"),
        ("first/c.json", "c"),
        ("second/a.yaml", "d"),
        ("no ending", "e"),
        (".hidden.yaml", "f"),
        ("x_test.yaml", "g"),
    ]);
    for (names, expected) in [
        (
            &["first"][..],
            &["first/a.yaml", "first/b.yml", "first/c.json"][..],
        ),
        (
            &["second", "first"],
            &[
                "second/a.yaml",
                "first/a.yaml",
                "first/b.yml",
                "first/c.json",
            ],
        ),
        (
            &["first/c.json", "first/a.yaml"],
            &["first/c.json", "first/a.yaml"],
        ),
        (&["no ending", "second"], &["no ending", "second/a.yaml"]),
        // What a folder skips can be named.
        (
            &[".hidden.yaml", "x_test.yaml"],
            &[".hidden.yaml", "x_test.yaml"],
        ),
    ] {
        let paths = PolicyPaths::open(names.iter().map(|name| folder.path(name))).unwrap();
        let texts = paths.read().unwrap();
        let read = texts.names().map(PathBuf::from);
        assert!(
            read.eq(expected.iter().map(|name| folder.path(name))),
            "{names:?}: {texts:?}"
        );
        texts.compile().unwrap();
    }
}

#[test]
fn a_folder_skips_what_is_no_policy() {
    let folder = Folder::of(&[("a.yaml", "a")]);
    for name in [
        ".hidden.yaml",
        "a_test.yaml",
        "README.md",
        "a.yaml~",
        "a.yaml.swp",
        "a.txt",
        "yaml",
        "below.yaml/b.yaml",
    ] {
        folder.write(name, "no policy");
    }
    assert_eq!(folder.load(&[""]).unwrap(), "a");
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_unicode_leaves_no_policy_out() {
    use std::os::unix::ffi::OsStrExt;

    let folder = Folder::of(&[("a.yaml", "a")]);
    let name = std::ffi::OsStr::from_bytes(b"\xff.yaml");
    fs::write(folder.path("").join(name), document("b")).unwrap();
    assert_eq!(folder.load(&[""]).unwrap(), "a,b");
}

/// As the kubelet mounts one: each file is a link into `..data`, and that to the newest version.
#[cfg(unix)]
#[test]
fn a_mounted_config_map_is_read_through_its_links() {
    use std::os::unix::fs::symlink;

    let folder = Folder::of(&[("..1/a.yaml", "a"), ("..2/a.yaml", "b")]);
    symlink("..1", folder.path("..data")).unwrap();
    symlink("..data/a.yaml", folder.path("a.yaml")).unwrap();
    let paths = PolicyPaths::open([folder.path("")]).unwrap();
    assert_eq!(documents(&paths).unwrap(), "a");

    symlink("..2", folder.path("..data_tmp")).unwrap();
    fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
    assert_eq!(documents(&paths).unwrap(), "b");
}

#[test]
fn each_reading_finds_what_is_there_now() {
    let folder = Folder::of(&[("file", "a"), ("folder/b.yaml", "b")]);
    let named = [folder.path("file"), folder.path("folder")];
    let paths = PolicyPaths::open(named.clone()).unwrap();
    assert!(paths.lasting().eq(named.iter().map(AsRef::<Path>::as_ref)));
    let first = paths.read().unwrap();
    assert_eq!(first, paths.read().unwrap());

    folder.write("file", document("c"));
    folder.write("folder/d.yaml", document("d"));
    assert_ne!(first, paths.read().unwrap());
    assert_eq!(documents(&paths).unwrap(), "b,c,d");

    fs::remove_file(folder.path("file")).unwrap();
    assert!(paths.read().is_err());
    folder.write("file", document("a"));
    fs::remove_file(folder.path("folder/d.yaml")).unwrap();
    assert_eq!(first, paths.read().unwrap());
}

#[test]
fn the_mark_that_some_editors_write_first_is_no_mistake() {
    let folder = Folder::new();
    folder.write("a.yaml", format!("\u{feff}{}", document("a")));
    folder.write(
        "b.json",
        "\u{feff}{\"apiVersion\":\"imagereview/v1alpha1\",\"kind\":\"ImagePolicy\",\
         \"metadata\":{\"name\":\"b\"},\"rules\":[{\"name\":\"x\",\"digest\":{}}]}",
    );
    assert_eq!(folder.load(&[""]).unwrap(), "a,b");
}

#[test]
fn what_cannot_be_read_is_named_with_what_to_do() {
    let folder = Folder::of(&[("a.yaml", "a"), ("folder/b.yaml", "b")]);
    fs::create_dir(folder.path("empty")).unwrap();
    folder.write("tests/a_test.yaml", "no policy");
    folder.write("utf-16", b"\xff\xfea\0");
    folder.write("latin-1", b"# a\n# \xfc\n");
    for (names, expected) in [
        (
            &["a.yaml", "missing"][..],
            "cannot read the policy /missing: No such file or directory (os error 2); check the path, and \
             where a symbolic link leads; it must be a file or folder of policy documents",
        ),
        (
            &["empty"],
            "the policy folder /empty holds no file whose name ends in .yaml, .yml or .json; put a policy \
             document into it, or name another folder (hidden files, tests and the folders in it are skipped)",
        ),
        (
            &["tests"],
            "the policy folder /tests holds no file whose name ends in .yaml, .yml or .json; put a policy \
             document into it, or name another folder (hidden files, tests and the folders in it are skipped)",
        ),
        (
            &["utf-16"],
            "the policy /utf-16 is UTF-16 text; save it as UTF-8",
        ),
        (
            &["latin-1"],
            "the policy /latin-1 is not UTF-8 text in line 2; save it as UTF-8",
        ),
        (
            &["folder", "folder/b.yaml"],
            "the policy /folder/b.yaml is named twice; name it once, by itself or by its folder",
        ),
        (
            &["a.yaml", "folder", "a.yaml"],
            "the policy /a.yaml is named twice; name it once, by itself or by its folder",
        ),
    ] {
        assert_eq!(folder.error(names), expected, "{names:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_not_skipped() {
    let folder = Folder::of(&[("a.yaml", "a")]);
    std::os::unix::fs::symlink("nowhere", folder.path("b.yaml")).unwrap();
    let error = folder.error(&[""]);
    assert!(
        error.starts_with("cannot read the policy /b.yaml: "),
        "{error}"
    );
}

#[test]
fn what_lies_beside_a_policy_is_read_with_it() {
    let signed = document("signed").replace(
        "rules:",
        "rules:\n  - {name: ours, signed: {by: {key: {file: cosign.pub}}}}",
    );
    let key = |content: &str| {
        format!("-----BEGIN PUBLIC KEY-----\n{content}\n-----END PUBLIC KEY-----\n")
    };
    let folder = Folder::new();
    folder.write("signed.yaml", signed);
    folder.write("cosign.pub", key("A"));
    // By itself and by its folder, in which trusted roots are no policies.
    folder.write("trusted_root.json", "{}");
    for path in [folder.path("signed.yaml"), folder.path("")] {
        let paths = PolicyPaths::open([path]).unwrap();
        let before = paths.read().unwrap();
        let policy = before.compile().unwrap();
        assert_eq!(policy.trusts().count(), 1);
        // Another key is another policy.
        folder.write("cosign.pub", key("B"));
        let after = paths.read().unwrap();
        assert_ne!(before, after);
        assert_ne!(policy.identity(), after.compile().unwrap().identity());
        folder.write("cosign.pub", key("A"));
    }
    let paths = PolicyPaths::open([folder.path("signed.yaml")]).unwrap();
    fs::remove_file(folder.path("cosign.pub")).unwrap();
    let errors = paths.read().unwrap().compile().unwrap_err().to_string();
    assert!(
        errors.contains("the file \"cosign.pub\" can't be read: "),
        "{errors}"
    );
    folder.write("cosign.pub", [0xff, 0xfe]);
    let errors = paths.read().unwrap().compile().unwrap_err().to_string();
    assert!(errors.contains("it is not UTF-8 text"), "{errors}");
}
