//! What is neither a file nor a folder is refused where nobody named it. A test here that waits has
//! failed.

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
};

use imagereview_files::PolicyPaths;

use crate::fixture::{Folder, documents};

fn make_pipe(folder: &Folder, name: &str) {
    let status = Command::new("mkfifo").arg(folder.path(name)).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_folder_with_a_pipe_or_device_is_refused_at_once() {
    for (make, kind) in [
        (
            (|folder| make_pipe(folder, "x.yaml")) as fn(&Folder),
            "a pipe",
        ),
        (
            |folder| {
                make_pipe(folder, "pipe");
                symlink("pipe", folder.path("x.yaml")).unwrap();
            },
            "a pipe",
        ),
        (
            |folder| symlink("/dev/zero", folder.path("x.yaml")).unwrap(),
            "a device",
        ),
        (
            |folder| drop(UnixListener::bind(folder.path("x.yaml")).unwrap()),
            "a socket",
        ),
    ] {
        let folder = Folder::of(&[("a.yaml", "a")]);
        make(&folder);
        assert_eq!(
            folder.error(&[""]),
            format!("the policy /x.yaml is {kind}; put a regular file in its place, or remove it")
        );
        fs::remove_file(folder.path("x.yaml")).unwrap();
        assert_eq!(folder.load(&[""]).unwrap(), "a");
    }
}

#[test]
fn a_pipe_without_the_name_of_a_policy_is_skipped() {
    let folder = Folder::of(&[("a.yaml", "a")]);
    make_pipe(&folder, "pipe");
    make_pipe(&folder, ".hidden.yaml");
    assert_eq!(folder.load(&[""]).unwrap(), "a");
}

#[test]
fn a_pipe_in_place_of_a_file_that_was_read_is_not_waited_for() {
    let folder = Folder::of(&[("a.yaml", "a")]);
    let paths = PolicyPaths::open([folder.path("a.yaml")]).unwrap();
    assert_eq!(documents(&paths).unwrap(), "a");
    fs::remove_file(folder.path("a.yaml")).unwrap();
    make_pipe(&folder, "a.yaml");
    let error = paths.read().unwrap_err().to_string();
    assert!(error.contains("a.yaml is a pipe; "), "{error}");
}
