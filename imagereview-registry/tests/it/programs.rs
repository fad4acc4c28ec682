//! Programs that hand out credentials: Docker's helpers and the kubelet's plugins.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use imagereview_core::facts::Cause;
use imagereview_registry::Keyring;

use crate::harness::{Registry, assert_unavailable, client_with, digest, facts, known};

/// Writes a program. It is written whole under another name, since one that is open for writing
/// can't be run.
fn program(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn docker_config(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("config.json");
    fs::write(&path, text).unwrap();
    path
}

fn runs(folder: &Path) -> usize {
    let text = fs::read_to_string(folder.join("runs")).unwrap_or_default();
    text.lines().count()
}

#[tokio::test]
async fn a_helper_is_asked_for_the_server_and_not_again_soon() {
    let registry = Registry::private("user:from helper").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    program(
        path,
        "docker-credential-test",
        &format!(
            r#"echo run >> {runs}
[ "$1" = get ] && read -r server
[ "$server" = "{host}" ] || {{ echo "credentials not found in native keychain"; exit 1; }}
echo '{{"ServerURL":"{host}","Username":"user","Secret":"from helper"}}'"#,
            runs = path.join("runs").display(),
            host = registry.address
        ),
    );
    for config in [
        format!(r#"{{"credHelpers":{{"{}":"test"}}}}"#, registry.address),
        r#"{"credsStore":"test","auths":{}}"#.to_owned(),
    ] {
        let _ = fs::remove_file(path.join("runs"));
        let keyring = Keyring::new()
            .with_helper_folder(path)
            .with_docker_config(&docker_config(path, &config))
            .unwrap();
        let client = client_with(keyring);
        let found = known(facts(&client, &registry.image("a/b:v1")).await);
        assert!(
            found
                .credentials
                .starts_with("docker-credential-test, named in"),
            "{}",
            found.credentials
        );
        known(facts(&client, &registry.image("a/c:v1")).await);
        assert_eq!(runs(path), 1, "{config}");
    }
}

#[tokio::test]
async fn a_helper_that_fails_is_named_and_the_rest_is_tried() {
    let registry = Registry::private("user:right").await;
    for (script, problem) in [
        (
            "exec sleep 1000",
            "docker-credential-test did not end in 200ms",
        ),
        ("exec cat /dev/zero", "said more than 65536 bytes"),
        ("echo hunter2 >&2; exit 3", "docker-credential-test failed"),
        (
            "echo '[\"hunter2\"]'",
            "said something that is no credential",
        ),
        ("kill -9 $$", "docker-credential-test failed"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        program(path, "docker-credential-test", script);
        let config = docker_config(path, r#"{"credsStore":"test"}"#);
        let keyring = Keyring::new()
            .with_program_timeout(Duration::from_millis(200))
            .with_helper_folder(path)
            .with_docker_config(&config)
            .unwrap();
        let found = digest(&client_with(keyring), &registry.image("a/b:v1")).await;
        assert_unavailable(&found, Cause::Denied, problem);
        assert_unavailable(&found, Cause::Denied, "no credentials");
        assert!(!found.unavailable().unwrap().message().contains("hunter2"));
    }
    let folder = tempfile::tempdir().unwrap();
    let config = docker_config(folder.path(), r#"{"credsStore":"missing"}"#);
    let keyring = Keyring::new()
        .with_helper_folder(folder.path())
        .with_docker_config(&config)
        .unwrap();
    let found = digest(&client_with(keyring), &registry.image("a/b:v1")).await;
    assert_unavailable(&found, Cause::Denied, "there is no such program");
}

/// A plugin that gives one login for all that it is asked about, and writes down what it was asked.
fn plugin(folder: &Path, pattern: &str, key_type: &str) -> Keyring {
    program(
        folder,
        "test-provider",
        &format!(
            r#"echo run >> {runs}
cat > {request}
[ "$1" = get-credentials ] && [ "$REGION" = here ] || exit 1
echo '{{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1",
"cacheKeyType":"{key_type}","cacheDuration":"1h0m0s",
"auth":{{"{pattern}":{{"username":"user","password":"from plugin"}}}}}}'"#,
            runs = folder.join("runs").display(),
            request = folder.join("request").display(),
        ),
    );
    let config = folder.join("providers.yaml");
    fs::write(
        &config,
        format!(
            "apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: test-provider
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ['{pattern}', '*.example.com']
    defaultCacheDuration: 12h
    args: [get-credentials]
    env: [{{name: REGION, value: here}}]
"
        ),
    )
    .unwrap();
    Keyring::new()
        .with_credential_providers(&config, folder)
        .unwrap()
}

#[tokio::test]
async fn a_plugin_is_asked_once_for_what_it_says_its_answer_is_about() {
    let registry = Registry::private("user:from plugin").await;
    for (key_type, expected) in [("Image", 2), ("Registry", 1), ("Global", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let keyring = plugin(folder.path(), &registry.address.to_string(), key_type);
        let client = client_with(keyring);
        for name in ["a/b:v1", "a/c:v1", "a/b:v1"] {
            let found = known(facts(&client, &registry.image(name)).await);
            assert_eq!(&*found.credentials, "credential provider test-provider");
        }
        assert_eq!(runs(folder.path()), expected, "{key_type}");
        let request = fs::read_to_string(folder.path().join("request")).unwrap();
        let request: serde_json::Value = serde_json::from_str(&request).unwrap();
        assert_eq!(request["kind"], "CredentialProviderRequest");
        assert_eq!(
            request["apiVersion"],
            "credentialprovider.kubelet.k8s.io/v1"
        );
        let image = request["image"].as_str().unwrap();
        assert!(image.starts_with(&registry.address.to_string()), "{image}");
    }
}

#[tokio::test]
async fn a_plugin_is_not_asked_about_other_images() {
    let registry = Registry::private("user:from plugin").await;
    let folder = tempfile::tempdir().unwrap();
    let pattern = format!("{}/a/b", registry.address);
    let client = client_with(plugin(folder.path(), &pattern, "Registry"));
    let found = digest(&client, &registry.image("a/bb:v1")).await;
    assert_unavailable(&found, Cause::Denied, "tried no credentials");
    assert_eq!(runs(folder.path()), 0);
    known(digest(&client, &registry.image("a/b:v1")).await);
    // What it gave for one path is not for another.
    let found = digest(&client, &registry.image("a/c:v1")).await;
    assert_unavailable(&found, Cause::Denied, "tried no credentials");
}

#[tokio::test]
async fn a_file_of_plugins_that_is_malformed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("providers.yaml");
    let head = "apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\n";
    let good = "providers:\n- name: p\n  matchImages: [r.example]\n  defaultCacheDuration: 1h\n  apiVersion: credentialprovider.kubelet.k8s.io/v1\n";
    for (from, to, line, message) in [
        (
            "name: p",
            "name: ../p",
            4,
            "a provider is named by the file name",
        ),
        (
            "matchImages",
            "matchImage",
            5,
            "did you mean \"matchImages\"?",
        ),
        ("1h", "soon", 6, "a duration is written as in 12h"),
        ("[r.example]", "['']", 5, "a pattern of images is a host"),
        (
            "k8s.io/v1\n",
            "k8s.io/v1beta1\n",
            1,
            "kubelet.config.k8s.io/v1",
        ),
    ] {
        let text = format!("{head}{good}").replacen(from, to, 1);
        fs::write(&path, text).unwrap();
        let keyring = Keyring::new().with_credential_providers(&path, folder.path());
        let error = keyring.unwrap_err();
        assert_eq!(error.line(), Some(line), "{error}");
        assert!(error.message().contains(message), "{error}");
    }
}
