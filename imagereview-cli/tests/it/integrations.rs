//! What `integrations/` gives to pipelines, run as the pipelines run it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use crate::support::repository;

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(repository().join(path)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// Runs a script as runners do, where the program is the one that is tested.
fn bash(script: &str, folder: &Path, variables: &[(&str, &str)]) -> Output {
    let programs = cargo_bin!("imagereview").parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{image: nginx}]}\n";
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("pod.yaml", pod);
    write("pinned pod.yaml", &pod.replace("nginx", "'nginx:1.27'"));
    let policy = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\nrules:\n\
                  - {name: no-nginx, repositories: {deny: ['**/nginx']}}\n";
    write("policy.yaml", policy);
    folder
}

#[test]
fn the_github_action_annotates_summarizes_and_writes_sarif() {
    let action = yaml("integrations/github/action.yml");
    let steps = action["runs"]["steps"].as_array().unwrap();
    let review = steps.iter().find(|step| step["name"] == "review").unwrap();
    let script = review["run"].as_str().unwrap();
    for (inputs, policy, status, annotations, results) in [
        ("pod.yaml", "", 1, 1, 1),
        ("pinned pod.yaml\n", "", 0, 0, 0),
        ("pinned pod.yaml\npod.yaml", "", 1, 1, 1),
        ("pinned pod.yaml\npod.yaml", "policy.yaml", 1, 2, 2),
        // What could not be read is no finding of code scanning.
        ("missing.yaml", "", 2, 1, 0),
    ] {
        let project = project();
        let program = cargo_bin!("imagereview");
        let output = bash(
            script,
            project.path(),
            &[
                ("PROGRAM", program.to_str().unwrap()),
                ("INPUTS", inputs),
                ("POLICY", policy),
                ("BASELINE", ""),
                ("SARIF", "out.sarif"),
                ("GITHUB_STEP_SUMMARY", "summary.md"),
            ],
        );
        let case = format!("{inputs:?} by {policy:?}: {output:?}");
        assert_eq!(output.status.code(), Some(status), "{case}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            stdout.matches("::error file=").count(),
            annotations,
            "{case}"
        );
        let read = |name: &str| fs::read_to_string(project.path().join(name)).unwrap();
        let sarif: Value = serde_json::from_str(&read("out.sarif")).unwrap();
        let found = sarif["runs"][0]["results"].as_array().unwrap();
        assert_eq!(found.len(), results, "{case}");
        assert!(
            read("summary.md").starts_with("### Image review: "),
            "{case}"
        );
    }
}

#[test]
fn the_github_action_keeps_a_program_for_each_state_of_its_sources() {
    let action = yaml("integrations/github/action.yml");
    let step = |name: &str| {
        let steps = action["runs"]["steps"].as_array().unwrap();
        steps
            .iter()
            .find(|step| step["name"] == name)
            .unwrap()
            .clone()
    };
    let here = "${{ github.action_path }}/../..";
    for name in ["sources", "build"] {
        assert_eq!(step(name)["working-directory"], here, "{name}");
    }
    let key = step("cache")["with"]["key"].to_string();
    assert!(key.contains("steps.sources.outputs.hash"), "{key}");
    let build = step("build")["run"].as_str().unwrap().to_owned();
    assert!(build.ends_with("--path imagereview-cli"), "{build}");

    let copy = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(copy.path().join(name), text).unwrap();
    fs::create_dir_all(copy.path().join("imagereview-cli/src")).unwrap();
    for name in ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"] {
        write(name, name);
    }
    let hash = || {
        let script = step("sources")["run"].as_str().unwrap().to_owned();
        write("output", "");
        let output = bash(&script, copy.path(), &[("GITHUB_OUTPUT", "output")]);
        assert!(output.status.success(), "{output:?}");
        fs::read_to_string(copy.path().join("output")).unwrap()
    };
    let mut hashes = Vec::new();
    for text in ["fn main() {}", "fn main() { }"] {
        write("imagereview-cli/src/main.rs", text);
        assert_eq!(hash(), hash());
        assert!(hash().len() > "hash=\n".len() + 39, "{}", hash());
        hashes.push(hash());
    }
    assert_ne!(hashes[0], hashes[1]);
}

