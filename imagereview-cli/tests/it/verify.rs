//! `imagereview verify`, by evidence that cosign made and that was saved.

use std::{fs, path::Path};

use crate::support::run_in;

const FACTS: &str = "../examples/facts/signed-images.json";
const POLICY: &str = "../examples/policies/signed-images.yaml";

/// The name of an image in the file of facts that begins so.
fn image(begin: &str) -> String {
    let facts = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FACTS)).unwrap();
    let lines = facts.lines().map(str::trim);
    let mut names = lines.filter_map(|line| line.strip_prefix("\"image\": \""));
    let name = names.find(|name| name.starts_with(begin)).unwrap();
    name.trim_end_matches("\",").to_owned()
}

/// The status, standard output and standard error of a run with these files.
fn verify(arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    run_in(folder, &[&["verify"], arguments].concat())
}

/// The public key of the example's policy, as a file, and another one.
fn keys(folder: &Path) -> (String, String) {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join(POLICY);
    let policy = fs::read_to_string(policy).unwrap();
    let lines = policy.lines().map(str::trim);
    let key: Vec<&str> = lines
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .take(4)
        .collect();
    let [ours, other] = ["ours.pub", "other.pub"].map(|name| folder.join(name));
    fs::write(&ours, key.join("\n")).unwrap();
    // Source: RFC 8410, section 10.1.
    let ed25519 = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";
    fs::write(&other, ed25519).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    (text(&ours), text(&other))
}

#[test]
fn the_status_says_whether_it_is_verified_or_could_not_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = keys(folder.path());
    let [signed, older, unsigned, sbom, flooded] = [
        "registry.example.com/shop/app@",
        "registry.example.com/shop/older@",
        "registry.example.com/shop/unsigned@",
        "registry.example.com/audited/app@",
        "registry.example.com/shop/flooded@",
    ]
    .map(image);
    let nobody = format!("registry.example.com/nobody@sha256:{}", "7".repeat(64));
    for (arguments, status, expected) in [
        (vec!["--key", &ours, &signed], 0, "  verified"),
        (vec!["--key", &ours, &older], 0, "cosign 2 signature"),
        (
            vec!["--key", &other, "--key", &ours, &signed],
            0,
            "any of 2 authorities",
        ),
        (
            vec!["--key", &other, &signed],
            1,
            "it is not signed with the key sha256:",
        ),
        (vec!["--key", &ours, &unsigned], 1, "no signature was found"),
        (
            vec!["--key", &ours, &sbom],
            1,
            "it is an attestation (https://spdx.dev/Document), not a signature",
        ),
        (
            vec!["--key", &ours, "--predicate-type", "spdx", &sbom],
            0,
            "it is attested as required",
        ),
        (
            vec!["--key", &ours, "--predicate-type", "openvex", &sbom],
            1,
            "its predicate is of type https://spdx.dev/Document",
        ),
        (vec!["--key", &ours, &flooded], 2, "more than 64 signatures"),
        (
            vec!["--key", &ours, &nobody],
            2,
            "its registry was not asked",
        ),
        (
            vec!["--key", &ours, &signed, &unsigned],
            1,
            "no signature was found",
        ),
        (vec!["--key", &ours, "Foo/bar"], 2, "not known"),
        (
            vec!["--policy", POLICY, &signed],
            0,
            "release-key: signed by the key sha256:",
        ),
        (
            vec!["--policy", POLICY, &unsigned],
            1,
            "release-key: no signature was found",
        ),
        (
            vec!["--policy", POLICY, "registry.example.com/shop/app:1"],
            1,
            "it has no digest",
        ),
        // A policy that is about other images verifies nothing.
        (vec!["--policy", POLICY, "nginx:1.27"], 1, "not verified"),
    ] {
        let arguments = [&["--facts", FACTS], &arguments[..]].concat();
        let (found, out, err) = verify(&arguments);
        assert_eq!(found, Some(status), "{arguments:?}: {out}{err}");
        assert!(out.contains(expected), "{arguments:?}: {out}{err}");
    }
}

#[test]
fn what_is_verified_with_must_be_named_and_usable() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, _) = keys(folder.path());
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let private = file(
        "private.pem",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
    );
    let broken = file(
        "broken.pub",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    );
    let gone = folder.path().join("gone.pub");
    let gone = gone.to_str().unwrap();
    for (arguments, expected) in [
        (vec![], "name who must have signed: --key FILE"),
        (vec!["--key", gone], "gone.pub: can't read it"),
        (
            vec!["--key", &private],
            "holds a private key; keep that secret",
        ),
        (vec!["--key", &broken], "public key:"),
        (vec!["--identity", "a@example.com"], "--issuer <URL>"),
        (
            vec!["--key", &ours, "--predicate-type", "sbom"],
            "is neither a URI nor one of slsaProvenance",
        ),
    ] {
        let arguments = [
            &["--facts", FACTS, "registry.example.com/app:1"],
            &arguments[..],
        ]
        .concat();
        let (status, out, err) = verify(&arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {out}{err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
    }
}

#[test]
fn what_was_saved_is_verified_again_and_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, _) = keys(folder.path());
    let signed = image("registry.example.com/shop/app@");
    let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join(FACTS);
    let facts = fs::read_to_string(facts).unwrap();
    // The content that is saved for this image.
    let (others, own) = facts.split_once(&signed).unwrap();
    let (before, content) = own.split_once("\"content\": \"").unwrap();
    let (_, after) = content.split_once('"').unwrap();
    let forged = format!("{others}{signed}{before}\"content\": \"e30=\"{after}");
    let path = folder.path().join("forged.json");
    let saved = folder.path().join("saved.json");
    fs::write(&path, forged).unwrap();
    let [path, saved] = [&path, &saved].map(|path| path.to_str().unwrap());
    let (status, out, _) = verify(&["--facts", path, "--key", &ours, &signed]);
    assert_eq!(status, Some(1), "{out}");
    // What is saved again holds the evidence.
    let arguments = [
        "--facts",
        FACTS,
        "--save-facts",
        saved,
        "--key",
        &ours,
        &signed,
    ];
    assert_eq!(verify(&arguments).0, Some(0));
    let (status, out, _) = verify(&["--facts", saved, "--key", &ours, &signed]);
    assert_eq!(status, Some(0), "{out}");
}
