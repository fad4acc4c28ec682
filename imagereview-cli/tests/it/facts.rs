//! Facts in `check`, `review`, `explain`, `policy test` and `policy diff`, of a registry that the test
//! plays.

use std::{fs, net::TcpListener, path::Path};

use tempfile::TempDir;

use crate::{
    resolve::{DIGEST, image, registry},
    support::{Run, imagereview, texts},
};

/// A folder with a policy, and two pods of the registry: `v1` is there and `v2` is not.
fn folder(registry: &str, policy: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pods: Vec<String> = ["v1", "v2"]
        .iter()
        .map(|tag| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {tag}}} # {tag}\nspec:\n  containers:\n  - image: \"{registry}/team/app:{tag}\" # the app\n"
            )
        })
        .collect();
    let policy = format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\n{policy}\n"
    );
    for (name, text) in [
        ("v1.yaml", &pods[0]),
        ("v2.yaml", &pods[1]),
        ("policy.yaml", &policy),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Runs a command without the credentials of whoever runs the test.
fn run(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = imagereview(arguments);
    let command = command.current_dir(folder).env("DOCKER_CONFIG", folder);
    texts(command.output().unwrap())
}

const MAX_AGE: &str = "rules:\n- {name: small, facts: {tags: checkOnly, maxSize: 5000k}}";
const NON_ROOT: &str = "rules:\n- {name: not-root, facts: {tags: checkOnly, nonRoot: true}}";

#[test]
fn registries_are_asked_only_where_that_is_wanted() {
    let host = registry(image()).to_string();
    let folder = folder(&host, NON_ROOT);
    let (v1, v2) = (format!("{host}/team/app:v1"), format!("{host}/team/app:v2"));
    let not_asked = "nobody was asked for; --facts auto asks registries";
    for (arguments, status, stdout, stderr) in [
        (
            &["check", "-ppolicy.yaml", &v1][..],
            1,
            "it can't be known: its registry was not asked",
            not_asked,
        ),
        (
            &["check", "-ppolicy.yaml", "--facts=none", &v1],
            1,
            "it can't be known",
            not_asked,
        ),
        (
            &["check", "-ppolicy.yaml", "--facts=auto", &v1],
            0,
            "allowed",
            "",
        ),
        (
            &["check", "-ppolicy.yaml", "--facts=auto", &v2],
            1,
            "its registry has no such image",
            "",
        ),
        (
            &["review", "-ppolicy.yaml", "v1.yaml"],
            1,
            "it can't be known",
            not_asked,
        ),
        (
            &["review", "-ppolicy.yaml", "--facts=auto", "v1.yaml"],
            0,
            "0 denied",
            "",
        ),
        (
            &[
                "review",
                "-ppolicy.yaml",
                "--facts=auto",
                "v1.yaml",
                "v2.yaml",
            ],
            1,
            "1 denied",
            "",
        ),
        (
            &["explain", "-ppolicy.yaml", "--facts=auto", &v1],
            0,
            "credentials no credentials",
            "",
        ),
        (
            &[
                "policy",
                "diff",
                "--facts=auto",
                "policy.yaml",
                "policy.yaml",
                "v1.yaml",
            ],
            0,
            "0 newly denied",
            "",
        ),
    ] {
        let (found, out, err) = run(folder.path(), arguments);
        assert_eq!(found, Some(status), "{arguments:?}: {out}{err}");
        assert!(out.contains(stdout), "{arguments:?}: {out}");
        assert!(err.contains(stderr), "{arguments:?}: {err}");
        assert_eq!(err.is_empty(), stderr.is_empty(), "{arguments:?}: {err}");
    }
    let explained = run(
        folder.path(),
        &["explain", "-ppolicy.yaml", "--facts=auto", &v1],
    )
    .1;
    assert!(
        explained.contains(&format!("resolved to {DIGEST}")),
        "{explained}"
    );
    assert!(
        explained.contains(&format!("facts       {host} (")),
        "{explained}"
    );
}

#[test]
fn a_policy_without_facts_asks_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let folder = folder(&host, "rules:\n- {name: tags, tags: {deny: [latest]}}");
    let image = format!("{host}/team/app:v1");
    let (status, ..) = run(
        folder.path(),
        &["check", "-ppolicy.yaml", "--facts=auto", &image],
    );
    assert_eq!(status, Some(0));
    let arguments = ["review", "-ppolicy.yaml", "--facts=auto", "v1.yaml"];
    assert_eq!(run(folder.path(), &arguments).0, Some(0));
    assert!(listener.accept().is_err());
}

