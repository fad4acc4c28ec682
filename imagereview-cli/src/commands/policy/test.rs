//! `imagereview policy test`: whether policies decide as their tests say.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
    time::SystemTime,
};

use imagereview_core::{
    ImagePolicy, Language, Review, Verdict, Violation, decide, policy::UNREADABLE_REFERENCE,
};
use serde::{Deserialize, Deserializer, de::Error};

use crate::{
    commands::{
        after_help::{Example, after_help},
        error::CliError,
    },
    exit_status::ExitStatus,
    format::{Defect, Suites},
    input::{InputError, Position, Skip, Source, TextError, from_yaml_file, inputs, read_text},
    one_or_many::one_or_many,
    output::OutputFile,
    policy_file::{self, PolicyFileError},
    terminal::{OneLine, print_diagnostic},
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    ("Run the tests of this folder", "imagereview policy test"),
    (
        "Run one file, and write a report for a CI server",
        "imagereview policy test --junit tests.xml policy_test.yaml",
    ),
];

/// Check that policies decide as their tests say
///
/// A test file is YAML. It names the policy, by its path from the test file, and lists cases: the
/// images, what is known of their pod, the expected verdict, and the rules that they should fail:
///
///     policy: policy.yaml
///     tests:
///       - name: no moving tags in production
///         images: [nginx:latest]
///         namespace: prod-eu
///         expect: denied
///         rules: [no-moving-tags]
///
/// Without rules, only the verdict is compared.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::TEST_HELP, EXAMPLES), verbatim_doc_comment)]
pub(crate) struct TestArgs {
    /// Test file, or folder with files whose names end in _test.yaml
    #[arg(value_name = "FILE", default_value = ".")]
    files: Vec<PathBuf>,

