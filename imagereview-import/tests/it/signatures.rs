//! Rules over signatures, of the engines that have them.

use imagereview_import::{Source, import_with_trusted_root};

use crate::support::{compiled, imported, remarks};

const KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECUXTyQUgTaGb7UlZ4Pm3f5yYbpzZ
pcsFOYMMdlsQEpRtKvF2X+Hc6bJFIUxWO7eu2zOUa6Ai91COIG1N2CMjYg==
-----END PUBLIC KEY-----";

const OTHER_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEW6JgFCDCv3H5LmxjF5AxFFOGQofL
TTd+r0VFyh94md1COA+w4Dd3mqjL2cUP6oYZedc0kCWSXg+kpGjnopKuWw==
-----END PUBLIC KEY-----";

const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIB0DCCAXegAwIBAgIUIu5GHDh2uVAqRx7BJwiuch0gEJIwCgYIKoZIzj0EAwIw
PTELMAkGA1UEBhMCVVMxCzAJBgNVBAgMAldBMRAwDgYDVQQKDAdFeGFtcGxlMQ8w
DQYDVQQDDAZzaWduZXIwIBcNMjYxMTI4MTU0MDA1WhgPMjEyNjExMDQxNTQwMDVa
MD0xCzAJBgNVBAYTAlVTMQswCQYDVQQIDAJXQTEQMA4GA1UECgwHRXhhbXBsZTEP
MA0GA1UEAwwGc2lnbmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8q2ZASia
5XVcZ4gAbBg1LLJOpKNjxgQrDWu+X/7JCJ7uXiLS0SxOoRrgvibhXU5gjTbEWkuZ
KQgHq2skUKBwTqNTMFEwHQYDVR0OBBYEFFG2XSSU/oIM1V311JRnlblwsIUjMB8G
A1UdIwQYMBaAFFG2XSSU/oIM1V311JRnlblwsIUjMA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDRwAwRAIgIDLYSuu5x0KoLJEfS+WrnQQrhJoRmlxsQ2YU6ep9
lh8CICQ34qvAsfzZEP5gwelWAf4tQ6n/jxmPehjtyR0uau1N
-----END CERTIFICATE-----";

/// A text as a block of YAML at an indentation.
fn block(text: &str, indent: usize) -> String {
    let indent = " ".repeat(indent);
    let lines = text.lines().map(|line| format!("\n{indent}{line}"));
    format!("|{}", lines.collect::<String>())
}

#[test]
fn keys_of_kyverno() {
    let import = imported(&format!(
        "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {{name: verify}}
spec:
  validationFailureAction: Enforce
  rules:
  - name: verify-image
    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}
    verifyImages:
    - imageReferences: ['registry.example.com/team*']
      mutateDigest: true
      attestors:
      - count: 1
        entries:
        - keys:
            rekor: {{ignoreTlog: true}}
            publicKeys: {}
        - keys:
            rekor: {{ignoreTlog: true}}
            publicKeys: {}
",
        block(KEY, 14),
        block(OTHER_KEY, 14)
    ));
    let document = import.document();
    assert!(
        document.contains(
            "include: [\"registry.example.com/team*\", \"registry.example.com/team*/**\"]"
        ),
        "{document}"
    );
    assert!(
        document.contains("      by:\n        anyOf:\n          - key:\n              pem: |\n"),
        "{document}"
    );
    assert!(import.is_complete(), "{:?}", remarks(&import));
    assert!(compiled(&import).uses_facts());
}

#[test]
fn keys_elsewhere_and_keyless_signatures_are_named() {
    let import = imported(
        "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: verify}
spec:
  rules:
  - name: verify-image
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages:
    - imageReferences: ['*']
      attestors:
      - entries:
        - keys: {kms: 'awskms:///alias/key'}
        - keyless: {issuer: 'https://issuer.example.com', subject: 'ci@example.com'}
",
    );
    assert_eq!(import.document(), "");
    let fields: Vec<_> = import
        .remarks()
        .iter()
        .map(|one| one.field().to_owned())
        .collect();
    let item = "spec.rules[0].verifyImages[0]";
    assert_eq!(
        fields,
        [
            format!("{item}.attestors[0].entries[0].keys"),
            format!("{item}.attestors[0].entries[0]"),
            format!("{item}.attestors[0].entries[1]"),
            format!("{item}.attestors[0]"),
            item.to_owned(),
        ]
    );
}

