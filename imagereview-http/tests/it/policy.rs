//! Policies from files.

use std::{
    fs,
    io::{self, Write},
    os::fd::AsRawFd,
};

use imagereview_http::{PolicyError, Server, ServerError, ServerIdentity, ServerPolicy};
use tempfile::TempDir;

use crate::{
    harness::{Pki, Protocol, TestServer, metrics_say},
    reload::server_files,
};

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

/// The first of two documents is a policy too, and allows more than both.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_policy_is_not_read_while_it_is_being_written() {
    let pki = Pki::new();
    let [(_, certificate), (_, key)] = server_files(&pki);
    let files = folder(&[
        ("policy.yaml", &document("a", "alpha")),
        ("tls.crt", &certificate),
        ("tls.key", &key),
        ("other.txt", ""),
    ]);
    let path = |name: &str| files.path().join(name);
    // A folder, or its file.
    for (round, policy) in [files.path().to_owned(), path("policy.yaml")]
        .into_iter()
        .enumerate()
    {
        fs::write(path("policy.yaml"), document("a", "alpha")).unwrap();
        let policy = ServerPolicy::Files(vec![policy]);
        let mut config = pki.config();
        config.identity = ServerIdentity::Files {
            certificate: path("tls.crt"),
            key: path("tls.key"),
        };
        let server = TestServer::start_serving(config, policy).await;
        let client = pki.client(None);
        let denied = async |image| {
            let response = client
                .review(server.address, Protocol::Http2, &[image])
                .await;
            !response.verdict().0
        };
        let reloads = |part: &str, number: usize| {
            let line =
                format!("imagereview_reloads_total{{part=\"{part}\",result=\"success\"}} {number}");
            async move { metrics_say(server.health, &line).await }
        };
        // The watch is there once it has seen a change.
        server.reload.request();
        reloads("certificate", 1).await;

        let mut copy = fs::File::create(path("policy.yaml")).unwrap();
        copy.write_all(document("b", "beta").as_bytes()).unwrap();
        // What is read after the policy has been read again, so the policy has not.
        for (number, request) in [(2, false), (3, true)] {
            if request {
                server.reload.request();
            } else {
                let [(_, certificate), (_, key)] = server_files(&pki);
                fs::write(path("tls.crt"), certificate).unwrap();
                fs::write(path("tls.key"), key).unwrap();
            }
            reloads("certificate", number).await;
            reloads("policy", 1).await;
            assert!(
                denied("x:alpha").await && !denied("x:beta").await,
                "{round}"
            );
        }
        copy.write_all(format!("---\n{}", document("c", "gamma")).as_bytes())
            .unwrap();
        drop(copy);
        reloads("policy", 2).await;
        assert!(denied("x:beta").await && denied("x:gamma").await, "{round}");
        assert!(!denied("x:alpha").await, "{round}");
    }
}
