//! Policies from files.

use std::fs;

use imagereview_http::{PolicyError, Server, ServerError, ServerPolicy};
use tempfile::TempDir;

use crate::harness::{Pki, Protocol, TestServer};

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
async fn every_mistake_is_told_before_anything_is_served() {
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