#[test]
fn certificates_of_an_image_validating_policy() {
    let import = imported(&format!(
        "apiVersion: policies.kyverno.io/v1
kind: ImageValidatingPolicy
metadata: {{name: verify}}
spec:
  validationActions: [Deny]
  matchConstraints:
    resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}}]
  matchImageReferences: [{{glob: registry.example.com/team/*}}]
  attestors:
  - name: notary
    notary:
      certs:
        value: {}
  validations:
  - expression: 'images.containers.map(image, verifyImageSignatures(image, [attestors.notary])).all(e, e > 0)'
",
        block(CERTIFICATE, 10)
    ));
    let document = import.document();
    assert!(
        document.contains("      by:\n        notation:\n          pem: |\n"),
        "{document}"
    );
    assert!(import.is_complete(), "{:?}", remarks(&import));
}

#[test]
fn authorities_of_the_policy_controller() {
    let policy = |authorities: &str| {
        format!(
            "apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {{name: signed}}
spec:
  mode: warn
  images: [{{glob: 'registry.example.com/team/**'}}, {{glob: 'index.docker.io/library/*'}}]
  authorities:
{authorities}"
        )
    };
    let import = imported(&policy(&format!(
        "  - key:\n      data: {}\n",
        block(KEY, 8)
    )));
    let document = import.document();
    assert!(document.contains("mode: warn\n"), "{document}");
    assert!(
        document.contains("include: [\"registry.example.com/team/**\", \"docker.io/library/*\"]"),
        "{document}"
    );
    assert!(import.is_complete(), "{:?}", remarks(&import));
    let import = imported(&policy("  - static: {action: fail}\n"));
    assert!(
        import.document().contains("static: deny\n"),
        "{}",
        import.document()
    );
    let import = imported(&policy(
        "  - keyless: {identities: [{issuer: a, subject: b}]}\n",
    ));
    assert!(!import.is_complete());
    assert_eq!(import.document(), "");
}

#[test]
fn the_most_specific_pattern_of_connaisseur_decides() {
    let import = imported(&format!(
        "application:
  validators:
  - {{name: allow, type: static, approve: true}}
  - {{name: deny, type: static, approve: false}}
  - name: ours
    type: cosign
    trustRoots:
    - name: default
      key: {}
  policy:
  - {{pattern: '*:*', validator: deny}}
  - {{pattern: 'registry.example.com/team/*:*', validator: ours}}
  - {{pattern: 'registry.example.com/base/*:*', validator: allow}}
",
        block(KEY, 8)
    ));
    let document = import.document();
    assert!(
        document.contains(
            "exclude: [\"registry.example.com/team/**\", \"registry.example.com/base/**\"]"
        ),
        "{document}"
    );
    assert!(
        document.contains("include: [\"registry.example.com/team/**\"]"),
        "{document}"
    );
    compiled(&import);
    assert!(!import.is_complete());
}

#[test]
fn a_key_that_is_none_is_named() {
    let import = imported(
        "apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: signed}
spec:
  images: [{glob: '**'}]
  authorities:
  - key: {data: AAAA}
",
    );
    assert_eq!(import.document(), "");
    assert!(
        remarks(&import)[1]
            .ends_with("the key is not in the policy but in another place, such as a secret"),
        "{:?}",
        remarks(&import)
    );
}

#[test]
fn keyless_identities_with_a_trusted_root() {
    let policy = |identity: &str| {
        format!(
            "apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {{name: signed}}
spec:
  images: [{{glob: 'registry.example.com/**'}}]
  authorities:
  - keyless: {{url: 'https://ca.example.com', identities: [{identity}]}}
"
        )
    };
    let with_root = |text: &str| {
        let source = Source::new("input.yaml", text);
        import_with_trusted_root([source], Some("trusted_root.json")).unwrap()
    };
    let text = policy(
        "{issuer: 'https://issuer.example.com', subjectRegExp: '^https://git.example.com/team/.*$'}",
    );
    // A dot in a regular expression is any character.
    assert!(!with_root(&text).is_complete());
    let text = policy(
        "{issuer: 'https://issuer.example.com', subjectRegExp: '^https://git\\.example\\.com/team/.*$'}",
    );
    let import = with_root(&text);
    assert!(
        import.document().contains(
            "        keyless:
          issuer: \"https://issuer.example.com\"
          subject: \"https://git.example.com/team/*\"
          trustedRoot: \"trusted_root.json\"
"
        ),
        "{}\n{:?}",
        import.document(),
        remarks(&import)
    );
    assert!(import.is_complete(), "{:?}", remarks(&import));
    let without = imported(&text);
    assert!(
        remarks(&without)[1].contains("name it with --trusted-root"),
        "{:?}",
        remarks(&without)
    );
}
