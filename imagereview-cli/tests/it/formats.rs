//! Each format of `imagereview review`, over the files in `inputs/`.
//!
//! `SNAPSHOTS=overwrite cargo test --test it formats` writes down what is printed now.

use std::{collections::BTreeSet, path::Path, process::Command};

use assert_cmd::assert::OutputAssertExt;
use quick_junit::Report;
use serde_json::Value;
use snapbox::{Data, assert_data_eq, data::DataFormat};

use crate::support::{imagereview, run_in};

fn review(arguments: &[&str]) -> Command {
    let mut command = imagereview(&[&["review"], arguments].concat());
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs"));
    // The head of the page tells when.
    command.env("SOURCE_DATE_EPOCH", "1800000000");
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
fn reasons_and_labels_are_in_the_language_that_is_asked_for() {
    for (format, file) in [
        ("human", "human.zh.txt"),
        ("table", "table.zh.txt"),
        ("markdown", "markdown.zh.md"),
        ("junit", "junit.zh.xml"),
    ] {
        let arguments = ["--language=zh", "--format", format, "compose.yaml", "k8s"];
        assert_data_eq!(denied(&arguments), snapshot(file));
    }
    let page = denied(&["--language=zh", "--format=html", "compose.yaml", "k8s"]);
    let headings: Vec<&str> = page
        .split("<h2>")
        .skip(1)
        .filter_map(|rest| rest.split("</h2>").next())
        .collect();
    assert_eq!(headings, ["各规则的发现", "各镜像仓库的镜像"]);
    for text in ["Compose 文件", "日期", "策略", "输入"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains("<html lang=\"zh\">"), "{page}");
}

/// The schema that OASIS publishes for SARIF 2.1.0, as the crate ships it whose types are made from
/// it.
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
    let id = schema["$id"].as_str().unwrap();
    assert!(id.ends_with("/oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json"));
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
    for broken in [
        serde_json::json!({"version": "2.1.0", "runs": [{}]}),
        serde_json::json!({"version": "2.0.0", "runs": []}),
    ] {
        assert!(!validator.is_valid(&broken), "{broken}");
    }
}

/// What GitHub asks of SARIF beyond its schema.
///
/// Source: <https://docs.github.com/code-security/reference/code-scanning/sarif-support-for-code-scanning>
#[test]
fn sarif_has_what_code_scanning_asks_for() {
    let log: Value = serde_json::from_str(&denied(&["--format=sarif", "."])).unwrap();
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(rule[text]["text"].is_string(), "{text} of {rule}");
        }
        assert_eq!(rule["defaultConfiguration"]["level"], "error", "{rule}");
    }
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 8);
    let mut fingerprints = BTreeSet::new();
    for result in results {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(result["ruleId"], rules[rule]["id"], "{result}");
        assert_eq!(result["level"], "error", "{result}");
        let place = &result["locations"][0]["physicalLocation"];
        let artifact = &place["artifactLocation"];
        assert_eq!(artifact["uriBaseId"], "%SRCROOT%", "{result}");
        let path = Path::new("tests/inputs").join(artifact["uri"].as_str().unwrap());
        let text = std::fs::read_to_string(path).unwrap();
        let number = |name: &str| usize::try_from(place["region"][name].as_u64().unwrap()).unwrap();
        let line = text.lines().nth(number("startLine") - 1).unwrap();
        let region = &line[number("startColumn") - 1..number("endColumn") - 1];
        let message = result["message"]["text"].as_str().unwrap();
        assert!(
            ["5", "${BASE}"].contains(&region) || message.contains(region),
            "{region}: {result}"
        );
        let fingerprint = result["partialFingerprints"].to_string();
        assert!(fingerprints.insert(fingerprint), "{result}");
    }

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/k8s/web.yaml");
    let log = denied(&["--format=sarif", file.to_str().unwrap()]);
    let log: Value = serde_json::from_str(&log).unwrap();
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    let artifact = &place["artifactLocation"];
    assert_eq!(artifact["uri"], format!("file://{}", file.display()));
    assert_eq!(artifact["uriBaseId"], Value::Null);
}

