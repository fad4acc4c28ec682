//! What is not reviewed though it may have images: its number is the same everywhere, and it can be
//! made an error.

use std::{fs, path::Path};

use serde_json::json as value;

use crate::support::{POD, json, run_in};

const TEMPLATE: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {{ x }}\nspec: {containers: [{image: a}]}\n";
const TASK: &str =
    "apiVersion: ci.example.com/v1\nkind: Task\nspec: {steps: [{image: golang:1}]}\n";

/// A chart with two templates, another template, and three custom resources of two kinds: six parts
/// that are not reviewed.
fn fill(folder: &Path) {
    for (name, text) in [
        (
            "charts/web/Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        ),
        ("charts/web/templates/a.yaml", TEMPLATE),
        ("charts/web/templates/b/c.yaml", TEMPLATE),
        ("other/d.yaml", TEMPLATE),
        ("tasks/a.yaml", &format!("{TASK}---\n{TASK}")),
        ("tasks/b.yaml", &TASK.replace("kind: Task", "kind: Job")),
        ("web.yaml", &POD.replace("nginx", "nginx:1")),
    ] {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn what_was_not_reviewed_is_one_line_for_each_chart_and_kind() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let (status, stdout, stderr) = run_in(folder.path(), &["review", "."]);
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{stderr}");
    for (line, begin, parts) in [
        (
            0,
            "imagereview: charts/web/templates/a.yaml:3:12: ",
            &["helm template charts/web |", "(and 1 more like it)"][..],
        ),
        (
            1,
            "imagereview: other/d.yaml:3:12: ",
            &["helm template CHART |"],
        ),
        (
            2,
            "imagereview: tasks/a.yaml:3:24: ",
            &["kind: Task", "(and 1 more like it)"],
        ),
        (3, "imagereview: tasks/b.yaml:3:24: ", &["kind: Job"]),
    ] {
        assert!(lines[line].starts_with(begin), "{stderr}");
        assert!(
            parts.iter().all(|part| lines[line].contains(part)),
            "{stderr}"
        );
    }
    for command in ["inventory", "review --diff"] {
        let arguments: Vec<&str> = command.split(' ').chain(["."]).collect();
        let (_, _, other) = run_in(folder.path(), &arguments);
        assert!(other.ends_with(&stderr), "{command}: {other}");
    }
}

#[test]
fn each_format_has_the_number_of_what_was_not_reviewed() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    // One part that can't be read, and is not among those.
    fs::write(folder.path().join("broken.yaml"), "kind: [\n").unwrap();
    let review = |format: &str| {
        let (status, stdout, stderr) = run_in(folder.path(), &["review", "--format", format, "."]);
        assert_eq!(status, Some(2), "{format}: {stderr}");
        stdout
    };
    let sentence = "; 6 parts not reviewed; 1 part not read";
    for format in ["human", "table", "github", "markdown", "junit"] {
        let report = review(format);
        assert!(report.contains(sentence), "{format}: {report}");
    }
    let page = review("html");
    for number in [
        "<dd id=\"not-reviewed\">6</dd>",
        "<dd id=\"errors\" class=\"denied\">1</dd>",
    ] {
        assert!(page.contains(number), "{page}");
    }
    let report = json(&review("json"));
    assert_eq!(report["summary"]["notReviewed"], 6);
    assert_eq!(report["summary"]["errors"], 1);
    let diagnostics = report["diagnostics"].as_array().unwrap();
    let counts = |is_error: bool| {
        let those = diagnostics.iter().filter(|one| one["error"] == is_error);
        those.count()
    };
    assert_eq!((counts(false), counts(true)), (6, 1));
    let log = json(&review("sarif"));
    assert_eq!(log["runs"][0]["properties"]["summary"], report["summary"]);
    let notifications = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notifications.as_array().unwrap().len(), 5);
    let zh = ["review", "--language=zh", "--format=table", "."];
    let (_, stdout, _) = run_in(folder.path(), &zh);
    assert!(stdout.contains(";6 处未审查;1 处未能读取"), "{stdout}");
}

