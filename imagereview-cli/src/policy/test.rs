//! `imagereview policy test`: whether policies decide as their tests say.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use imagereview_core::{ImagePolicy, Language, Review, Verdict, Violation, decide};
use serde::Deserialize;

use crate::{
    error::CliError,
    input::{Source, inputs},
    junit::{Defect, Suites},
    outcome::Outcome,
    output::{OutputFile, report},
    policy_file::{self, PolicyFileError},
};

/// Check that policies decide as their tests say
///
/// A test file is YAML and stands beside the policy. It names the policy and lists cases: the
/// images, what is known of their pod, whether they are to be allowed or denied, and the rules that
/// they are to break:
///
///     policy: policy.yaml
///     tests:
///       - name: no moving tags in production
///         images: [nginx:latest]
///         namespace: prod-eu
///         expect: denied
///         rules: [no-moving-tags]
///
/// The status is 1 if a case comes out otherwise.
#[derive(Debug, clap::Args)]
#[command(after_long_help = Outcome::HELP, verbatim_doc_comment)]
pub(crate) struct TestArgs {
    /// A test file, or a folder in which those are whose name ends in _test.yaml
    #[arg(value_name = "FILE", default_value = ".")]
    files: Vec<PathBuf>,

    /// Write the outcome as JUnit XML to this file too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// The end of the names of test files.
const TEST_FILE: &str = "_test.yaml";

/// A file of tests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    /// The policy documents, relative to this file.
    policy: OneOrMany,
    tests: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

impl OneOrMany {
    fn as_slice(&self) -> &[PathBuf] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Many(paths) => paths,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    images: Vec<String>,
    #[serde(default)]
    namespace: Option<String>,
    /// What the annotations of the pod are, in pairs.
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// When it is decided, for exemptions that end (RFC 3339); now if absent.
    #[serde(default)]
    time: Option<String>,
    expect: Expected,
    /// The rules that are broken, in whatever mode; not compared if absent.
    #[serde(default)]
    rules: Option<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Allowed,
    Denied,
}

/// Why a test file could not be run.
#[derive(Debug, thiserror::Error)]
enum TestFileError {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("{0}")]
    Yaml(String),
    #[error("{0}")]
    Policy(#[from] PolicyFileError),
}

pub(crate) fn run(args: &TestArgs, out: &mut dyn Write) -> Result<Outcome, CliError> {
    let (files, mut outcome) = collect(&args.files);
    let mut junit = Suites::new("imagereview policy test");
    let (mut passed, mut failed) = (0, 0);
    for path in files {
        let name = path.display().to_string();
        let (tests, policy) = match load(&path) {
            Ok(loaded) => loaded,
            Err(error) => {
                report(format_args!("{name}: {error}"));
                outcome = Outcome::Error;
                continue;
            }
        };
        let suite = junit.of(&name, false);
        for case in &tests.tests {
            let differences = case.differences(&policy);
            let mut defect = None;
            if differences.is_empty() {
                passed += 1;
                writeln!(out, "ok      {name}: {}", case.name)?;
            } else {
                failed += 1;
                outcome = outcome.max(Outcome::Denied);
                writeln!(out, "FAILED  {name}: {}", case.name)?;
                for difference in &differences {
                    writeln!(out, "    {difference}")?;
                }
                defect = Some(Defect::Failure {
                    kind: "verdict".to_owned(),
                    message: differences.join("; "),
                    text: differences.join("\n"),
                });
            }
            suite.add(&name, &case.name, defect)?;
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

/// The test files that arguments name. What names none is told on standard error.
fn collect(arguments: &[PathBuf]) -> (Vec<PathBuf>, Outcome) {
    let mut files = Vec::new();
    let mut outcome = Outcome::default();
    for argument in arguments {
        if !argument.is_dir() {
            files.push(argument.clone());
            continue;
        }
        let before = files.len();
        for input in inputs(argument.as_os_str(), &[]) {
            match input.map(|input| input.source) {
                Ok(Source::File(path)) if is_test_file(&path) => files.push(path),
                Ok(_) => {}
                Err(error) => {
                    report(error);
                    outcome = Outcome::Error;
                }
            }
        }
        if files.len() == before {
            let argument = argument.display();
            report(format_args!(
                "{argument}: there are no test files, whose name ends in {TEST_FILE}"
            ));
            outcome = Outcome::Error;
        }
    }
    (files, outcome)
}

fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| name.ends_with(TEST_FILE))
}

fn load(path: &Path) -> Result<(TestFile, ImagePolicy), TestFileError> {
    let text = fs::read_to_string(path)?;
    let tests: TestFile =
        serde_saphyr::from_str(&text).map_err(|error| TestFileError::Yaml(error.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let policies = tests.policy.as_slice().iter();
    let policies: Vec<PathBuf> = policies.map(|policy| folder.join(policy)).collect();
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
        let time = match &self.time {
            None => SystemTime::now(),
            Some(time) => match humantime::parse_rfc3339(time) {
                Ok(time) => time,
                Err(error) => return vec![format!("time: {error}")],
            },
        };
        let review: Review<'_> = self.images.iter().map(String::as_str).collect();
        let mut review = review.with_annotations(&annotations).with_time(time);
        if let Some(namespace) = &self.namespace {
            review = review.with_namespace(namespace);
        }
        self.compare(&decide(policy, &review))
    }

    fn compare(&self, verdict: &Verdict) -> Vec<String> {
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
        let found: BTreeSet<&str> = violations.iter().map(Violation::rule).collect();
        if let Some(expected) = &self.rules {
            for rule in expected
                .iter()
                .filter(|rule| !found.contains(rule.as_str()))
            {
                differences.push(format!("expected to break {rule}, which is kept"));
            }
            for rule in found.iter().filter(|rule| !expected.contains(**rule)) {
                differences.push(format!("breaks {rule}, which is not expected"));
            }
        }
        if !differences.is_empty() {
            let sentences = violations.iter().map(|v| v.describe(Language::English));
            differences.extend(sentences);
        }
        differences
    }
}
