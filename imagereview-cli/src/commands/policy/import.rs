//! `imagereview policy import`: documents of ours from the policies of other engines.

mod compare;

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

use imagereview_files::MAX_FILE_BYTES;
use imagereview_import::{Import, ImportError, RemarkKind, Source as ImportSource};

use crate::{
    commands::{
        after_help::{Example, after_help},
        error::CliError,
    },
    exit_status::ExitStatus,
    input::{Input, InputError, Skip, inputs},
    output::{OutputFile, WriteError},
    project::Project,
    terminal::print_diagnostic,
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    (
        "Write a policy and its tests from what another engine has",
        "imagereview policy import --output imported.yaml constraints.yaml",
    ),
    (
        "Show on which references the other engine was wrong",
        "imagereview policy import --references references.txt constraints.yaml",
    ),
];

const HELP: &str = "\
Exit status:
    0  everything was taken
    1  something was not taken
    2  something could not be read or written, or the command line is
       wrong
  141  standard output was closed early";

/// Write a policy from the image policies of another engine
///
/// Reads policies of Kyverno, Gatekeeper, Kubewarden, policy-controller, Connaisseur and Portieris,
/// ValidatingAdmissionPolicies, and rules of conftest. Writes one document for each, with comments that say
/// where each line comes from. What is not taken is listed on standard error, with its line and the reason.
/// A part that can't be known exactly is taken in a form that denies more, and listed too.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(HELP, EXAMPLES))]
pub(crate) struct ImportArgs {
    /// File or folder of policies, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<OsString>,

    /// Write the policy to this file, and its test cases beside it
    ///
    /// The test cases of policy.yaml are in `policy_test.yaml`; `imagereview policy test` runs them. Without
    /// this option the policy is written to standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Name of the file beside the policy that has the trusted root of keyless signatures
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<String>,

    /// List the images in this input of which the other engine says something else; may be repeated
    #[arg(long, value_name = "INPUT")]
    compare: Vec<OsString>,

    /// List the references in this file, one a line, of which the other engine says something else
    #[arg(long, value_name = "FILE")]
    references: Option<PathBuf>,
}

/// Why policies can't be imported.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("{name}: can't read it: {cause}")]
    Read { name: String, cause: io::Error },
    #[error("{name}: the file is not UTF-8; save it as UTF-8")]
    NotUtf8 { name: String },
    #[error("{name}: it has more than {MAX_FILE_BYTES} bytes; a policy has less")]
    TooLarge { name: String },
    #[error("{0}: the folder has no policies; their names end in .yaml, .yml or .json")]
    EmptyFolder(String),
    #[error("{0}")]
    Input(InputError),
    #[error("{0}")]
    Import(#[from] ImportError),
    #[error("the file of a policy ends in .yaml, so that the name of its tests can end in _test.yaml; got {}", .0.display())]
    Output(PathBuf),
}

pub(crate) fn run(
    args: &ImportArgs,
    project: &Project,
    out: &mut dyn Write,
) -> Result<ExitStatus, CliError> {
    let import = match read(args) {
        Ok(import) => import,
        Err(error) => {
            print_diagnostic(error);
            return Ok(ExitStatus::Error);
        }
    };
    let compares = !args.compare.is_empty() || args.references.is_some();
    match &args.output {
        Some(path) => write(&import, path)?,
        None if compares => {}
        None => out.write_all(import.document().as_bytes())?,
    }
    for remark in import.remarks() {
        print_diagnostic(remark);
    }
    let outcome = if compares {
        compare::run(
            &import,
            args.references.as_deref(),
            &args.compare,
            project,
            out,
        )?
    } else {
        ExitStatus::default()
    };
    let not_taken = import
        .remarks()
        .iter()
        .filter(|remark| remark.kind() == RemarkKind::NotTaken)
        .count();
    if not_taken == 0 {
        return Ok(outcome);
    }
    let parts = if not_taken == 1 {
        "part was"
    } else {
        "parts were"
    };
    print_diagnostic(format_args!("{not_taken} {parts} not taken"));
    Ok(outcome.max(ExitStatus::Denied))
}

fn read(args: &ImportArgs) -> Result<Import, Unreadable> {
    if let Some(path) = &args.output
        && tests_of(path).is_none()
    {
        return Err(Unreadable::Output(path.clone()));
    }
    let mut texts = Vec::new();
    for argument in &args.files {
        for Input { source, is_named } in found(argument)? {
            // A folder of policies may have Dockerfiles and other inputs of reviews in it.
            if is_named || source.is_kubectls() {
                let name = source.to_string();
                let text = text(&source, &name)?;
                texts.push((name, text));
            }
        }
    }
    let sources = texts
        .iter()
        .map(|(name, text)| ImportSource::new(name, text));
    let trusted_root = args.trusted_root.as_deref();
    Ok(imagereview_import::import_with_trusted_root(
        sources,
        trusted_root,
    )?)
}

fn found(argument: &OsStr) -> Result<Vec<Input>, Unreadable> {
    let skip = Skip {
        exclude: &[],
        gitignore: false,
    };
    let found: Result<Vec<_>, _> = inputs(argument, skip).into_iter().collect();
    found.map_err(|error| match error {
        InputError::EmptyFolder(folder) => Unreadable::EmptyFolder(folder),
        error => Unreadable::Input(error),
    })
}

fn text(source: &crate::input::Source, name: &str) -> Result<String, Unreadable> {
    let limit = MAX_FILE_BYTES as u64;
    let mut bytes = Vec::new();
    let read = source
        .open()
        .and_then(|reader| reader.take(limit + 1).read_to_end(&mut bytes));
    let name = || name.to_owned();
    match read {
        Err(cause) => Err(Unreadable::Read {
            name: name(),
            cause,
        }),
        Ok(len) if len as u64 > limit => Err(Unreadable::TooLarge { name: name() }),
        Ok(_) => String::from_utf8(bytes).map_err(|_| Unreadable::NotUtf8 { name: name() }),
    }
}

/// The file of the tests of a policy.
fn tests_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".yaml").filter(|stem| !stem.is_empty())?;
    Some(path.with_file_name(format!("{stem}_test.yaml")))
}

fn write(import: &Import, path: &Path) -> Result<(), WriteError> {
    let write = |path: &Path, text: &str| {
        OutputFile::create(path)?.write(|out| {
            out.write_all(text.as_bytes())?;
            out.flush()
        })
    };
    if import.document().is_empty() {
        // An empty policy would be no policy.
        return Ok(());
    }
    write(path, import.document())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if let (Some(tests), Some(path)) = (import.tests(&name), tests_of(path)) {
        write(&path, &tests)?;
    }
    Ok(())
}
