//! What is allowed and what is denied, over HTTPS.

use imagereview_core::{Language, Policy, Review, Verdict};

use crate::harness::{PROTOCOLS, Pki, TestServer, image_review};

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[tokio::test]
async fn images_are_allowed_or_denied_with_the_reason() {
    let digest = format!("nginx@{DIGEST}");
    let latest_with_digest = format!("nginx:latest@{DIGEST}");
    let uppercase_digest = format!("nginx@sha256:{}", "A".repeat(64));
    let bare_hex = "f".repeat(64);
    // The images, whether they may run, and which of them the reason names.
    let rows: &[(&[&str], bool, &[&str])] = &[
        (&[], true, &[]),
        (&["nginx"], false, &["nginx"]),
        (&["nginx:latest"], false, &["nginx:latest"]),
        (&["registry:5000/nginx"], false, &["registry:5000/nginx"]),
        (&["nginx:LATEST"], false, &["nginx:LATEST"]),
        (&["nginx:latest-alpine"], true, &[]),
        (&[&digest], true, &[]),
        (&[&latest_with_digest], true, &[]),
        (&["registry.example.com:5000/team/app:1.2"], true, &[]),
        (&["[2001:db8::1]:5000/x:1"], true, &[]),
        (&["a:1", "b:2", "bad/c", "d:4"], false, &["bad/c"]),
        (
            &["a:1", "bad/b", "bad/c:latest"],
            false,
            &["bad/b", "bad/c:latest"],
        ),
        // What no node can pull is a denial, never an error.
        (&["UPPER CASE"], false, &["UPPER CASE"]),
        (&[""], false, &["spec.containers[0]"]),
        // What the node and other readers take for different images.
        (&["Foo/x:1"], false, &["Foo/x:1"]),
        (&["LOCALHOST/x:1"], false, &["LOCALHOST/x:1"]),
        (&["nginx:é"], false, &["nginx:é"]),
        (&["nginx:１.２"], false, &["nginx:１.２"]),
        (&[&uppercase_digest], false, &["nginx@sha256:AAAA"]),
        (&[&bare_hex], false, &[&bare_hex]),
        (&["a_b.c/d:1"], false, &["a_b.c/d:1"]),
    ];
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    for protocol in PROTOCOLS {
        let mut connection = pki
            .client(None)
            .connect(server.address, protocol)
            .await
            .unwrap();
        for row @ (images, allowed, named) in rows {
            let (answer, reason) = connection
                .send(image_review(images))
                .await
                .unwrap()
                .verdict();
            assert_eq!(answer, *allowed, "{protocol:?} {row:?}: {reason}");
            for name in *named {
                assert!(reason.contains(name), "{protocol:?} {row:?}: {reason}");
            }
        }
    }
}

#[tokio::test]
async fn reasons_are_in_the_configured_language() {
    let pki = Pki::new();
    for (language, image, beginning) in [
        (
            Language::Chinese,
            "nginx",
            "检查镜像失败!镜像标签不允许使用latest!",
        ),
        (Language::Chinese, "nginx:1.27", "检查镜像通过."),
    ] {
        let mut config = pki.config();
        config.language = language;
        let server = TestServer::start(config).await;
        for protocol in PROTOCOLS {
            let (_, reason) = pki
                .client(None)
                .review(server.address, protocol, &[image])
                .await
                .verdict();
            assert!(
                reason.starts_with(beginning),
                "{language} {image} {protocol:?}: {reason}"
            );
        }
    }
}

#[tokio::test]
async fn a_policy_that_panics_denies_and_the_server_lives_on() {
    struct PanicAt(&'static str);

    impl Policy for PanicAt {
        fn evaluate(&self, review: &Review<'_>) -> Verdict {
            if review
                .images()
                .iter()
                .any(|image| image.reference().as_written() == self.0)
            {
                panic!("secret detail");
            }
            Verdict::allowed()
        }
    }

    let pki = Pki::new();
    let server = TestServer::start_with(pki.config(), PanicAt("boom:1")).await;
    for protocol in PROTOCOLS {
        let mut connection = pki
            .client(None)
            .connect(server.address, protocol)
            .await
            .unwrap();
        let (allowed, reason) = connection
            .send(image_review(&["boom:1"]))
            .await
            .unwrap()
            .verdict();
        assert!(!allowed, "{protocol:?}");
        assert!(
            reason.contains("the policy failed"),
            "{protocol:?}: {reason}"
        );
        assert!(!reason.contains("secret detail"), "{protocol:?}: {reason}");
        // The same connection goes on.
        let (allowed, reason) = connection
            .send(image_review(&["fine:1"]))
            .await
            .unwrap()
            .verdict();
        assert!(allowed, "{protocol:?}: {reason}");
    }
}