#[test]
fn the_github_action_names_inputs_that_it_declares() {
    let action = yaml("integrations/github/action.yml");
    let text = fs::read_to_string(repository().join("integrations/github/action.yml")).unwrap();
    let declared = action["inputs"].as_object().unwrap();
    for name in declared.keys() {
        assert!(
            text.contains(&format!("${{{{ inputs.{name} }}}}")),
            "{name}"
        );
    }
    assert_eq!(text.matches("${{ inputs.").count(), declared.len() + 1);
}

#[test]
fn the_gitlab_job_writes_junit() {
    let jobs = yaml("integrations/gitlab/imagereview.gitlab-ci.yml");
    let job = &jobs["imagereview"];
    let script = job["script"][0].as_str().unwrap();
    for (inputs, options, status) in [
        (".", "", 1),
        ("policy.yaml", "", 0),
        (".", "--policy policy.yaml --exclude pod.yaml", 1),
    ] {
        let project = project();
        let root = installed();
        let variables = [
            ("IMAGEREVIEW_INPUTS", inputs),
            ("IMAGEREVIEW_OPTIONS", options),
            ("IMAGEREVIEW_ROOT", root.path().to_str().unwrap()),
        ];
        let output = bash(script, project.path(), &variables);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{inputs} {options}: {output:?}"
        );
        let report = job["artifacts"]["reports"]["junit"].as_str().unwrap();
        let report = fs::read_to_string(project.path().join(report)).unwrap();
        assert!(
            report.contains("<testsuites name=\"imagereview\""),
            "{report}"
        );
    }
}

/// A folder with the program, as `cargo install --root` leaves it.
fn installed() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("bin")).unwrap();
    let program = root.path().join("bin/imagereview");
    std::os::unix::fs::symlink(cargo_bin!("imagereview"), program).unwrap();
    root
}

