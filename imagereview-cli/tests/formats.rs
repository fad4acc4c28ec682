//! Each format of `imagereview review`, over the files in `inputs/`.
//!
//! `SNAPSHOTS=overwrite cargo test --test formats` writes down what is printed now.

use std::{path::Path, process::Command};

use assert_cmd::{assert::OutputAssertExt, cargo::cargo_bin};
use quick_junit::Report;
use serde_json::Value;
use snapbox::{Data, assert_data_eq, data::DataFormat};

fn review(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin!("imagereview"));
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs"))
        .env_remove("IMAGEREVIEW_LANGUAGE")
        .env_remove("IMAGEREVIEW_POLICY")
        .arg("review")
        .args(arguments);
    command
}

/// What a run that denies something prints.
fn denied(arguments: &[&str]) -> String {
    let output = review(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn snapshot(name: &str) -> Data {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    Data::read_from(&folder.join(name), Some(DataFormat::Text)).raw()
}

#[test]
fn each_format_prints_what_is_written_down() {
    for (format, file) in [
        ("human", "human.txt"),
        ("json", "json.json"),
        ("ndjson", "ndjson.jsonl"),
        ("sarif", "sarif.sarif"),
        ("junit", "junit.xml"),
        ("github", "github.txt"),
        ("table", "table.txt"),
        ("markdown", "markdown.md"),
        ("html", "html.html"),
    ] {
        assert_data_eq!(denied(&["--format", format, "."]), snapshot(file));
    }
}

#[test]
fn reasons_are_in_the_language_that_is_asked_for() {
    let text = denied(&["--language", "zh", "compose.yaml"]);
    assert_data_eq!(text, snapshot("human.zh.txt"));
}

/// The schema of SARIF 2.1.0 that the crate ships whose types are made from it.
fn sarif_schema() -> Value {
    let host = Command::new("rustc")
        .args(["--print", "host-tuple"])
        .output()
        .unwrap();
    // What other platforms need may not be there.
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--offline"])
        .arg("--filter-platform")
        .arg(String::from_utf8(host.stdout).unwrap().trim())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|p| p["name"] == "serde-sarif")
        .unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let schema = std::fs::read(manifest.with_file_name("src/schema.json")).unwrap();
    let mut schema: Value = serde_json::from_slice(&schema).unwrap();
    // A bracket too many makes this pattern no regular expression; we write no such property.
    for definition in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][definition]["properties"]["language"];
        language.as_object_mut().unwrap().remove("pattern").unwrap();
    }
    schema
}

#[test]
fn sarif_is_valid_by_its_schema() {
    let validator = jsonschema::validator_for(&sarif_schema()).unwrap();
    for arguments in [&["."][..], &["k8s/web.yaml"], &["--language=zh", "."]] {
        let text = denied(&[&["--format=sarif"], arguments].concat());
        let log: Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&log)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{arguments:?}: {errors:#?}\n{text}");
        assert!(!log["runs"][0]["results"].as_array().unwrap().is_empty());
    }
    // The schema is not one that takes anything.
    assert!(!validator.is_valid(&serde_json::json!({"version": "2.1.0", "runs": [{}]})));
}

#[test]
fn junit_is_read_back_with_a_test_for_each_image() {
    let text = denied(&["--format=junit", "."]);
    let all = text.lines().nth(1).unwrap();
    assert_eq!(
        all,
        r#"<testsuites name="imagereview" tests="12" failures="7" errors="0">"#
    );
    let report = Report::deserialize_from_str(&text).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (12, 7, 0));
    let suites: Vec<(&str, usize)> = report
        .test_suites
        .iter()
        .map(|suite| (suite.name.as_str(), suite.failures))
        .collect();
    assert_eq!(
        suites,
        [
            ("Dockerfile", 2),
            ("compose.yaml", 1),
            ("k8s/list.json", 1),
            ("k8s/web.yaml", 3),
        ]
    );
}

#[test]
fn json_and_ndjson_tell_the_same() {
    let json: Value = serde_json::from_str(&denied(&["--format=json", "."])).unwrap();
    let lines = denied(&["--format=ndjson", "."]);
    let documents: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(json["documents"], Value::from(documents));
    assert_eq!(json["summary"]["denied"], 7);
}

#[test]
fn several_formats_go_to_their_own_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let text = denied(&[
        "--format",
        &format!("sarif={}", path("out.sarif")),
        "--format",
        "github",
        "--format",
        &format!("junit={}", path("out.xml")),
        ".",
    ]);
    assert_data_eq!(text, snapshot("github.txt"));
    let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_data_eq!(read("out.sarif"), snapshot("sarif.sarif"));
    assert_data_eq!(read("out.xml"), snapshot("junit.xml"));

    let text = denied(&["--format=table", "--output", &path("out.txt"), "."]);
    assert_eq!(text, "");
    assert_data_eq!(read("out.txt"), snapshot("table.txt"));
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    review(&["--format=sarif=missing/out.sarif", "."])
        .assert()
        .code(2)
        .stdout("");
    review(&["--format=nonsense", "."]).assert().code(2);
    review(&["--format=answers", "--format=human", "."])
        .assert()
        .code(2);
}
