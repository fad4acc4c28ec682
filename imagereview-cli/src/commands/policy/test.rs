//! `imagereview policy test`: whether policies decide as their tests say.

mod case;

use std::{
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
};

use imagereview_core::{
    ImagePolicy, Policy as _,
    facts::{Facts, Needs},
};
use serde::Deserialize;

use self::case::Case;
use crate::{
    args::FactsArgs,
    commands::{
        after_help::{Example, after_help},
        error::CliError,
    },
    exit_status::ExitStatus,
    facts::{self, FactsFileReadError},
    format::{Defect, Suites},
    input::{
        InputError, Position, Skip, Source, TextError, from_yaml_file, inputs,
        layout::{Entry, Kind, Layout},
        near, read_text,
    },
    one_or_many::one_or_many,
    output::OutputFile,
    policy_file::{self, PolicyFileError},
    terminal::{Appearance, OneLine, Tone, print_diagnostic},
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
/// images, what is known of the request, the expected verdict, and the rules that they should fail:
///
///     policy: policy.yaml
///     tests:
///       - name: no moving tags in production
///         images: [nginx:latest]
///         namespace: prod-eu
///         expect: denied
///         rules: [no-moving-tags]
///
/// Without rules, only the verdict is compared. A case may also have annotations, kind,
/// apiVersion, container (regular, init, ephemeral or volume), operation (CREATE or UPDATE),
/// oldImages, user, groups and time.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::TEST_HELP, EXAMPLES), verbatim_doc_comment)]
pub(crate) struct TestArgs {
    /// Test file, or folder with files whose names end in _test.yaml
    #[arg(value_name = "FILE", default_value = ".")]
    files: Vec<PathBuf>,

    /// Write the results to this file too, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// For test files that name no facts
    #[command(flatten)]
    facts: FactsArgs,
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
    /// What is known of images, in a file relative to this one.
    #[serde(default)]
    facts: Option<PathBuf>,
    tests: Vec<Case>,
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
    #[error(": {0}")]
    Facts(#[from] FactsFileReadError),
}

pub(crate) fn run(args: &TestArgs, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
    let (files, mut outcome) = collect(&args.files);
    let mut junit = Suites::new("imagereview policy test");
    let appearance = Appearance::of_stdout();
    let (mut passed, mut failed) = (0, 0);
    let mut source = args.facts.source()?;
    for TestPath { path, is_named } in files {
        let name = OneLine(&path.display().to_string()).to_string();
        if !is_named && is_of_other_program(&path) {
            print_diagnostic(format_args!("{name}: skipped, since it names no policy"));
            continue;
        }
        let suite = junit.of(&name, false);
        let (tests, policy, facts) = match load(&path) {
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
        if facts.is_none() && policy.uses_facts() {
            source.gather(|facts| Ok::<_, CliError>(tests.needs(&policy, facts)))?;
        }
        let facts = facts.as_ref().unwrap_or(source.facts());
        for case in &tests.tests {
            let case_name = OneLine(&case.name).to_string();
            let differences = case.differences(&policy, facts);
            let mut defect = None;
            if differences.is_empty() {
                passed += 1;
                let word = appearance.paint(Tone::Good, "ok    ");
                writeln!(out, "{word}  {name}: {case_name}")?;
            } else {
                failed += 1;
                outcome = outcome.max(ExitStatus::Denied);
                let word = appearance.paint(Tone::Bad, "FAILED");
                writeln!(out, "{word}  {name}: {case_name}")?;
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
    source.finish()?;
    writeln!(out, "{passed} passed, {failed} failed")?;
    if let Some(path) = &args.junit {
        OutputFile::create(path)?.write(|out| {
            junit.write(out)?;
            out.flush()
        })?;
    }
    Ok(outcome)
}

/// A file of tests, and whether an argument names it.
struct TestPath {
    path: PathBuf,
    is_named: bool,
}

/// Whether a file is YAML that has nothing like the field `policy`: other programs name their tests so
/// too, promtool for one.
fn is_of_other_program(path: &Path) -> bool {
    let Some(layout) = read_text(path).ok().and_then(|text| Layout::of(&text)) else {
        return false;
    };
    match &layout.root.kind {
        Kind::Object { entries, .. } => {
            let mut names = entries.iter().filter_map(Entry::name);
            !names.any(|name| name == "policy" || !near(name, &["policy"]).is_empty())
        }
        _ => false,
    }
}

/// The test files that arguments name. A folder without any is reported on standard error.
fn collect(arguments: &[PathBuf]) -> (Vec<TestPath>, ExitStatus) {
    let mut files = Vec::new();
    let mut outcome = ExitStatus::default();
    for argument in arguments {
        if !argument.is_dir() {
            files.push(TestPath {
                path: argument.clone(),
                is_named: true,
            });
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
                Ok(Source::File(path)) if is_test_file(&path) => files.push(TestPath {
                    path,
                    is_named: false,
                }),
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

fn load(path: &Path) -> Result<(TestFile, ImagePolicy, Option<Facts>), TestFileError> {
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
    let facts = match &tests.facts {
        Some(path) => {
            let facts = facts::read(&folder.join(path))?;
            let needs = tests.needs(&policy, &facts);
            Some(facts::verified(&facts, &needs))
        }
        None => None,
    };
    Ok((tests, policy, facts))
}

impl TestFile {
    /// What its cases need to know of their images.
    fn needs(&self, policy: &ImagePolicy, facts: &Facts) -> Needs {
        let mut needs = Needs::new();
        for case in &self.tests {
            case.review(facts, |review| policy.needs(review, &mut needs));
        }
        needs
    }
}
