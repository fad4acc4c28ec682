//! Policies from files.

use std::{
    fs,
    io::{self, Write},
    os::fd::AsRawFd,
};

use imagereview_http::{PolicyError, Server, ServerError, ServerPolicy};
use tempfile::TempDir;

use crate::harness::{Pki, Protocol, TestServer, metrics_say};

/// A document with one rule, which denies this tag.
fn document(name: &str, tag: &str) -> String {
    format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: {name}}}\n\
         rules:\n  - name: no-{tag}\n    tags: {{deny: [{tag}]}}\n"
    )
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[tokio::test]
async fn files_and_folders_make_one_policy() {
    let folder = folder(&[
        ("b.yml", &document("b", "beta")),
        ("a.yaml", &document("a", "alpha")),
        (
            "c.json",
            r#"{"apiVersion":"imagereview/v1alpha1","kind":"ImagePolicy","metadata":{"name":"c"},"rules":[{"name":"no-gamma","tags":{"deny":["gamma"]}}]}"#,
        ),
        (".hidden.yaml", "no policy"),
        ("a_test.yaml", "no policy"),
        ("README.md", "no policy"),
    ]);
    fs::create_dir(folder.path().join("sub.yaml")).unwrap();
    let single = tempfile::NamedTempFile::new().unwrap();
    fs::write(single.path(), document("d", "delta")).unwrap();

    let pki = Pki::new();
    let paths = vec![folder.path().to_owned(), single.path().to_owned()];
    let server = TestServer::start_serving(pki.config(), ServerPolicy::Files(paths)).await;
    let mut connection = pki
        .client(None)
        .connect(server.address, Protocol::Http2)
        .await
        .unwrap();
    let rows = [
        ("x:alpha", Some("no-alpha")),
        ("x:beta", Some("no-beta")),
        ("x:gamma", Some("no-gamma")),
        ("x:delta", Some("no-delta")),
        ("x:1", None),
    ];
    for (image, rule) in rows {
        let answer = connection
            .send(crate::harness::image_review(&[image]))
            .await
            .unwrap();
        let (allowed, reason) = answer.verdict();
        assert_eq!(allowed, rule.is_none(), "{image}: {reason}");
        assert!(
            reason.contains(rule.unwrap_or_default()),
            "{image}: {reason}"
        );
        let annotations = &answer.json()["status"]["auditAnnotations"];
        let policy = annotations["policy"].as_str().unwrap_or_default();
        assert!(policy.starts_with("a,b,c,d@sha256:"), "{image}: {answer:?}");
    }
}

#[tokio::test]
async fn every_mistake_is_reported_before_anything_is_served() {
    let pki = Pki::new();
    let folder = folder(&[
        ("a.yaml", &document("a", "alpha").replace("deny", "denny")),
        (
            "b.yaml",
            &document("b", "beta").replace("kind: ImagePolicy", "kind: Pod"),
        ),
    ]);
    let empty = tempfile::tempdir().unwrap();
    let rows = [
        (folder.path(), &["a.yaml:6:", "denny", "b.yaml:", "Pod"][..]),
        (empty.path(), &["holds no file", ".yaml"]),
        (
            std::path::Path::new("/no/policy"),
            &["/no/policy", "No such file"],
        ),
    ];
    for (path, named) in rows {
        let policy = ServerPolicy::Files(vec![path.to_owned()]);
        let Err(ServerError::Policy(error)) = Server::bind(pki.config(), policy).await else {
            panic!("{} was served", path.display());
        };
        for text in named {
            assert!(
                error.to_string().contains(text),
                "{text:?} is not in {error}"
            );
        }
        if path == folder.path() {
            let PolicyError::Documents(errors) = error else {
                panic!("{error:?}");
            };
            assert!(errors.problems().len() >= 2, "{errors}");
        }
    }
}

/// `--policy <(command)`, and what a reload then finds.
#[tokio::test]
async fn a_pipe_is_read_once_and_served_after_each_reload() {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(document("a", "alpha").as_bytes()).unwrap();
    drop(writer);
    let path = format!("/dev/fd/{}", reader.as_raw_fd());

    let pki = Pki::new();
    let policy = ServerPolicy::Files(vec![path.into()]);
    let server = TestServer::start_serving(pki.config(), policy).await;
    let client = pki.client(None);
    for reloads in 0..3 {
        let line =
            format!("imagereview_reloads_total{{part=\"policy\",result=\"success\"}} {reloads}");
        metrics_say(server.health, &line).await;
        let response = client
            .review(server.address, Protocol::Http2, &["x:alpha"])
            .await;
        assert!(!response.verdict().0, "{reloads}: {response:?}");
        server.reload.request();
    }
    let failures = "imagereview_reloads_total{part=\"policy\",result=\"failure\"} 0";
    metrics_say(server.health, failures).await;
}

/// Nobody writes to it, so reading it would hold up every later reload.
#[tokio::test]
async fn a_pipe_in_a_folder_does_not_hold_up_reloading() {
    let pki = Pki::new();
    let policies = folder(&[("a.yaml", &document("a", "alpha"))]);
    let pipe = policies.path().join("b.yaml");
    let policy = ServerPolicy::Files(vec![policies.path().to_owned()]);
    let server = TestServer::start_serving(pki.config(), policy.clone()).await;
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    metrics_say(
        server.health,
        "imagereview_last_reload_successful{part=\"policy\"} 0",
    )
    .await;
    let Err(ServerError::Policy(error)) = Server::bind(pki.config(), policy).await else {
        panic!("a policy that was not read whole is served");
    };
    assert!(error.to_string().contains("b.yaml is a pipe"), "{error}");

    fs::remove_file(&pipe).unwrap();
    fs::write(pipe, document("b", "beta")).unwrap();
    server.reload.request();
    metrics_say(
        server.health,
        "imagereview_last_reload_successful{part=\"policy\"} 1",
    )
    .await;
    let client = pki.client(None);
    let response = client
        .review(server.address, Protocol::Http2, &["x:beta"])
        .await;
    assert!(!response.verdict().0, "{response:?}");
}