    /// Write the results to this file too, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// The end of the names of test files.
const TEST_FILE: &str = "_test.yaml";

/// A file of tests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping with policy and tests")]
struct TestFile {
    /// The policy documents, relative to this file.
    #[serde(deserialize_with = "one_or_many")]
    policy: Vec<PathBuf>,
    tests: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with name, images and expect"
)]
struct Case {
    name: String,
    #[serde(deserialize_with = "one_or_many")]
    images: Vec<String>,
    #[serde(default)]
    namespace: Option<String>,
    /// What the annotations of the pod are, in pairs.
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// When it is decided, for exemptions that end (RFC 3339); now if absent.
    #[serde(default, deserialize_with = "time")]
    time: Option<SystemTime>,
    expect: Expected,
    /// The rules that are broken, in whatever mode; not compared if absent.
    #[serde(default)]
    rules: Option<BTreeSet<String>>,
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = humantime::parse_rfc3339(&text);
    time.map(Some).map_err(|_| {
        let message = format!("{text:?} is not a time; write one such as 2027-01-31T23:59:59Z");
        D::Error::custom(message)
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Allowed,
    Denied,
}

/// Why a test file could not be run, to be written behind its name.
#[derive(Debug, thiserror::Error)]
enum TestFileError {
    #[error(": {0}")]
    Read(#[from] TextError),
    #[error(":{position}: {message}")]
    Yaml { position: Position, message: String },
    #[error(": the list of tests is empty; add a case")]
    NoTests,
    #[error(": {0}")]
    Policy(#[from] PolicyFileError),
}

pub(crate) fn run(args: &TestArgs, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
    let (files, mut outcome) = collect(&args.files);
    let mut junit = Suites::new("imagereview policy test");
    let (mut passed, mut failed) = (0, 0);
    for path in files {
        let name = OneLine(&path.display().to_string()).to_string();
        let suite = junit.of(&name, false);
        let (tests, policy) = match load(&path) {
            Ok(loaded) => loaded,
            Err(error) => {
                let text = format!("{name}{error}");
                print_diagnostic(&text);
                outcome = ExitStatus::Error;
                let message = error.to_string();
                let message = message.trim_start_matches([':', ' ']).to_owned();
                suite.add(&name, "the file", Some(Defect::Error { message, text }))?;
                continue;
            }
        };
        for case in &tests.tests {
            let case_name = OneLine(&case.name).to_string();
            let differences = case.differences(&policy);
            let mut defect = None;
            if differences.is_empty() {
                passed += 1;
                writeln!(out, "ok      {name}: {case_name}")?;
            } else {
                failed += 1;
                outcome = outcome.max(ExitStatus::Denied);
                writeln!(out, "FAILED  {name}: {case_name}")?;
                for difference in &differences {
                    writeln!(out, "    {difference}")?;
                }
                defect = Some(Defect::Failure {
                    kind: "verdict".to_owned(),
                    message: differences.join("; "),
                    text: differences.join("\n"),
                });
            }
            suite.add(&name, &case_name, defect)?;
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    if let Some(path) = &args.junit {
        OutputFile::create(path)?.write(|out| {
            junit.write(out)?;
            out.flush()
        })?;
    }
    Ok(outcome)
}

/// The test files that arguments name. A folder without any is reported on standard error.
fn collect(arguments: &[PathBuf]) -> (Vec<PathBuf>, ExitStatus) {
    let mut files = Vec::new();
    let mut outcome = ExitStatus::default();
    for argument in arguments {
        if !argument.is_dir() {
            files.push(argument.clone());
            continue;
        }
        let before = files.len();
        for input in inputs(
            argument.as_os_str(),
            Skip {
                exclude: &[],
                gitignore: false,
            },
        ) {
            match input.map(|input| input.source) {
                Ok(Source::File(path)) if is_test_file(&path) => files.push(path),
                // An empty folder is reported below.
                Ok(_) | Err(InputError::EmptyFolder(_)) => {}
                Err(error) => {
                    print_diagnostic(error);
                    outcome = ExitStatus::Error;
                }
            }
        }
        if files.len() == before {
            let argument = argument.display();
            print_diagnostic(format_args!(
                "{argument}: the folder has no test files; name them like policy{TEST_FILE}"
            ));
            outcome = ExitStatus::Error;
        }
    }
    (files, outcome)
}

fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| name.ends_with(TEST_FILE))
}

fn load(path: &Path) -> Result<(TestFile, ImagePolicy), TestFileError> {
    let text = read_text(path)?;
    let tests: TestFile = from_yaml_file(&text)
        .map_err(|(position, message)| TestFileError::Yaml { position, message })?;
    if tests.tests.is_empty() {
        return Err(TestFileError::NoTests);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let policies = tests.policy.iter().map(|policy| folder.join(policy));
    let policies: Vec<PathBuf> = policies.collect();
    let policy = policy_file::compile(&policies)?;
    Ok((tests, policy))
}

impl Case {
    /// How what the policy decides differs from what is expected.
    fn differences(&self, policy: &ImagePolicy) -> Vec<String> {
        let annotations = self
            .annotations
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()));
        let annotations = annotations.collect();
        let time = self.time.unwrap_or_else(SystemTime::now);
        let review: Review<'_> = self.images.iter().map(String::as_str).collect();
        let mut review = review.with_annotations(&annotations).with_time(time);
        if let Some(namespace) = &self.namespace {
            review = review.with_namespace(namespace);
        }
        self.compare(policy, &decide(policy, &review))
    }

    fn compare(&self, policy: &ImagePolicy, verdict: &Verdict) -> Vec<String> {
        let mut differences = Vec::new();
        let is_expected = verdict.is_allowed() == (self.expect == Expected::Allowed);
        if !is_expected {
            let (expected, found) = match self.expect {
                Expected::Allowed => ("allowed", "denied"),
                Expected::Denied => ("denied", "allowed"),
            };
            differences.push(format!("expected {expected}, found {found}"));
        }
        let violations = verdict.violations();
        let omitted = verdict.omitted().map(|(rule, ..)| rule);
        let found = violations.iter().map(Violation::rule).chain(omitted);
        let found: BTreeSet<&str> = found.collect();
        if let Some(expected) = &self.rules {
            for rule in expected
                .iter()
                .filter(|rule| !found.contains(rule.as_str()))
            {
                let is_rule = rule == UNREADABLE_REFERENCE || policy.rules().any(|r| r == rule);
                let why = if is_rule {
                    "passed"
                } else {
                    "the policy does not have"
                };
                differences.push(format!("expected to fail {rule:?}, which {why}"));
            }
            for rule in found.iter().filter(|rule| !expected.contains(**rule)) {
                differences.push(format!("failed {rule:?}, which is not expected"));
            }
        }
        if !differences.is_empty() {
            let sentences = violations.iter().map(|v| v.describe(Language::English));
            differences.extend(sentences);
        }
        differences
    }
}
