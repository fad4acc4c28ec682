//! Exemptions by comments in files: given where the policy lets them, listed everywhere, and refused elsewhere.

use std::{fs, path::Path};

use crate::support::{json, run_in};

const POLICY: &str = "apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: p}
rules:
- {name: no-latest, tags: {deny: [latest]}, inlineExemptions: allow}
- {name: our-registry, registries: {allow: [r.example.com]}}
";

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

fn pod(containers: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n{containers}")
}

/// A folder with a manifest, a Compose file and a Dockerfile, each with an image that a comment exempts.
fn fill(folder: &Path) {
    write(folder, "policy.yaml", POLICY);
    write(
        folder,
        "pod.yaml",
        &pod(
            "  - image: r.example.com/a # imagereview: ignore[no-latest] its vendor has no tags\n",
        ),
    );
    write(
        folder,
        "compose.yaml",
        "services:\n  web:\n    # imagereview: ignore[no-latest] only for tests\n    image: r.example.com/b\n",
    );
    write(
        folder,
        "Dockerfile",
        "# imagereview: ignore[no-latest] built each night\nFROM r.example.com/c\n",
    );
}

#[test]
fn a_comment_exempts_from_a_rule_that_lets_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fill(folder);
    let review = |format: &str| {
        let arguments = [
            "review",
            "--policy=policy.yaml",
            "--format",
            format,
            "--statistics",
            ".",
        ];
        let (status, stdout, stderr) = run_in(folder, &arguments);
        assert_eq!(status, Some(0), "{stdout}{stderr}");
        (stdout, stderr)
    };
    let uses = [
        ("comment Dockerfile:1", "built each night"),
        ("comment compose.yaml:3", "only for tests"),
        ("comment pod.yaml:6", "its vendor has no tags"),
    ];
    for format in [
        "human", "table", "html", "markdown", "github", "junit", "sarif", "json", "ndjson",
    ] {
        let (report, statistics) = review(format);
        for (name, reason) in uses {
            assert!(
                report.contains(name) && report.contains(reason),
                "{format}: {name}: {report}"
            );
            let line = format!("exemption {name} (no-latest): used 1 time; {reason}");
            assert!(statistics.contains(&line), "{statistics}");
        }
    }
    let (report, _) = review("json");
    assert_eq!(json(&report)["summary"]["exempted"], 3);
    assert_eq!(json(&report)["summary"]["denied"], 0);
}

#[test]
fn a_comment_does_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "policy.yaml", POLICY);
    let ignore = |rules: &str| format!("# imagereview: ignore[{rules}] why");
    for (containers, status, denied, says) in [
        // A rule that lets none, and the policy of no document.
        (
            format!(
                "  - image: other.example.com/a:1 {}\n",
                ignore("our-registry")
            ),
            2,
            1,
            "pod.yaml:6:34: the policy lets no comment exempt from the rule \"our-registry\"; that needs inlineExemptions: allow",
        ),
        // Another rule than it names, another image, and another line.
        (
            format!("  - image: other.example.com/a {}\n", ignore("no-latest")),
            1,
            1,
            "",
        ),
        (
            format!("  - image: r.example.com/a {}\n", ignore("no-tags")),
            1,
            1,
            "",
        ),
        (
            format!(
                "  - image: r.example.com/a {}\n  - image: r.example.com/b\n",
                ignore("no-latest")
            ),
            1,
            1,
            "",
        ),
        (
            format!(
                "  {}\n  - name: a\n    image: r.example.com/a\n",
                ignore("no-latest")
            ),
            1,
            1,
            "",
        ),
        // What gives no reason exempts from nothing.
        (
            "  - image: r.example.com/a # imagereview: ignore[no-latest]\n".to_owned(),
            2,
            1,
            "pod.yaml:6:28: this exemption has no reason",
        ),
        (
            "  # imagereview: skip\n  - image: r.example.com/a:1\n".to_owned(),
            2,
            0,
            "pod.yaml:6:3: this comment exempts from nothing",
        ),
        // Two rules, of which one lets it.
        (
            format!(
                "  - image: other.example.com/a {}\n",
                ignore("no-latest, our-registry")
            ),
            2,
            1,
            "from the rule \"our-registry\"",
        ),
    ] {
        write(folder, "pod.yaml", &pod(&containers));
        let arguments = [
            "review",
            "--policy=policy.yaml",
            "--format=json",
            "pod.yaml",
        ];
        let (found, stdout, stderr) = run_in(folder, &arguments);
        assert_eq!(found, Some(status), "{containers}{stdout}{stderr}");
        assert_eq!(
            json(&stdout)["summary"]["denied"],
            denied,
            "{containers}{stdout}"
        );
        assert!(stderr.contains(says), "{containers}{stderr}");
    }
    write(
        folder,
        "pod.yaml",
        &pod(&format!("  - image: a {}\n", ignore("no-latest-tag"))),
    );
    let (status, _, stderr) = run_in(folder, &["review", "pod.yaml"]);
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains("lets no comment exempt from the rule \"no-latest-tag\""),
        "{stderr}"
    );
    // JSON has no comments.
    let text = r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "r.example.com/a", "name": " # imagereview: ignore[no-latest] why"}]}}"#;
    write(folder, "pod.json", text);
    let (status, ..) = run_in(folder, &["review", "--policy=policy.yaml", "pod.json"]);
    assert_eq!(status, Some(1));
}

/// Labels of a namespace are known where somebody says them.
#[test]
fn labels_of_the_namespace_limit_a_rule() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rule = "- {name: r, tags: {deny: [latest]}, scope: {namespaceLabels: {env: prod}}}\n";
    let head = POLICY.split_once("- {").unwrap().0;
    write(folder, "policy.yaml", &format!("{head}{rule}"));
    write(folder, "pod.yaml", &pod("  - image: a\n"));
    let other = pod("  - image: a\n").replace("name: p}", "name: p, namespace: other}");
    write(folder, "other.yaml", &other);
    for (arguments, pod, other) in [
        (&[][..], 1, 1),
        (&["--namespace=shop"], 1, 1),
        (
            &["--namespace=shop", "--namespace-labels=env=prod,team=a"],
            1,
            1,
        ),
        // Those of another namespace are not known.
        (&["--namespace=shop", "--namespace-labels=env=test"], 0, 1),
        (&["--namespace=other", "--namespace-labels=env=test"], 0, 0),
        (&["--namespace=shop", "--namespace-labels=env"], 2, 2),
        (&["--namespace-labels=env=test"], 2, 2),
    ] {
        for (file, status) in [("pod.yaml", pod), ("other.yaml", other)] {
            let arguments = [&["review", "--policy=policy.yaml", file], arguments].concat();
            assert_eq!(run_in(folder, &arguments).0, Some(status), "{arguments:?}");
        }
        let check = [&["check", "--policy=policy.yaml", "a"], arguments].concat();
        assert_eq!(run_in(folder, &check).0, Some(pod), "{check:?}");
    }
}
