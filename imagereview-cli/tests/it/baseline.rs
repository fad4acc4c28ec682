//! Baselines that are updated, and pruned, in part.

use std::{fs, path::Path};

use crate::support::{POD, Run, json, run_in};

fn review(folder: &Path, arguments: &[&str]) -> Run {
    run_in(
        folder,
        &[&["review", "--baseline=base.json"], arguments].concat(),
    )
}

/// The files of the findings that a baseline accepts.
fn accepted(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("base.json")).unwrap();
    let baseline = json(&text);
    let findings = baseline["accepted"].as_array().unwrap().iter();
    findings
        .map(|finding| {
            format!(
                "{} {}",
                finding["file"].as_str().unwrap(),
                finding["image"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn a_part_that_is_updated_keeps_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |name: &str, image: &str| {
        fs::write(folder.join(name), POD.replace("nginx", image)).unwrap();
    };
    for name in ["a.yaml", "b.yaml", "c.yaml"] {
        write(name, "nginx");
    }
    assert_eq!(review(folder, &["--update-baseline", "."]).0, Some(0));
    assert_eq!(
        accepted(folder),
        ["a.yaml nginx", "b.yaml nginx", "c.yaml nginx"]
    );

    write("a.yaml", "redis");
    let (status, _, stderr) = review(folder, &["--update-baseline", "a.yaml"]);
    assert_eq!(
        (status, &*stderr),
        (Some(0), "imagereview: base.json now accepts 3 findings\n")
    );
    assert_eq!(
        accepted(folder),
        ["a.yaml redis", "b.yaml nginx", "c.yaml nginx"]
    );

    // A file that can't be read whole keeps what is accepted of it.
    fs::write(folder.join("b.yaml"), "kind: [\n").unwrap();
    assert_eq!(review(folder, &["--update-baseline", "."]).0, Some(2));
    assert_eq!(
        accepted(folder),
        ["a.yaml redis", "b.yaml nginx", "c.yaml nginx"]
    );
}

#[test]
fn findings_that_are_no_more_are_named_and_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["a.yaml", "b.yaml", "c.yaml"] {
        fs::write(folder.join(name), POD).unwrap();
    }
    assert_eq!(review(folder, &["--update-baseline", "."]).0, Some(0));
    fs::write(folder.join("a.yaml"), POD.replace("nginx", "nginx:1")).unwrap();
    fs::remove_file(folder.join("b.yaml")).unwrap();

    // That of c.yaml may still be there.
    let (status, _, stderr) = review(folder, &["a.yaml"]);
    assert_eq!(status, Some(0), "{stderr}");
    let told = "imagereview: no longer found: 2 findings of base.json; --prune-baseline takes them out\n\
                imagereview:   a.yaml: Pod web: nginx (no-latest-tag)\n\
                imagereview:   b.yaml: Pod web: nginx (no-latest-tag)\n";
    assert_eq!(stderr, told);

    // A new finding is not accepted by that.
    fs::write(folder.join("d.yaml"), POD).unwrap();
    let (status, _, stderr) = review(folder, &["--prune-baseline", "."]);
    assert_eq!(
        (status, &*stderr),
        (
            Some(1),
            "imagereview: 2 findings taken out of base.json\nimagereview: base.json now accepts 1 finding\n"
        )
    );
    assert_eq!(accepted(folder), ["c.yaml nginx"]);
    assert_eq!(
        review(folder, &["c.yaml"]),
        (Some(0), review(folder, &["c.yaml"]).1, String::new())
    );

    let (status, _, stderr) = run_in(folder, &["review", "--prune-baseline", "."]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("name its file with --baseline"), "{stderr}");
}