/// What is wrong with a text by `schema/junit.xsd`.
fn junit_errors(text: &str) -> Vec<String> {
    let schema = uppsala::parse(include_str!("../schema/junit.xsd")).unwrap();
    let validator = uppsala::XsdValidator::from_schema(&schema).unwrap();
    let errors = validator.validate(&uppsala::parse(text).unwrap());
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn junit_is_valid_by_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
    };
    write("empty.yaml", "");
    write("settings.yaml", "a: 1\n");
    write(
        "odd \u{1}&<.yaml",
        "kind: Pod\nspec: {containers: [{image: \"\\x01\"}]}\n",
    );
    write(
        "broken_test.yaml",
        "policy: p.yaml\ntests:\n- {name: <a>, images: [nginx], expect: denied}\n",
    );
    let policy = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\nrules:\n\
                  - {name: no-redis, repositories: {deny: ['**/redis']}}\n";
    write("p.yaml", policy);
    let run = |arguments: &[&str]| {
        let (_, stdout, _) = run_in(folder.path(), arguments);
        stdout
    };
    let tested = run(&["policy", "test", "--junit=tests.xml"]);
    assert!(tested.ends_with("0 passed, 1 failed\n"), "{tested}");
    for (case, text) in [
        ("all", denied(&["--format=junit", "."])),
        ("Chinese", denied(&["--format=junit", "--language=zh", "."])),
        (
            "nothing",
            run(&["review", "--format=junit", "settings.yaml"]),
        ),
        (
            "errors",
            run(&[
                "review",
                "--format=junit",
                "empty.yaml",
                "missing.yaml",
                ".",
            ]),
        ),
        (
            "policy test",
            std::fs::read_to_string(folder.path().join("tests.xml")).unwrap(),
        ),
    ] {
        assert_eq!(junit_errors(&text), [""; 0], "{case}: {text}");
    }

    // The schema is not one that takes anything.
    let suite = |inner: &str| {
        format!("<testsuites><testsuite name='a' tests='1'>{inner}</testsuite></testsuites>")
    };
    assert_eq!(
        junit_errors(&suite("<testcase name='a' classname='b'/>")),
        [""; 0]
    );
    for broken in [
        "<report/>".to_owned(),
        "<testsuites skipped='0'/>".to_owned(),
        "<testsuites><testsuite name='a'/></testsuites>".to_owned(),
        "<testsuites><testsuite name='a' tests='-1'/></testsuites>".to_owned(),
        suite("<testcase name='' classname='b'/>"),
        suite("<testcase name='a'/>"),
        suite("<test name='a' classname='b'/>"),
        suite("<testcase name='a' classname='b'><failure/></testcase>"),
        suite("<testcase name='a' classname='b'><failed type='c'/></testcase>"),
        suite("<testcase name='a' classname='b'><failure type='c'/><error type='c'/></testcase>"),
    ] {
        assert!(!junit_errors(&broken).is_empty(), "{broken}");
    }
}

#[test]
fn junit_is_read_back_with_a_test_for_each_image() {
    let text = denied(&["--format=junit", "."]);
    let report = Report::deserialize_from_str(&text).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (14, 8, 0));
    let suites: Vec<(&str, usize, usize)> = report
        .test_suites
        .iter()
        .map(|suite| (suite.name.as_str(), suite.tests, suite.failures))
        .collect();
    assert_eq!(
        suites,
        [
            ("Dockerfile", 3, 2),
            ("compose.yaml", 2, 1),
            ("k8s/list.json", 3, 2),
            ("k8s/web.yaml", 5, 3),
            // The template of the chart.
            ("not reviewed", 1, 0),
        ]
    );
}

#[test]
fn every_image_has_its_place_whether_it_may_run_or_not() {
    let json: Value = serde_json::from_str(&denied(&["--format=json", "."])).unwrap();
    let documents = json["documents"].as_array().unwrap();
    let mut count = 0;
    for document in documents {
        for image in document["images"].as_array().unwrap() {
            let path = Path::new("tests/inputs").join(document["file"].as_str().unwrap());
            let text = std::fs::read_to_string(path).unwrap();
            let number = |name: &str| usize::try_from(image[name].as_u64().unwrap()).unwrap();
            let line = text.lines().nth(number("line") - 1).unwrap();
            let rest = &line[number("column") - 1..];
            let written = match image["image"].as_str().unwrap() {
                "alpine" => "${BASE}",
                "postgres:17" => "postgres:${PG_VERSION:-17}",
                "" => "5",
                image => image,
            };
            assert!(rest.starts_with(written), "{image}: {rest}");
            assert_ne!(image["path"], "");
            count += 1;
        }
    }
    assert_eq!(count, 13);

    let inventory = |format: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (_, stdout, _) = run_in(
            folder,
            &["inventory", "--format", format, "tests/inputs/k8s"],
        );
        stdout
    };
    let uses: Value = serde_json::from_str(&inventory("json")).unwrap();
    let places: Vec<(u64, u64)> = uses
        .as_array()
        .unwrap()
        .iter()
        .map(|usage| {
            (
                usage["line"].as_u64().unwrap(),
                usage["column"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            (38, 46),
            (17, 35),
            (9, 55),
            (22, 18),
            (24, 18),
            (28, 24),
            (19, 19)
        ]
    );
    let csv = inventory("csv");
    assert!(
        csv.starts_with(
            "registry,repository,tag,digest,image,file,line,column,object,container,path\n"
        ),
        "{csv}"
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
    assert_eq!(json["summary"]["denied"], 8);
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
}
