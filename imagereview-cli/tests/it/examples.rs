//! The examples at the end of each `--help`.

use std::{env, fs, path::Path, process::Command};

use assert_cmd::cargo::cargo_bin;

use crate::support::{POD, image_review, run_in, texts};

/// Each command, and the exit status of each of its examples in the folder that `prepare` fills.
const STATUSES: &[(&str, &[i32])] = &[
    ("", &[0, 1, 0]),
    ("review", &[1, 1, 1]),
    ("check", &[1, 0]),
    ("explain", &[1, 0]),
    ("inventory", &[0, 0]),
    // The registries file lets nobody be asked.
    ("resolve", &[2]),
    ("verify", &[0, 0]),
    ("policy", &[0, 0]),
    ("policy validate", &[0, 0]),
    ("policy test", &[0, 0]),
    ("policy diff", &[1]),
    ("policy cost", &[0, 0]),
    // The policy has mutations.
    ("policy compile", &[1, 0, 1]),
    ("policy import", &[0, 0]),
    ("policy schema", &[0]),
    ("respond", &[1, 0]),
    ("verify-pull", &[0]),
    ("init", &[0, 0]),
    ("completions", &[0, 0]),
    ("man", &[0, 0]),
];

/// The files that the examples name.
fn prepare(folder: &Path) {
    let policy = |tag: &str| {
        format!(
            "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: example}}\n\
             mutations:\n  mirrors: [{{from: docker.io/**, to: mirror.example.com/**}}]\n\
             rules:\n- {{name: tags, tags: {{deny: [{tag}]}}}}\n"
        )
    };
    let test =
        "policy: policy.yaml\ntests:\n- {name: beta, images: ['nginx:beta'], expect: denied}\n";
    let pods = format!(
        "{POD}---\n{}",
        POD.replace("name: web", "name: beta")
            .replace("image: nginx", "image: 'nginx:beta'")
    );
    fs::create_dir(folder.join("k8s")).unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| fs::read_to_string(repository.join(path)).unwrap();
    let signed = read("examples/policies/signed-images.yaml");
    let key: Vec<&str> = signed
        .lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .take(4)
        .collect();
    let facts = read("examples/facts/signed-images.json");
    let name = facts
        .lines()
        .find_map(|line| {
            line.trim()
                .strip_prefix("\"image\": \"registry.example.com/shop/app")
        })
        .unwrap();
    let name = format!(
        "registry.example.com/shop/app{}",
        name.trim_end_matches("\",")
    );
    let facts = facts.replace(&name, "registry.example.com/app:1");
    for (name, text) in [
        ("k8s/pods.yaml", &*pods),
        ("Dockerfile", "FROM nginx:1.27.3\n"),
        ("policy.yaml", &policy("beta")),
        (
            "stricter.yaml",
            &policy("latest")
                .replace("name: example", "name: stricter")
                .replace("name: tags", "name: latest"),
        ),
        (
            "registries.yaml",
            "apiVersion: imagereview/v1alpha1\nkind: Registries\nunlisted: refuse\n",
        ),
        ("policy_test.yaml", test),
        ("cosign.pub", &key.join("\n")),
        ("facts.json", &facts),
        (
            "signed.yaml",
            "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: signed}\n\
             rules:\n- {name: ours, signed: {by: {key: {file: cosign.pub}}, tags: checkOnly}}\n",
        ),
        (
            "constraints.yaml",
            "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sAllowedRepos\nmetadata: {name: ours}\n\
             spec: {parameters: {repos: [registry.example.com/]}}\n",
        ),
        ("references.txt", "nginx\nregistry.example.com/app\n"),
        ("requests.json", &image_review("nginx")),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
}

/// The commands that a `--help` lists.
fn subcommands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").collect()
}

fn examples(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    let lines = lines.map(str::trim).filter(|line| !line.is_empty());
    lines.filter(|line| !line.starts_with('#')).collect()
}

fn help(command: &str) -> String {
    let mut arguments: Vec<&str> = command.split_whitespace().collect();
    arguments.push("--help");
    let (status, stdout, stderr) = run_in(Path::new("."), &arguments);
    assert_eq!((status, &*stderr), (Some(0), ""), "{command}");
    stdout
}

/// Runs a line as a shell does into which it is pasted.
fn paste(line: &str, folder: &Path) -> (Option<i32>, String, String) {
    let program = cargo_bin!("imagereview");
    let mut path = program.parent().unwrap().as_os_str().to_owned();
    if let Some(rest) = env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    let mut shell = Command::new("bash");
    shell
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", path);
    shell
        .env_remove("IMAGEREVIEW_LANGUAGE")
        .env_remove("IMAGEREVIEW_POLICY");
    texts(shell.output().unwrap())
}

#[test]
fn each_command_has_examples_that_work_when_pasted() {
    for (command, statuses) in STATUSES {
        let help = help(command);
        let examples = examples(&help);
        assert!((1..=3).contains(&examples.len()), "{command}: {help}");
        assert_eq!(examples.len(), statuses.len(), "{command}: {examples:?}");
        for (example, expected) in examples.iter().zip(*statuses) {
            assert!(
                example.contains(&format!("imagereview {command}")),
                "{example}"
            );
            let folder = tempfile::tempdir().unwrap();
            prepare(folder.path());
            let (status, stdout, stderr) = paste(example, folder.path());
            assert_eq!(status, Some(*expected), "{example}\n{stdout}{stderr}");
            assert!(!stderr.contains("try '--help'"), "{example}\n{stderr}");
            // What a compiled policy costs is written there.
            if *expected == 0 && *command != "policy compile" {
                assert_eq!(stderr, "", "{example}");
            }
        }
    }
}

#[test]
fn each_command_tells_its_exit_statuses() {
    let mut known = Vec::new();
    let top = help("");
    let mut commands: Vec<String> = subcommands(&top).into_iter().map(str::to_owned).collect();
    commands.insert(0, String::new());
    while let Some(command) = commands.pop() {
        let help = help(&command);
        assert!(
            help.contains("\nExit status:\n    0  "),
            "{command}: {help}"
        );
        if !command.is_empty() {
            let below = subcommands(&help);
            commands.extend(below.iter().map(|name| format!("{command} {name}")));
        }
        known.push(command);
    }
    known.sort();
    let mut listed: Vec<&str> = STATUSES.iter().map(|(command, _)| *command).collect();
    listed.sort_unstable();
    assert_eq!(known, listed, "a command is missing in the table");
}
