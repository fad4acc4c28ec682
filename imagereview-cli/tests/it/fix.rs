//! `imagereview review --fix` and `--diff` as a program runs them.

use std::{fs, path::Path};

use crate::support::{Run, imagereview, texts};

const POLICY: &str = "\
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: mirrored}
mutations:
  mirrors: [{from: docker.io/**, to: m.example.com/**}]
  pullPolicies: [{tags: [latest], policy: Always}]
rules:
- {name: mirrored, repositories: {allow: [m.example.com/**]}}
";

/// Pods with these images, a document each. Windows wrote them.
fn pods(images: &[&str]) -> String {
    let pod = |image: &&str| {
        format!(
            "---\r\n# one\r\napiVersion: v1\r\nkind: Pod\r\nspec:\r\n  containers:\r\n  - image: {image}  # c\r\n"
        )
    };
    images.iter().map(pod).collect::<Vec<_>>().concat()
}

/// Runs it in a folder with the policy; the status, standard output and standard error.
fn review(folder: &Path, arguments: &[&str], stdin: &str) -> Run {
    fs::write(folder.join("policy"), POLICY).unwrap();
    let mut command = imagereview(&["review", "--policy=policy"]);
    command.current_dir(folder).args(arguments);
    let mut command = assert_cmd::Command::from_std(command);
    texts(command.write_stdin(stdin).output().unwrap())
}

/// What goes on to `kubectl apply -f -` is all fixed and allowed, or nothing.
#[test]
fn standard_input_goes_on_only_if_all_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let all_well = pods(&["nginx:1", "m.example.com/x:1"]);
    let fixed = pods(&["m.example.com/library/nginx:1", "m.example.com/x:1"]);
    for (stdin, status, stdout, said) in [
        (
            &*all_well,
            0,
            &*fixed,
            "2 images in 2 documents of 1 file: 0 denied",
        ),
        (&fixed, 0, &fixed, "0 denied"),
        ("a: 1\n", 0, "a: 1\n", "1 document without images skipped"),
        (&pods(&["nginx:1", "quay.io/x:1"]), 1, "", "1 denied"),
        (
            &pods(&["\"nginx\\\r\n      :1\""]),
            2,
            "",
            "<stdin>:7:12: image must become",
        ),
        (&pods(&["nginx:1", "{"]), 2, "", "<stdin>:"),
        (
            &pods(&["nginx:1", "'{{ .image }}'"]),
            2,
            "",
            "<stdin>:14:12: this is a template",
        ),
        ("", 2, "", "the input is empty"),
    ] {
        for arguments in [&["--fix", "-"][..], &["--fix", "--format=human"]] {
            let (found, text, told) = review(folder.path(), arguments, stdin);
            assert_eq!((found, &*text), (Some(status), stdout), "{stdin}\n{told}");
            assert!(told.contains(said), "{told}");
            let is_told_of = told.contains("nothing is written to standard output");
            assert_eq!(is_told_of, status != 0 && !stdin.is_empty(), "{told}");
        }
        let (_, diff, _) = review(folder.path(), &["--diff"], stdin);
        let changes = stdout.is_empty() || stdout != stdin;
        assert!(changes || diff.is_empty(), "{diff}");
    }
}

#[test]
fn what_is_found_after_a_fix_is_where_the_new_text_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pods.yaml");
    fs::write(&file, pods(&["nginx", "quay.io/x:1"])).unwrap();
    let arguments = ["--fix", "--format=github", "pods.yaml"];
    let (status, stdout, stderr) = review(folder.path(), &arguments, "");
    assert_eq!(status, Some(1), "{stderr}");
    assert_eq!(
        stderr,
        "imagereview: pods.yaml:7:12: image: nginx -> m.example.com/library/nginx\n\
         imagereview: pods.yaml:8:5: imagePullPolicy: Always (added)\n"
    );
    let begin = "::error file=pods.yaml,line=15,col=12,";
    assert!(stdout.starts_with(begin), "{stdout}");
    let line = "m.example.com/library/nginx  # c\r\n    imagePullPolicy: Always";
    let expected = pods(&["nginx", "quay.io/x:1"]).replacen("nginx  # c", line, 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
}

/// Nothing is said of a file that is not as it should have become.
#[test]
fn a_file_that_cannot_be_written_is_not_reviewed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pods.yaml");
    let text = pods(&["nginx:1"]);
    fs::write(&file, &text).unwrap();
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    let (status, stdout, stderr) = review(folder.path(), &["--fix", "pods.yaml"], "");
    assert_eq!(status, Some(2), "{stderr}");
    assert_eq!(
        stderr,
        "imagereview: pods.yaml: can't write it: the file is read-only\n"
    );
    assert!(stdout.starts_with("0 images in 0 documents"), "{stdout}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // Where there is nothing to write, that is no matter.
    let (status, ..) = review(folder.path(), &["--diff", "pods.yaml"], "");
    assert_eq!(status, Some(1));
}

#[test]
fn a_diff_alone_goes_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), pods(&["nginx:1"])).unwrap();
    fs::write(folder.path().join("b.yaml"), pods(&["quay.io/x:1"])).unwrap();
    fs::write(folder.path().join("c.yaml"), "kind: {").unwrap();
    fs::write(folder.path().join("with blanks.yaml"), pods(&["nginx:1"])).unwrap();
    let (_, stdout, _) = review(folder.path(), &["--diff", "with blanks.yaml"], "");
    let header = "--- with blanks.yaml\t\n+++ with blanks.yaml\t\n";
    assert!(stdout.starts_with(header), "{stdout}");
    for (arguments, status) in [
        (&["--diff", "a.yaml", "b.yaml"][..], 1),
        (&["--diff", "b.yaml"], 0),
        (&["--diff", "a.yaml", "c.yaml"], 2),
        (&["--diff", "a.yaml", "missing.yaml"], 2),
    ] {
        let (found, stdout, stderr) = review(folder.path(), arguments, "");
        assert_eq!(found, Some(status), "{arguments:?}: {stderr}");
        let diff = "--- a.yaml\n+++ a.yaml\n@@ -4,4 +4,4 @@\n kind: Pod\r\n spec:\r\n   containers:\r\n\
                    -  - image: nginx:1  # c\r\n+  - image: m.example.com/library/nginx:1  # c\r\n";
        let expected = if arguments.contains(&"a.yaml") {
            diff
        } else {
            ""
        };
        assert_eq!(stdout, expected, "{arguments:?}");
        assert_eq!(stderr.is_empty(), status < 2, "{stderr}");
    }
    assert_eq!(
        fs::read_to_string(folder.path().join("a.yaml")).unwrap(),
        pods(&["nginx:1"])
    );
}
