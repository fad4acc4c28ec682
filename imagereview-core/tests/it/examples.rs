//! The policies under `examples/policies/`, each with the cases beside it, and those of the
//! documentation.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use imagereview_core::{
    ImagePolicy, PolicySource, Review, StringMap, Verdict, Violation, decide,
    document::{PolicyFiles, json_schema},
    facts::Facts,
};
use serde::Deserialize;

/// A file `NAME_test.yaml`; `docs/policy.md` describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    policy: PathBuf,
    facts: Option<PathBuf>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    images: Vec<String>,
    namespace: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    time: Option<String>,
    expect: Expected,
    #[serde(default)]
    rules: BTreeSet<String>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Allowed,
    Denied,
}

impl Case {
    fn verdict(&self, policy: &ImagePolicy, facts: &Facts) -> Verdict {
        let annotations: StringMap<'_> = self
            .annotations
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let mut review: Review<'_> = self.images.iter().map(String::as_str).collect();
        review = review.with_annotations(&annotations).with_facts(facts);
        if let Some(namespace) = &self.namespace {
            review = review.with_namespace(namespace);
        }
        if let Some(time) = &self.time {
            let time: jiff::Timestamp = time.parse().unwrap();
            review = review.with_time(SystemTime::try_from(time).unwrap());
        }
        decide(policy, &review)
    }
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The policies under `examples/policies`, or the files with their cases, each with its text.
fn examples(cases: bool) -> Vec<(PathBuf, String)> {
    let mut found: Vec<PathBuf> = fs::read_dir(repository().join("examples/policies"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with("_test.yaml") == cases)
        .collect();
    found.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    found.into_iter().map(read).collect()
}

/// What lies beside the policies of the documentation.
fn files() -> PolicyFiles {
    let key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let mut files = PolicyFiles::new();
    for (name, text) in [
        ("cosign.pub", key),
        ("release.pub", key),
        ("security.pub", key),
        ("ca.pem", certificate),
        ("tsa.pem", certificate),
        ("trusted_root.json", "{}"),
        ("gitlab.trusted_root.json", "{}"),
    ] {
        files.insert(name, Ok(text.into()));
    }
    files
}

fn compile(path: &Path, text: &str) -> ImagePolicy {
    let name = path.display().to_string();
    let files = files();
    match ImagePolicy::compile([PolicySource::new(&name, text).with_files(&files)]) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}"),
    }
}

fn is_valid(text: &str) -> Result<(), String> {
    let document: serde_json::Value = serde_saphyr::from_str(text).unwrap();
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    validator
        .validate(&document)
        .map_err(|error| error.to_string())
}

#[test]
fn every_case_of_an_example_comes_out_as_it_says() {
    let mut tested = BTreeSet::new();
    for (path, text) in examples(true) {
        let file: TestFile = serde_saphyr::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let policy_path = path.with_file_name(&file.policy);
        let policy = compile(&policy_path, &fs::read_to_string(&policy_path).unwrap());
        let facts = file.facts.map_or_else(Facts::new, |facts| {
            let bytes = fs::read(path.with_file_name(facts)).unwrap();
            Facts::from_file(&bytes).unwrap_or_else(|error| panic!("{error}"))
        });
        for case in &file.tests {
            let verdict = case.verdict(&policy, &facts);
            let found = if verdict.is_allowed() {
                Expected::Allowed
            } else {
                Expected::Denied
            };
            let rules: BTreeSet<&str> = verdict.violations().iter().map(Violation::rule).collect();
            let row = format!("{}: {}: {verdict:?}", path.display(), case.name);
            assert_eq!(found, case.expect, "{row}");
            assert!(rules.iter().eq(&case.rules), "{row}");
        }
        // Each rule is seen at work, so that none is there in vain.
        let seen: BTreeSet<&str> = file
            .tests
            .iter()
            .flat_map(|case| case.rules.iter().map(String::as_str))
            .collect();
        let unseen: Vec<&str> = policy.rules().filter(|rule| !seen.contains(rule)).collect();
        assert!(
            unseen.is_empty(),
            "{}: no case breaks {unseen:?}",
            path.display()
        );
        tested.insert(policy_path);
    }
    for (path, _) in examples(false) {
        assert!(
            tested.contains(&path),
            "{} has no cases beside it",
            path.display()
        );
    }
}

#[test]
fn the_schema_takes_every_example() {
    let policies = examples(false);
    assert!(!policies.is_empty());
    for (path, text) in policies {
        assert_eq!(is_valid(&text), Ok(()), "{}", path.display());
        let schema = text
            .lines()
            .next()
            .and_then(|line| line.split_once("$schema="));
        let (_, schema) = schema.unwrap_or_else(|| panic!("{} names no schema", path.display()));
        assert!(
            path.with_file_name(schema).exists(),
            "{} names {schema}",
            path.display()
        );
    }
}

/// A block of YAML in the documentation, and the line before its first.
fn blocks(markdown: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line == "```yaml" {
            let block = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| *line != "```");
            let block: Vec<&str> = block.collect();
            blocks.push((number + 1, block.join("\n") + "\n"));
        }
    }
    blocks
}

/// What the documentation shows is read as it is, or, if it is a part of a policy, within one.
#[test]
fn every_policy_of_the_documentation_is_one() {
    let path = repository().join("docs/policy.md");
    let markdown = fs::read_to_string(&path).unwrap();
    let blocks = blocks(&markdown);
    assert!(blocks.len() > 10, "{}", blocks.len());
    let (_, last) = markdown.split_once("## Policies of other engines").unwrap();
    let example = repository().join("examples/policies/as-elsewhere.yaml");
    let example = fs::read_to_string(example).unwrap();
    let (_, shown) = example.split_once("apiVersion:").unwrap();
    assert!(
        last.contains(shown),
        "the documentation shows another as-elsewhere.yaml"
    );
    let signatures = fs::read_to_string(repository().join("docs/signatures.md")).unwrap();
    let signatures = self::blocks(&signatures).into_iter();
    let signatures = signatures.map(|(line, block)| (format!("docs/signatures.md:{line}"), block));
    let blocks = blocks.into_iter();
    let blocks = blocks.map(|(line, block)| (format!("docs/policy.md:{line}"), block));
    for (location, block) in blocks.chain(signatures) {
        if block.starts_with("policy:") {
            let file = serde_saphyr::from_str::<TestFile>(&block);
            assert!(file.is_ok(), "{location}: {:?}", file.err());
            continue;
        }
        let head = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: docs}\n";
        let whole = if block.contains("kind: ImagePolicy") {
            block
        } else if block.contains("rules:\n") {
            format!("{head}{block}")
        } else if block.starts_with("exemptions:") || block.starts_with("scope:") {
            format!("{head}rules: [{{name: no-latest, tags: {{deny: [latest]}}}}]\n{block}")
        } else {
            format!("{head}rules:\n{block}")
        };
        compile(Path::new(&location), &whole);
        assert_eq!(is_valid(&whole), Ok(()), "{location}");
    }
}