#[test]
fn a_saved_file_gives_the_same_verdict_without_a_network() {
    let host = registry(image()).to_string();
    let folder = folder(&host, MAX_AGE);
    let path = folder.path();
    let asked = run(
        path,
        &[
            "review",
            "-ppolicy.yaml",
            "--facts=auto",
            "--save-facts=f.json",
            "v1.yaml",
            "v2.yaml",
        ],
    );
    let replayed = run(
        path,
        &[
            "review",
            "-ppolicy.yaml",
            "--facts=f.json",
            "v1.yaml",
            "v2.yaml",
        ],
    );
    assert_eq!(asked.0, Some(1), "{}{}", asked.1, asked.2);
    assert_eq!(asked, replayed);
    assert!(asked.1.contains(&format!("as {host} says")), "{}", asked.1);
    let saved = fs::read_to_string(path.join("f.json")).unwrap();
    assert!(
        saved.contains("\"absent\"") && saved.contains("savedBy\": \"imagereview "),
        "{saved}"
    );

    // An image that is not in it is not known.
    let other = format!("{host}/team/other:v1");
    let (status, out, err) = run(path, &["check", "-ppolicy.yaml", "--facts=f.json", &other]);
    assert_eq!(status, Some(1));
    assert!(out.contains("its registry was not asked"), "{out}");
    assert!(err.contains("about 1 image "), "{err}");

    fs::write(
        path.join("f.json"),
        saved
            .replace("\"nothing\"", "1")
            .replace("\"kind\"", "\"knd\""),
    )
    .unwrap();
    let (status, _, err) = run(path, &["check", "-ppolicy.yaml", "--facts=f.json", &other]);
    assert_eq!(status, Some(2));
    assert!(err.contains("f.json: line 3, column "), "{err}");
    let (status, _, err) = run(path, &["check", "-ppolicy.yaml", "--facts=no.json", &other]);
    assert_eq!(status, Some(2));
    assert!(err.contains("no.json: can't read it: "), "{err}");
}

#[test]
fn tests_of_a_policy_take_facts_from_a_file_or_from_registries() {
    let host = registry(image()).to_string();
    let folder = folder(&host, NON_ROOT);
    let path = folder.path();
    let image = format!("{host}/team/app:v1");
    let cases = format!("tests:\n- {{name: a, images: ['{image}'], expect: allowed}}\n");
    fs::write(
        path.join("a_test.yaml"),
        format!("policy: policy.yaml\n{cases}"),
    )
    .unwrap();
    assert_eq!(run(path, &["policy", "test", "a_test.yaml"]).0, Some(1));
    let asked = run(
        path,
        &[
            "policy",
            "test",
            "--facts=auto",
            "--save-facts=f.json",
            "a_test.yaml",
        ],
    );
    assert_eq!(asked.0, Some(0), "{}{}", asked.1, asked.2);
    fs::write(
        path.join("a_test.yaml"),
        format!("policy: policy.yaml\nfacts: f.json\n{cases}"),
    )
    .unwrap();
    assert_eq!(run(path, &["policy", "test", "a_test.yaml"]).0, Some(0));
}

#[test]
fn images_are_pinned_in_manifests_compose_files_and_dockerfiles() {
    let host = registry(image()).to_string();
    let policy = "mutations:\n  pinDigests: [{repositories: '**', kinds: ['*']}]\nrules:\n- {name: pinned, digest: {}}\n- {name: not-root, facts: {nonRoot: true}}";
    let folder = folder(&host, policy);
    let path = folder.path();
    let v1 = format!("{host}/team/app:v1");
    let pinned = format!("{v1}@{DIGEST}");
    let files = [
        ("v1.yaml", fs::read_to_string(path.join("v1.yaml")).unwrap()),
        (
            "compose.yaml",
            format!(
                "services:\r\n  web: # it\r\n    image: '{v1}' # one\r\n  log: {{image: {v1}, volumes: [{{type: image, source: {v1}}}]}}\r\n"
            ),
        ),
        (
            "Dockerfile",
            format!(
                "# {v1}\nFROM --platform=linux/amd64 {v1} AS build\nFROM build\nCOPY --from={v1} \\\n  /a /b\nRUN echo {v1}\n"
            ),
        ),
    ];
    for (name, text) in &files {
        fs::write(path.join(name), text).unwrap();
    }
    let expected = |name: &str, text: &str| match name {
        // A comment, and what a program is given, are no images of the builder's.
        "Dockerfile" => text
            .replace(&format!("{v1} AS"), &format!("{pinned} AS"))
            .replace(&format!("--from={v1}"), &format!("--from={pinned}")),
        _ => text.replace(&v1, &pinned),
    };
    let review = |option: &str| {
        let names = ["v1.yaml", "compose.yaml", "Dockerfile"];
        let arguments = ["review", "-ppolicy.yaml", "--facts=auto", option];
        run(path, &[&arguments[..], &names].concat())
    };
    let (status, diff, err) = review("--diff");
    assert_eq!(status, Some(1), "{diff}{err}");
    for name in ["v1.yaml", "compose.yaml", "Dockerfile"] {
        assert!(diff.contains(&format!("+++ {name}")), "{diff}");
    }
    assert_eq!(diff.matches(&pinned).count(), 6, "{diff}");

    let (status, out, err) = review("--fix");
    assert_eq!(status, Some(0), "{out}{err}");
    for (name, text) in &files {
        let found = fs::read_to_string(path.join(name)).unwrap();
        assert_eq!(found, expected(name, text), "{name}");
    }
    // There is nothing more to do.
    let (status, diff, err) = review("--diff");
    assert_eq!((status, &*diff, &*err), (Some(0), "", ""));
}

