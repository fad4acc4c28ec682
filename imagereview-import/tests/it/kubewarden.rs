//! Policies of Kubewarden.

use imagereview_core::ContainerKind;
use imagereview_import::{Source, import};

use crate::support::{assert_not_weaker, assert_verdicts, imported, remarks};

fn trusted_repos(settings: &str) -> String {
    format!(
        "apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata: {{name: trusted}}
spec:
  module: registry://ghcr.io/kubewarden/policies/trusted-repos:v2.0.0
  mutating: false
  rules: [{{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}}]
  settings: {{{settings}}}
"
    )
}

#[test]
fn registries() {
    let import = imported(&trusted_repos("registries: {allow: [quay.io, docker.io]}"));
    assert_verdicts(&import, |node| {
        ["quay.io", "docker.io"].contains(&node.registry)
    });
    assert_not_weaker(&import, &[]);
    assert_eq!(remarks(&import), [""; 0]);
    let import = imported(&trusted_repos("registries: {reject: [old.example.com]}"));
    assert_verdicts(&import, |node| {
        let registry = node.registry.to_lowercase();
        registry != "old.example.com" && !registry.starts_with("old.example.com:")
    });
    assert_not_weaker(&import, &[]);
}

#[test]
fn tags() {
    let import = imported(&trusted_repos("tags: {reject: [latest, dev]}"));
    assert_verdicts(&import, |node| {
        let tag = node.tag.or(node.digest.is_none().then_some("latest"));
        !tag.is_some_and(|tag| ["latest", "dev"].contains(&&*tag.to_lowercase()))
    });
    // The module takes a digest alone for the tag latest.
    let image = format!("quay.io/app@sha256:{}", "0".repeat(64));
    let differences = import.compare(&image, None, ContainerKind::Regular);
    assert!(!differences[0].was_allowed());
}

#[test]
fn images_without_a_registry_are_those_of_docker_hub() {
    let import = imported(&trusted_repos(
        "images: {allow: [nginx, 'quay.io/team/app', 'registry.example.com/team/app:1.2']}",
    ));
    assert_verdicts(&import, |node| {
        ["docker.io/library/nginx", "quay.io/team/app"].contains(&&*node.name())
            || (node.name() == "registry.example.com/team/app" && node.pulled_tag() == Some("1.2"))
    });
    assert_not_weaker(&import, &[]);
    let differences = import.compare("evil.example/nginx:1", None, ContainerKind::Regular);
    assert!(differences[0].was_allowed());
    let import = imported(&trusted_repos("images: {reject: [nginx]}"));
    assert_not_weaker(&import, &[]);
}

#[test]
fn other_modules() {
    let module =
        |name: &str, settings: &str| trusted_repos(settings).replace("trusted-repos:v2.0.0", name);
    let import = imported(&module("latest-tag:v1", ""));
    assert!(
        import.document().contains("deny: [latest]"),
        "{}",
        import.document()
    );
    let import = imported(&module(
        "cel-policy:v1",
        "validations: [{expression: \"object.spec.containers.all(c, c.image.startsWith('quay.io/'))\", message: no}]",
    ));
    assert_verdicts(&import, |node| node.registry == "quay.io");
    let import = imported(&module("psp-capabilities:v1", ""));
    assert_eq!(
        remarks(&import),
        [
            "input.yaml:5: not taken: ClusterAdmissionPolicy trusted, spec.module: the import does not know what the \
          module \"psp-capabilities\" requires of images"
        ]
    );
    assert_eq!(import.document(), "");
    let import = imported(&module(
        "verify-image-signatures:v1",
        "signatures: [{image: 'quay.io/team/*', githubActions: {owner: team}}]",
    ));
    assert_eq!(import.remarks().len(), 2, "{:?}", remarks(&import));
    let import = imported(&module(
        "verify-image-signatures:v1",
        "signatures: [{image: 'quay.io/team/*', pubKeys: [\"-----BEGIN PUBLIC KEY-----\\nAA\\n-----END PUBLIC KEY-----\"]}]",
    ));
    assert!(import.is_complete(), "{:?}", remarks(&import));
    let document = import.document();
    assert!(
        document.contains("include: [\"quay.io/team/**\"]"),
        "{document}"
    );
    assert!(
        document.contains("-----BEGIN PUBLIC KEY-----\n"),
        "{document}"
    );
    let both = trusted_repos("registries: {allow: [quay.io], reject: [docker.io]}");
    let error = import_error(&both);
    assert_eq!(
        error,
        "input.yaml:8:26: spec.settings.registries: the module takes one of allow and reject, and not both"
    );
}

fn import_error(text: &str) -> String {
    import([Source::new("input.yaml", text)])
        .unwrap_err()
        .to_string()
}