/// Writes a script that says its name and arguments, and where it runs.
fn telling(program: &Path) {
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(program, "#!/bin/sh\necho \"$0 $* in $PWD\"\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(program, executable).unwrap();
}

#[test]
fn the_gitlab_job_takes_no_program_of_the_change_and_of_no_branch() {
    let text =
        fs::read_to_string(repository().join("integrations/gitlab/imagereview.gitlab-ci.yml"));
    assert!(!text.unwrap().contains("--branch"));
    let jobs = yaml("integrations/gitlab/imagereview.gitlab-ci.yml");
    let job = &jobs["imagereview"];
    assert!(job["cache"].is_null() && job["variables"]["CARGO_HOME"].is_null());
    assert_eq!(job["variables"]["IMAGEREVIEW_ROOT"], "/opt/imagereview");
    let script = job["before_script"][0].as_str().unwrap();
    let project = project();
    for name in [".cargo/bin/imagereview", "bin/imagereview", "imagereview"] {
        telling(&project.path().join(name));
    }
    let tools = tempfile::tempdir().unwrap();
    telling(&tools.path().join("cargo"));
    let path = format!(
        "{}:{}",
        tools.path().display(),
        std::env::var("PATH").unwrap()
    );
    let root = tools.path().join("root");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for (rev, status) in [(commit, 0), ("", 2), ("main", 2), (&commit[..12], 2)] {
        let variables = [
            ("IMAGEREVIEW_COMMIT", rev),
            ("IMAGEREVIEW_ROOT", root.to_str().unwrap()),
            ("PATH", &path),
        ];
        let output = bash(script, project.path(), &variables);
        assert_eq!(output.status.code(), Some(status), "{rev}: {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let ran = format!("--rev {commit} imagereview-cli in /\n");
        assert_eq!(said.ends_with(&ran), status == 0, "{rev}: {said}");
    }
    // An image may bring the program.
    telling(&root.join("bin/imagereview"));
    let output = bash(
        script,
        project.path(),
        &[("IMAGEREVIEW_ROOT", root.to_str().unwrap())],
    );
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
}

/// A tag can be moved to another commit.
#[test]
fn what_pipelines_take_from_others_is_pinned() {
    let mut actions = 0;
    for file in [
        ".github/workflows/advisories.yml",
        "integrations/github/action.yml",
        "docs/ci.md",
    ] {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        for action in text
            .lines()
            .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: "))
        {
            let (name, commit) = action.split_once('@').unwrap();
            let commit = commit.split(' ').next().unwrap();
            let is_commit =
                commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            // Ours is a placeholder.
            assert!(
                is_commit || (name.starts_with("imagereview/") && commit == "COMMIT"),
                "{file}: {action}"
            );
            actions += 1;
        }
    }
    assert_eq!(actions, 5);
    for file in [
        "Dockerfile",
        "integrations/gitlab/imagereview.gitlab-ci.yml",
    ] {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        let images = text.lines().filter_map(|line| {
            line.strip_prefix("FROM ")
                .or_else(|| line.strip_prefix("  image: "))
        });
        for image in images {
            assert!(
                image.contains("@sha256:") || image == "scratch",
                "{file}: {image}"
            );
        }
    }
}

#[test]
fn the_hook_reviews_the_files_that_it_is_given() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let entry = hooks[0]["entry"].as_str().unwrap();
    // As pre-commit does: the entry, the configured arguments, the files.
    let project = project();
    let output = bash(
        &format!("{entry} --policy policy.yaml pod.yaml"),
        project.path(),
        &[],
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("denied[no-nginx]"), "{stdout}");
}

#[test]
fn the_hook_stops_no_commit_of_files_that_are_not_for_kubernetes() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let entry = hooks[0]["entry"].as_str().unwrap();
    let project = project();
    let write = |name: &str, text: &str| fs::write(project.path().join(name), text).unwrap();
    write("tsconfig.json", "{\n  // why\n  \"strict\": true\n}\n");
    write("template.yaml", "kind: Pod\napiVersion: v1\n{{- if x }}\n");
    write("empty.yaml", "");
    fs::create_dir_all(project.path().join("vendor/x")).unwrap();
    write(
        "vendor/x/pod.yaml",
        &fs::read_to_string(project.path().join("pod.yaml")).unwrap(),
    );
    for (file, status) in [
        ("tsconfig.json", 0),
        ("template.yaml", 0),
        ("empty.yaml", 0),
        ("vendor/x/pod.yaml", 0),
        ("pod.yaml", 1),
        ("missing.yaml", 2),
    ] {
        for exclude in ["vendor", "/vendor/**"] {
            let command = format!("{entry} --exclude '{exclude}' {file}");
            let output = bash(&command, project.path(), &[]);
            assert_eq!(output.status.code(), Some(status), "{file}: {output:?}");
        }
    }
}

#[test]
fn the_fixing_hook_changes_the_files_that_it_is_given() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let entry = hooks[1]["entry"].as_str().unwrap();
    let project = project();
    let policy = project.path().join("policy.yaml");
    let mutations = "mutations: {mirrors: [{from: docker.io/**, to: m.example.com/**}]}\n";
    let with_mutations = mutations.to_owned() + &fs::read_to_string(&policy).unwrap();
    fs::write(
        &policy,
        with_mutations.replace("'**/nginx'", "docker.io/**"),
    )
    .unwrap();
    let command = format!("{entry} --policy policy.yaml pod.yaml 'pinned pod.yaml'");
    let output = bash(&command, project.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for (file, image) in [
        ("pod.yaml", "{image: m.example.com/library/nginx}"),
        (
            "pinned pod.yaml",
            "{image: 'm.example.com/library/nginx:1.27'}",
        ),
    ] {
        let text = fs::read_to_string(project.path().join(file)).unwrap();
        assert!(text.contains(image), "{text}");
    }
}
