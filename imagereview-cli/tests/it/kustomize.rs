//! Kustomizations: what they say hides nothing, and what they build is reviewed where that is asked for.

use std::{fs, path::Path};

use crate::support::{imagereview, run_in, texts};

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n";

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A base, and an overlay that has another image and patches.
fn fill(folder: &Path) {
    write(
        folder,
        "base/kustomization.yaml",
        "resources: [deploy.yaml]\n",
    );
    write(
        folder,
        "base/deploy.yaml",
        &format!("{DEPLOYMENT}        image: app:1\n"),
    );
    let head =
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../base]\n";
    write(
        folder,
        "prod/kustomization.yaml",
        &format!(
            "{head}images:\n- name: app\n  newName: r.example.com/app\n  newTag: latest\npatches:\n- path: patch.yaml\n"
        ),
    );
    write(
        folder,
        "prod/patch.yaml",
        &format!("{DEPLOYMENT}        tty: true\n"),
    );
}

#[test]
fn the_images_of_a_kustomization_are_reviewed_and_its_patches_need_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fill(folder);
    let (status, stdout, stderr) = run_in(folder, &["review", "--format=table", "."]);
    assert_eq!(status, Some(1), "{stdout}{stderr}");
    assert_eq!(stderr, "");
    assert!(stdout.contains("r.example.com/app:latest"), "{stdout}");
    assert!(stdout.contains("prod/kustomization.yaml:6:12"), "{stdout}");
    assert!(
        stdout.ends_with(
            "2 images in 3 documents of 4 files: 1 denied; 1 document without images skipped\n"
        ),
        "{stdout}"
    );
    // A hook names the patch alone.
    let (status, stdout, _) = run_in(folder, &["review", "prod/patch.yaml"]);
    assert_eq!(status, Some(0), "{stdout}");
}

/// Whoever may write a kustomization must not hide a manifest with it.
#[test]
fn what_is_listed_as_a_patch_is_reviewed_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(
        folder,
        "deploy.yaml",
        &format!("{DEPLOYMENT}        image: app:latest\n      - name: b\n"),
    );
    for (name, list) in [
        ("kustomization.yaml", "patches: [{path: deploy.yaml}]\n"),
        (
            "kustomization.yml",
            "patchesStrategicMerge: [./deploy.yaml]\n",
        ),
        (
            "Kustomization",
            "patchesJson6902: [{path: ../x/deploy.yaml}]\n",
        ),
    ] {
        let other = folder.join("x");
        fs::create_dir_all(&other).unwrap();
        fs::copy(folder.join("deploy.yaml"), other.join("deploy.yaml")).unwrap();
        write(&other, name, list);
        let (status, stdout, _) = run_in(folder, &["review", "x"]);
        assert_eq!(status, Some(1), "{stdout}");
        assert!(
            stdout.contains("1 image in 1 document of 2 files: 1 denied"),
            "{stdout}"
        );
        fs::remove_dir_all(other).unwrap();
    }
    // A Pod is one, whatever its file is called; and without a kustomization, an image is missing.
    write(folder, "y/kustomization.yaml", crate::support::POD);
    let (status, stdout, _) = run_in(folder, &["review", "."]);
    assert_eq!(status, Some(1));
    assert!(
        stdout.contains("3 images in 2 documents of 2 files: 3 denied"),
        "{stdout}"
    );
}

#[test]
fn what_kustomize_may_build_beyond_the_files_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fill(folder);
    for (name, text) in [
        (
            "a/kustomization.yaml",
            "resources: [../base]\ncomponents: [../c]\n",
        ),
        (
            "b/kustomization.yaml",
            "{\"resources\": [\"https://example.com/b\"]}\n",
        ),
        (
            "prod/kustomization.yaml",
            "resources: [../base]\npatches: [{path: patch.yaml}]\nimages: [{name: app, newName: b}]\n",
        ),
    ] {
        write(folder, name, text);
    }
    let (status, stdout, stderr) = run_in(folder, &["review", "a", "b", "prod"]);
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    assert!(
        stderr.starts_with("imagereview: a/kustomization.yaml:1:1: kustomize may build"),
        "{stderr}"
    );
    assert!(
        stderr.ends_with("or add --kustomize (and 2 more like it)\n"),
        "{stderr}"
    );
}

/// A program in the way of the real one, so that the test needs none.
#[cfg(unix)]
#[test]
fn what_is_built_is_reviewed_where_that_is_asked_for() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fill(folder);
    write(folder, "c/kustomization.yaml", "kind: Component\n");
    let programs = folder.join("programs");
    let build = |program: &str, script: &str| {
        write(&programs, program, &format!("#!/bin/sh\n{script}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(programs.join(program), mode).unwrap();
    };
    let run = |arguments: &[&str]| {
        let mut command = imagereview(arguments);
        texts(
            command
                .current_dir(folder)
                .env("PATH", &programs)
                .output()
                .unwrap(),
        )
    };
    fs::create_dir(&programs).unwrap();
    let all = ["review", "--kustomize", "base", "prod", "c"];
    let (status, _, stderr) = run(&all);
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains("neither kustomize nor kubectl is installed, so prod can't be built"),
        "{stderr}"
    );

    let objects = format!("{DEPLOYMENT}        image: built.example.com/app:latest\n");
    let print = format!("printf '%s' '{objects}'");
    build(
        "kubectl",
        &format!("test \"$*\" = 'kustomize prod' || exit 3\n{print}"),
    );
    let (status, stdout, stderr) = run(&all);
    assert_eq!((status, &*stderr), (Some(1), ""), "{stdout}");
    // The base and the component are built into others.
    assert_eq!(
        stdout.matches("built.example.com/app:latest").count(),
        1,
        "{stdout}"
    );
    assert!(stdout.contains("--> kustomize build prod:9:16"), "{stdout}");
    let (_, log, _) = run(&["review", "--kustomize", "--format=sarif", "prod"]);
    let places = log.matches("\"uri\":\"prod/kustomization.yaml\"").count();
    assert_eq!(places, 2, "{log}");

    build("kustomize", "echo 'no such file: x' >&2; exit 1");
    let (status, _, stderr) = run(&all);
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains("kustomize can't build prod: no such file: x"),
        "{stderr}"
    );
}