#[test]
fn an_image_of_a_variable_is_left_and_reported() {
    let host = registry(image()).to_string();
    let policy = "mutations:\n  pinDigests: [{repositories: '**', kinds: [Compose, Dockerfile]}]\nrules:\n- {name: few, maxImages: 9}";
    let folder = folder(&host, policy);
    let path = folder.path();
    let dockerfile = format!("ARG BASE={host}/team/app:v1\nFROM $BASE\n");
    let compose = format!("services: {{web: {{image: '{host}/team/app:${{TAG:-v1}}'}}}}\n");
    for (name, text, line) in [
        ("Dockerfile", dockerfile, ":2:6: FROM"),
        ("compose.yaml", compose, ":1:25: image"),
    ] {
        fs::write(path.join(name), &text).unwrap();
        let (status, out, err) = run(
            path,
            &["review", "-ppolicy.yaml", "--facts=auto", "--fix", name],
        );
        assert_eq!(status, Some(2), "{out}{err}");
        let expected = format!(
            "{name}{line} must become {host}/team/app:v1@{DIGEST}, but the image comes from a variable"
        );
        assert!(err.contains(&expected), "{err}");
        assert_eq!(fs::read_to_string(path.join(name)).unwrap(), text);
    }
    // Pods are of another kind.
    let (_, diff, _) = run(
        path,
        &[
            "review",
            "-ppolicy.yaml",
            "--facts=auto",
            "--diff",
            "v1.yaml",
        ],
    );
    assert_eq!(diff, "");
}

#[test]
fn the_inventory_has_digests_and_ages_and_tells_which_tags_moved() {
    let host = registry(image()).to_string();
    let folder = folder(&host, NON_ROOT);
    let path = folder.path();
    let plain = run(path, &["inventory", "v1.yaml"]);
    assert_eq!(plain.0, Some(0));
    assert!(!plain.1.contains("sha256:"), "{}", plain.1);

    let saved = run(
        path,
        &["inventory", "--resolve", "--save-facts=f.json", "v1.yaml"],
    );
    let expected = format!("\n  v1\n    {DIGEST}  created 2026-11-01T12:00:00Z");
    assert!(saved.1.contains(&expected), "{}", saved.1);
    assert_eq!((saved.0, &*saved.2), (Some(0), ""));

    let moved_since = ["inventory", "--resolve", "--moved-since=f.json", "v1.yaml"];
    let same = run(path, &moved_since);
    assert!(!same.1.contains("moved"), "{}", same.1);
    let before = DIGEST.replace("5be196df", "00000000");
    let text = fs::read_to_string(path.join("f.json")).unwrap();
    fs::write(path.join("f.json"), text.replace(DIGEST, &before)).unwrap();
    let moved = run(path, &moved_since);
    assert!(
        moved.1.contains(&format!("    moved: it was {before}\n")),
        "{}",
        moved.1
    );

    let csv = run(path, &[&moved_since[..], &["--format=csv"]].concat()).1;
    let (head, row) = csv.split_once('\n').unwrap();
    assert!(
        head.ends_with(",path,resolvedDigest,created,movedFrom"),
        "{head}"
    );
    let expected = format!(",{DIGEST},2026-11-01T12:00:00Z,{before}\n");
    assert!(row.ends_with(&expected), "{row}");

    // What is not there is reported, and the others are listed all the same.
    let (status, out, err) = run(path, &["inventory", "--resolve", "v1.yaml", "v2.yaml"]);
    assert_eq!(status, Some(2), "{out}{err}");
    assert!(
        out.contains(DIGEST) && out.contains("  v2\n    not known\n"),
        "{out}"
    );
    assert!(
        err.contains("/team/app:v2: its registry has no such image"),
        "{err}"
    );
}
