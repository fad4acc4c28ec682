//! Rules over signatures, with evidence that cosign made and that was saved.

use std::{fs, path::Path};

use imagereview_http::{FactsSource, ServerPolicy};

use crate::{
    harness::{Pki, Protocol, TestServer, metrics_say},
    reload::Mounted,
};

const POLICY: &str = "\
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: signed}
rules:
  - {name: ours, signed: {by: {key: {file: cosign.pub}}}}
";

/// A public key that signed nothing. Source: RFC 8410, section 10.1.
const OTHER: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
    -----END PUBLIC KEY-----\n";

/// The key of the example's policy.
fn key(examples: &Path) -> String {
    let policy = fs::read_to_string(examples.join("policies/signed-images.yaml")).unwrap();
    let lines = policy.lines().map(str::trim);
    let key = lines.skip_while(|line| !line.starts_with("-----BEGIN"));
    key.take(4).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_nobody_signed_is_denied_and_a_key_is_read_again_when_it_changes() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let facts = examples.join("facts/signed-images.json");
    let text = fs::read_to_string(&facts).unwrap();
    let image = |begin: &str| {
        let mut lines = text.lines().map(str::trim);
        let name = lines.find_map(|line| {
            line.strip_prefix("\"image\": \"")
                .filter(|name| name.starts_with(begin))
        });
        name.unwrap().trim_end_matches("\",").to_owned()
    };
    let signed = image("registry.example.com/shop/app@");
    let unsigned = image("registry.example.com/shop/unsigned@");
    let flooded = image("registry.example.com/shop/flooded@");

    let pki = Pki::new();
    let mut policies = Mounted::new(&[("policy.yaml", POLICY), ("cosign.pub", &key(&examples))]);
    let mut config = pki.config();
    config.facts = FactsSource::Saved(facts);
    let policy = ServerPolicy::Files(vec![policies.folder()]);
    let server = TestServer::start_serving(config, policy).await;
    let client = pki.client(None);
    let review = async |image: &str| {
        let answer = client
            .review(server.address, Protocol::Http2, &[image])
            .await;
        answer.verdict()
    };
    assert!(review(&signed).await.0, "{:?}", review(&signed).await);
    for (image, expected) in [
        (&unsigned, "key cosign.pub: no signature was found"),
        (
            &flooded,
            "more than 64 signatures and attestations lie beside the image",
        ),
    ] {
        let (allowed, reason) = review(image).await;
        assert!(!allowed && reason.contains(expected), "{reason}");
    }

    policies.replace(&[("policy.yaml", POLICY), ("cosign.pub", OTHER)]);
    metrics_say(
        server.health,
        "imagereview_reloads_total{part=\"policy\",result=\"success\"} 1",
    )
    .await;
    let (allowed, reason) = review(&signed).await;
    assert!(
        !allowed && reason.contains("it is not signed with the key"),
        "{reason}"
    );

    // What can't be used never replaces what is served.
    policies.replace(&[
        ("policy.yaml", POLICY),
        ("cosign.pub", "-----BEGIN PRIVATE KEY-----\n"),
    ]);
    metrics_say(
        server.health,
        "imagereview_reloads_total{part=\"policy\",result=\"failure\"} 1",
    )
    .await;
    let (allowed, reason) = review(&signed).await;
    assert!(
        !allowed && reason.contains("it is not signed with the key"),
        "{reason}"
    );
}