#[test]
fn what_was_not_reviewed_is_an_error_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fill(folder);
    fs::write(folder.join("policy.yaml"), "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\nrules: [{name: r, tags: {deny: [beta]}}]\n").unwrap();
    for (arguments, strict) in [
        (&["review", "."][..], 2),
        (&["inventory", "."], 2),
        (&["review", "--diff", "--policy=policy.yaml", "."], 2),
        (&["policy", "diff", "policy.yaml", "policy.yaml", "."], 2),
        (&["review", "web.yaml"], 0),
    ] {
        assert_eq!(run_in(folder, arguments).0, Some(0), "{arguments:?}");
        let arguments = [arguments, &["--strict"]].concat();
        assert_eq!(run_in(folder, &arguments).0, Some(strict), "{arguments:?}");
    }
    fs::write(folder.join(".imagereview.yaml"), "strict: true\n").unwrap();
    assert_eq!(run_in(folder, &["review", "."]).0, Some(2));
}

#[test]
fn warnings_and_audited_findings_fail_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("pod.yaml"), POD).unwrap();
    let policy = |mode: &str| {
        let text = format!(
            "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\n\
             rules: [{{name: r, mode: {mode}, tags: {{deny: [latest]}}}}]\n"
        );
        fs::write(folder.join("policy.yaml"), text).unwrap();
    };
    for (mode, statuses, summary) in [
        ("warn", [0, 1, 1], "0 denied, 1 allowed with a warning"),
        ("audit", [0, 0, 1], "0 denied, 1 allowed and audited"),
        ("enforce", [1, 1, 1], "1 denied"),
    ] {
        policy(mode);
        for (least, expected) in ["deny", "warn", "audit"].into_iter().zip(statuses) {
            let flags = ["--policy=policy.yaml", "--fail-on", least];
            let review = [&["review", "pod.yaml"][..], &flags].concat();
            let (status, stdout, _) = run_in(folder, &review);
            assert_eq!(status, Some(expected), "{mode}, {least}: {stdout}");
            assert!(stdout.ends_with(&format!("{summary}\n")), "{stdout}");
            let check = [&["check", "nginx"][..], &flags].concat();
            let (status, stdout, _) = run_in(folder, &check);
            assert_eq!(status, Some(expected), "{mode}, {least}: {stdout}");
        }
    }
    policy("warn");
    let project = "policy: policy.yaml\nfailOn: warn\n";
    fs::write(folder.join(".imagereview.yaml"), project).unwrap();
    assert_eq!(run_in(folder, &["review", "pod.yaml"]).0, Some(1));
    let least = ["review", "--fail-on=deny", "pod.yaml"];
    assert_eq!(run_in(folder, &least).0, Some(0));
}

/// GitHub shows the first ten errors, warnings and notices of a step.
#[test]
fn denials_are_the_first_annotations_of_a_workflow() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("a.yaml"), "kind: [\n").unwrap();
    fs::write(folder.join("b.yaml"), TASK).unwrap();
    fs::write(folder.join("c.yaml"), POD).unwrap();
    let (status, stdout, _) = run_in(folder, &["review", "--format=github", "."]);
    assert_eq!(status, Some(2));
    let starts: Vec<&str> = stdout
        .lines()
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(
        starts[..3],
        [
            "::error file=c.yaml",
            "::error file=a.yaml",
            "::warning file=b.yaml"
        ],
        "{stdout}"
    );
}

#[test]
fn more_results_than_github_takes_are_reported() {
    let pods = POD.replace(
        "[{image: nginx}]",
        &format!("[{}]", vec!["{image: a}"; 5_000].join(", ")),
    );
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (documents, is_told) in [(5, false), (6, true)] {
        fs::write(
            folder.join("pods.yaml"),
            format!("---\n{pods}").repeat(documents),
        )
        .unwrap();
        let (status, stdout, stderr) = run_in(folder, &["review", "--format=sarif", "pods.yaml"]);
        assert_eq!(status, Some(1));
        let log = json(&stdout);
        let results = log["runs"][0]["results"].as_array().unwrap().len();
        assert_eq!(value!(results), value!(documents * 5_000));
        assert_eq!(
            stderr.contains("has 30000 results, and GitHub takes 25000"),
            is_told,
            "{stderr}"
        );
    }
}
