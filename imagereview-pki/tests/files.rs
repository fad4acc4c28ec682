//! A set of files is written all together or not at all.

use std::fs;
use std::path::Path;

use imagereview_pki::files::{FilesError, NewFile, Overwrite, Secrecy, write_all};

fn file(folder: &Path, name: &str, contents: &str) -> NewFile {
    NewFile::new(folder.join(name), contents, Secrecy::Public)
}

/// Everything in the folder: name and contents (or where a symbolic link points), in order.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let kind = entry.file_type().unwrap();
            let contents = if kind.is_symlink() {
                format!("-> {}", fs::read_link(entry.path()).unwrap().display())
            } else if kind.is_dir() {
                "a folder".to_owned()
            } else {
                fs::read_to_string(entry.path()).unwrap()
            };
            (name, contents)
        })
        .collect();
    entries.sort();
    entries
}

fn entries(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries
        .iter()
        .map(|(name, contents)| ((*name).to_owned(), (*contents).to_owned()))
        .collect()
}

#[test]
fn files_are_written_into_folders_that_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("a/b");
    write_all(
        &[file(&new, "one", "1"), file(&new, "two", "2")],
        Overwrite::Refuse,
    )
    .unwrap();
    assert_eq!(contents(&new), entries(&[("one", "1"), ("two", "2")]));
}

#[test]
fn a_file_that_exists_stops_all_and_every_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("two"), "kept").unwrap();
    fs::write(folder.join("three"), "kept").unwrap();
    let files = ["one", "two", "three"].map(|name| file(folder, name, "new"));
    let error = write_all(&files, Overwrite::Refuse).unwrap_err();
    match &error {
        FilesError::Exist { paths } => {
            assert_eq!(*paths, [folder.join("two"), folder.join("three")]);
        }
        other => panic!("{other}"),
    }
    let message = error.to_string();
    assert!(message.contains("two") && message.contains("three") && !message.contains("one"));
    assert_eq!(
        contents(folder),
        entries(&[("three", "kept"), ("two", "kept")])
    );
}

#[test]
fn replacing_leaves_the_new_files_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("one"), "old").unwrap();
    fs::write(folder.join("other"), "kept").unwrap();
    let files = ["one", "two"].map(|name| file(folder, name, "new"));
    write_all(&files, Overwrite::Replace).unwrap();
    assert_eq!(
        contents(folder),
        entries(&[("one", "new"), ("other", "kept"), ("two", "new")])
    );
}

#[test]
fn a_folder_in_a_files_place_leaves_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("one"), "old").unwrap();
    fs::create_dir(folder.join("two")).unwrap();
    let files = ["one", "two"].map(|name| file(folder, name, "new"));
    for overwrite in [Overwrite::Refuse, Overwrite::Replace] {
        let error = write_all(&files, overwrite).unwrap_err();
        assert!(
            matches!(&error, FilesError::Folder { path } if *path == folder.join("two")),
            "{overwrite:?}: {error}"
        );
        assert_eq!(
            contents(folder),
            entries(&[("one", "old"), ("two", "a folder")])
        );
    }
}

#[test]
fn an_error_in_the_midst_of_the_moves_puts_back_what_was_moved() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Each set fails at its last file only when the first ones are in place already.
    fs::write(folder.join("one"), "old").unwrap();
    let refused = [file(folder, "new", "1"), file(folder, "new", "2")];
    let error = write_all(&refused, Overwrite::Refuse).unwrap_err();
    assert!(matches!(error, FilesError::Exist { .. }), "{error}");
    assert_eq!(contents(folder), entries(&[("one", "old")]));

    let under_a_file = [
        file(folder, "one", "new"),
        file(folder, "two", "new"),
        file(&folder.join("two"), "three", "new"),
    ];
    let error = write_all(&under_a_file, Overwrite::Replace).unwrap_err();
    assert!(matches!(error, FilesError::Io { .. }), "{error}");
    fs::remove_dir(folder.join("two")).unwrap();
    assert_eq!(contents(folder), entries(&[("one", "old")]));
}

#[test]
fn debug_shows_no_contents() {
    let file = NewFile::new("server.key", "secret words", Secrecy::Secret);
    let shown = format!("{file:?}");
    assert!(shown.contains("server.key"), "{shown}");
    assert!(!shown.contains("secret words"), "{shown}");
    let bytes = format!("{:?}", b"secret words");
    assert!(!shown.contains(&bytes), "{shown}");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn keys_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        // What a plain file gets tells the umask.
        fs::write(folder.path().join("probe"), "").unwrap();
        let unmasked = mode(&folder.path().join("probe"));

        let new = folder.path().join("new");
        let files = [
            NewFile::new(new.join("server.key"), "k", Secrecy::Secret),
            NewFile::new(new.join("server.crt"), "c", Secrecy::Public),
        ];
        write_all(&files, Overwrite::Refuse).unwrap();
        assert_eq!(mode(&new), 0o700);
        assert_eq!(mode(&new.join("server.key")), 0o600);
        assert_eq!(mode(&new.join("server.crt")), 0o644 & unmasked);

        // A key whose mode somebody widened is not replaced into the wide mode.
        fs::set_permissions(new.join("server.key"), fs::Permissions::from_mode(0o644)).unwrap();
        write_all(&files, Overwrite::Replace).unwrap();
        assert_eq!(mode(&new.join("server.key")), 0o600);
    }

    #[test]
    fn a_link_is_refused_or_replaced_and_never_followed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("target"), "untouched").unwrap();
        symlink("target", folder.join("link")).unwrap();
        symlink("nowhere", folder.join("dangling")).unwrap();
        let files = ["link", "dangling"].map(|name| file(folder, name, "new"));

        let before = contents(folder);
        let error = write_all(&files, Overwrite::Refuse).unwrap_err();
        assert!(
            matches!(&error, FilesError::Exist { paths } if paths.len() == 2),
            "{error}"
        );
        assert_eq!(contents(folder), before);

        write_all(&files, Overwrite::Replace).unwrap();
        assert_eq!(
            contents(folder),
            entries(&[
                ("dangling", "new"),
                ("link", "new"),
                ("target", "untouched")
            ])
        );
    }

    #[test]
    fn a_reader_that_has_the_earlier_file_open_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one");
        fs::write(&path, "old").unwrap();
        let earlier = fs::metadata(&path).unwrap().ino();
        let open = fs::File::open(&path).unwrap();
        write_all(&[file(folder.path(), "one", "new")], Overwrite::Replace).unwrap();
        assert_ne!(fs::metadata(&path).unwrap().ino(), earlier);
        assert_eq!(std::io::read_to_string(open).unwrap(), "old");
    }
}
