//! `imagereview respond` as a program runs it.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use serde_json::json;

use crate::support::{self, POD, image_review, imagereview, run_in, run_with_stdin};

fn admission_review(uid: &str, image: &str) -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "operation": "CREATE",
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "spec": {"containers": [{"image": image}]},
            },
        },
    })
    .to_string()
}

#[test]
fn each_kind_of_request_gets_its_response_in_order() {
    let requests = [
        image_review("nginx:1"),
        admission_review("a", "nginx"),
        admission_review("b", "nginx:1"),
        image_review("nginx"),
    ];
    for separator in ["", "\n", " \n "] {
        let (status, stdout, stderr) = run_with_stdin(&["respond"], &requests.join(separator));
        assert_eq!((status, &*stderr), (Some(1), ""), "{stdout}");
        let responses: Vec<_> = stdout.lines().map(support::json).collect();
        let found: Vec<_> = responses
            .iter()
            .map(|response| {
                let admission = &response["response"];
                let allowed = response["status"]["allowed"]
                    .as_bool()
                    .or(admission["allowed"].as_bool());
                let kind = response["kind"].as_str().unwrap();
                (kind, admission["uid"].as_str(), allowed)
            })
            .collect();
        assert_eq!(
            found,
            [
                ("ImageReview", None, Some(true)),
                ("AdmissionReview", Some("a"), Some(false)),
                ("AdmissionReview", Some("b"), Some(true)),
                ("ImageReview", None, Some(false)),
            ]
        );
    }
}

/// Custom resources are found where the policy declares them, as the webhook finds them.
#[test]
fn the_kinds_of_the_policy_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let policy = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\n\
                  customResources:\n\
                  - {apiVersion: tekton.dev/v1, kind: Task, images: ['spec.steps[*].image']}\n\
                  rules:\n- {name: tags, tags: {deny: [$mutable]}}\n";
    fs::write(folder.path().join("policy"), policy).unwrap();
    let task = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "operation": "CREATE",
            "object": {
                "apiVersion": "tekton.dev/v1",
                "kind": "Task",
                "spec": {"steps": [{"image": "nginx"}]},
            },
        },
    });
    fs::write(folder.path().join("task.json"), task.to_string()).unwrap();
    let arguments = ["respond", "--policy=policy", "task.json"];
    let (status, stdout, stderr) = run_in(folder.path(), &arguments);
    assert_eq!((status, &*stderr), (Some(1), ""), "{stdout}");
    assert!(stdout.contains("spec.steps[0].image"), "{stdout}");
}

#[test]
fn what_is_no_request_is_reported_and_the_others_get_responses() {
    let broken = admission_review("a", "nginx:1").replace("request", "requests");
    let pod = r#"{"apiVersion":"v1","kind":"Pod"}"#;
    let good = image_review("nginx:1");
    let text = [&good, &*broken, pod, &good].join("\n");
    let (status, stdout, stderr) = run_with_stdin(&["respond", "-"], &text);
    assert_eq!(status, Some(2), "{stderr}");
    assert_eq!(stdout.lines().count(), 2, "{stdout}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    for (line, says) in lines
        .iter()
        .zip(["<stdin>:2:1: request", "<stdin>:3:1: kind is \"Pod\""])
    {
        assert!(line.contains(says), "{line}");
    }
    let (status, stdout, _) = run_with_stdin(&["respond"], POD);
    assert_eq!((status, &*stdout), (Some(2), ""));
}

#[test]
fn responses_go_to_a_file_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), image_review("nginx")).unwrap();
    let (_, expected, _) = run_in(folder.path(), &["respond", "a.json", "a.json"]);
    for (output, stdout) in [("-", &*expected), ("out.json", "")] {
        let arguments = ["respond", "--output", output, "a.json", "a.json"];
        let (status, found, stderr) = run_in(folder.path(), &arguments);
        assert_eq!((status, &*stderr), (Some(1), ""));
        assert_eq!(found, stdout, "{output}");
    }
    let written = fs::read_to_string(folder.path().join("out.json")).unwrap();
    assert_eq!(written, expected);
    let arguments = ["respond", "-o", "missing/out.json", "a.json"];
    assert_eq!(run_in(folder.path(), &arguments).0, Some(2));
}

/// `review` prints results for people whatever it reads, and only `respond` prints responses.
#[test]
fn a_review_is_for_people_wherever_it_is_written_to() {
    let (status, stdout, _) = run_with_stdin(&["review"], &image_review("nginx"));
    assert_eq!(status, Some(1));
    assert!(stdout.starts_with("denied[no-latest-tag]"), "{stdout}");
}

#[test]
fn a_response_comes_before_the_next_request_is_written() {
    let mut child = imagereview(&["respond"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for (image, allowed) in [("nginx", false), ("nginx:1.27", true)] {
        stdin.write_all(image_review(image).as_bytes()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let response = support::json(&line);
        assert_eq!(response["status"]["allowed"], allowed, "{image}");
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
