//! What can be read only once.

use std::{
    fs::File,
    io::{self, PipeWriter, Write},
    os::fd::AsRawFd,
    path::PathBuf,
    thread,
};

use imagereview_files::{MAX_FILE_BYTES, PolicyPaths};

use crate::fixture::{Folder, document, documents};

/// A pipe that has a path, as a shell's `<(command)` has, and the end to write to.
fn pipe() -> (io::PipeReader, PathBuf, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
    (reader, path, writer)
}

#[test]
fn a_pipe_is_read_once_and_given_each_time() {
    let folder = Folder::of(&[("b.yaml", "b")]);
    let (_reader, path, mut writer) = pipe();
    writer.write_all(document("a").as_bytes()).unwrap();
    drop(writer);
    let paths = PolicyPaths::open([path, folder.path("b.yaml")]).unwrap();
    // A file changes, and the pipe is as it was.
    for name in ["b", "c"] {
        folder.write("b.yaml", document(name));
        assert_eq!(documents(&paths).unwrap(), format!("a,{name}"));
        assert_eq!(documents(&paths.clone()).unwrap(), format!("a,{name}"));
    }
    assert!(paths.lasting().eq([folder.path("b.yaml")]));
}

#[test]
fn a_pipe_is_waited_for_and_read_to_its_end() {
    let (_reader, path, mut writer) = pipe();
    let text = document("a");
    let writing = thread::spawn(move || {
        for byte in text.as_bytes() {
            writer.write_all(&[*byte]).unwrap();
            thread::yield_now();
        }
    });
    let paths = PolicyPaths::open([path]).unwrap();
    writing.join().unwrap();
    assert_eq!(documents(&paths).unwrap(), "a");
}

#[test]
fn a_stream_without_an_end_is_read_to_the_limit() {
    let (reader, path, mut writer) = pipe();
    let writing = thread::spawn(move || {
        let line = [b'#'; 4096];
        let mut written = 0;
        while writer.write_all(&line).is_ok() {
            written += line.len();
        }
        written
    });
    let error = PolicyPaths::open([path.clone()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the policy {} has more than 4194304 bytes; check that it is a policy, and split it into several files",
            path.display()
        )
    );
    drop(reader);
    assert!(writing.join().unwrap() >= MAX_FILE_BYTES);

    let error = PolicyPaths::open(["/dev/zero"]).unwrap_err().to_string();
    assert!(
        error.starts_with("the policy /dev/zero has more"),
        "{error}"
    );
}

#[test]
fn a_pipe_that_is_named_twice_is_no_empty_policy() {
    let (_reader, path, mut writer) = pipe();
    writer.write_all(document("a").as_bytes()).unwrap();
    drop(writer);
    let paths = PolicyPaths::open([&path, &path]).unwrap();
    let error = paths.read().unwrap_err().to_string();
    assert!(error.contains("is named twice"), "{error}");
}

/// `--policy /dev/stdin < policy.yaml`: a path of that kind may lead to a file, which can be read again.
#[test]
fn a_path_that_leads_to_an_open_file_is_one_of_a_file() {
    let folder = Folder::of(&[("a.yaml", "a")]);
    let file = File::open(folder.path("a.yaml")).unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", file.as_raw_fd()));
    let paths = PolicyPaths::open([path]).unwrap();
    assert_eq!(documents(&paths).unwrap(), "a");
    folder.write("a.yaml", document("b"));
    assert_eq!(documents(&paths).unwrap(), "b");
}
