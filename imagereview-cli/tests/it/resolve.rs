//! `imagereview resolve`, of a registry that the test plays.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

use serde_json::{Value, json};

use crate::support::imagereview;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry of plain HTTP that holds these bytes, each under the end of its path.
pub(crate) fn registry(content: BTreeMap<String, String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            lines.find(|line| line.as_ref().unwrap().is_empty());
            let path = request.split(' ').nth(1).unwrap();
            let found = content.iter().find(|(end, _)| path.ends_with(*end));
            let (status, body) = found.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", body));
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: {MANIFEST}\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{body}"
            )
            .unwrap();
        }
    });
    address
}

/// The digest of the manifest, as `sha256sum` computes it.
pub(crate) const DIGEST: &str =
    "sha256:5be196dfb7b1d3661c21745f871ea3c60b35855c2ccb879c1577e41516531071";

/// The digest of [`CONFIG`].
const CONFIG_DIGEST: &str =
    "sha256:cd25ad5b9cd8b161d2fc13853e158be1a6f7bd2ab686f5c9741083e9d35d7365";

const CONFIG: &str = r#"{"created":"2026-11-01T12:00:00Z","os":"linux","architecture":"amd64","config":{"User":"1000"}}"#;

/// One image, `team/app:v1`.
pub(crate) fn image() -> BTreeMap<String, String> {
    let manifest = manifest();
    BTreeMap::from([
        ("/v2/team/app/manifests/v1".to_owned(), manifest.clone()),
        (format!("/v2/team/app/manifests/{DIGEST}"), manifest),
        (
            format!("/v2/team/app/blobs/{CONFIG_DIGEST}"),
            CONFIG.to_owned(),
        ),
    ])
}

fn manifest() -> String {
    let size = CONFIG.len();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{CONFIG_DIGEST}","size":{size}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{CONFIG_DIGEST}","size":5242880}}]}}"#
    )
}

/// Runs the command without the credentials of whoever runs the test.
fn resolve(args: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = imagereview(&[]);
    command.arg("resolve").args(args);
    let output = command
        .env("DOCKER_CONFIG", folder.path())
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn what_is_known_is_printed() {
    let name = format!("{}/team/app:v1", registry(image()));
    let (status, stdout, stderr) = resolve(&[&name]);
    assert_eq!(
        stdout,
        format!(
            "{name}\n  {DIGEST}\n  linux/amd64       created 2026-11-01T12:00:00Z  5.0 MiB  user 1000\n"
        )
    );
    assert_eq!((status, &*stderr), (0, ""));

    let (status, stdout, _) = resolve(&["--format=json", &name]);
    assert_eq!(status, 0);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    let known = &json[0]["known"];
    assert_eq!(json[0]["image"], name);
    assert_eq!(known["digest"], DIGEST);
    assert_eq!(known["mediaType"], MANIFEST);
    assert_eq!(known["credentials"], "no credentials");
    let platform = &known["platforms"][0];
    assert_eq!(platform["platform"], "linux/amd64");
    let details = &platform["details"]["known"];
    assert_eq!(details["user"], "1000");
    assert_eq!(details["size"], json!(5_242_880 + CONFIG.len()));
    assert_eq!(details["created"], "2026-11-01T12:00:00Z");
}

#[test]
fn the_status_tells_what_is_not_there_from_what_could_not_be_asked() {
    let here = registry(image());
    let dead = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let v1 = format!("{here}/team/app:v1");
    let v2 = format!("{here}/team/app:v2");
    let unasked = format!("{dead}/team/app:v1");
    for (args, status, text) in [
        (&[&*v1][..], 0, "sha256:"),
        (&[&*v1, &*v2], 1, "is not there"),
        (&[&*v2, &*unasked], 2, "not known: no connection to"),
        (&["Upper/x:1"], 2, "not known: "),
        (&["--platform=linux/amd64", &*v1], 0, "linux/amd64"),
        (
            &["--platform=linux/arm64", &*v1],
            1,
            "linux/arm64       is not there",
        ),
        (&["--platform=amd64", &*v1], 2, ""),
        (&["--docker-config=none.json", &*v1], 2, ""),
        (&["--registries=none.yaml", &*v1], 2, ""),
        (&["--credential-provider-config=x", &*v1], 2, ""),
    ] {
        let (found, stdout, stderr) = resolve(args);
        assert_eq!(found, status, "{args:?}: {stdout}{stderr}");
        assert!(stdout.contains(text), "{args:?}: {stdout}");
        assert_eq!(stdout.is_empty(), !stderr.is_empty(), "{args:?}: {stderr}");
    }
}

#[test]
fn a_file_that_is_wrong_is_reported_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registries.yaml");
    fs::write(
        &path,
        "apiVersion: imagereview/v1alpha1\nkind: Registries\nunlistd: ask\n",
    )
    .unwrap();
    let file = format!("--registries={}", path.display());
    let (status, _, stderr) = resolve(&[&file, "nginx"]);
    assert_eq!(status, 2);
    assert!(
        stderr.contains("registries.yaml:3:1: there is no field"),
        "{stderr}"
    );
    assert!(stderr.contains("did you mean \"unlisted\"?"), "{stderr}");
}
