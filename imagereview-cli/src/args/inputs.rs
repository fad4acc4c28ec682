//! The inputs of a command.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    io::{self, IsTerminal},
    path::PathBuf,
};

use clap::ValueHint;

use super::env_file::EnvFile;
use crate::{
    exit_status::ExitStatus,
    input::{Input, Skip, Source, build, inputs, inputs_as_in_folder, mark_patches, normalized},
    project::Project,
    terminal::{OneLine, print_diagnostic},
};

/// Nothing is named, and nobody writes to standard input.
#[derive(Debug, thiserror::Error)]
#[error(
    "no input is given; name files or folders, such as . for this folder, or - for standard input"
)]
pub(crate) struct NoInput;

/// What to read.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct InputArgs {
    /// File, folder, pattern such as 'k8s/**/*.yaml', or - for standard input
    ///
    /// Default: standard input. In a folder, YAML files, JSON files and Dockerfiles are read. Hidden
    /// files are skipped.
    #[arg(value_name = "INPUT")]
    inputs: Vec<OsString>,

    /// Skip files in folders that match this pattern, as in a .gitignore; may be repeated
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,

    /// Skip files in folders that a .gitignore excludes, and that git does not track
    ///
    /// git tells which of the excluded files it tracks. Those are deployed all the same, so they are
    /// reviewed.
    #[arg(long)]
    gitignore: bool,

    /// Treat FILE arguments like files found in a directory: skip what is not for Kubernetes, apply --exclude
    ///
    /// For hooks, which name each file that changes. A template is no error then.
    #[arg(long)]
    as_in_folder: bool,

    /// Name of standard input in results: the file that it stands for
    ///
    /// The name also says what it is, such as Dockerfile. A folder stands for a chart: the paths of its
    /// templates, which Helm writes before each document, begin there.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    stdin_name: Option<PathBuf>,

    /// Build each kustomization with kustomize, or else kubectl, and review the objects too
    ///
    /// Those are built that no other kustomization among the inputs is built from. kustomize fetches
    /// what a kustomization takes from elsewhere.
    #[arg(long)]
    kustomize: bool,

    /// Exit with status 2 if anything was not reviewed
    ///
    /// Templates in folders, and images of custom resources that no policy declares, are else only
    /// reported and counted.
    #[arg(long)]
    strict: bool,

    /// File of variables of Compose files and build arguments, such as .env; may be repeated
    ///
    /// None is found by itself. --set has precedence over it, and it has precedence over the project
    /// file.
    #[arg(long = "env-file", value_name = "FILE", value_parser = EnvFile::read)]
    env_files: Vec<EnvFile>,

    /// Value of a build argument of Dockerfiles or a variable of Compose files; may be repeated
    ///
    /// Variables of the environment are not used, so a review has the same result everywhere.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} has no =; write NAME=VALUE, such as TAG=1.2"))?;
    Ok((name.to_owned(), value.to_owned()))
}

impl InputArgs {
    /// Inputs that can be read more than once. One that can't be read is reported on standard error.
    pub(crate) fn held(inputs: Vec<Input>) -> (Vec<Input>, ExitStatus) {
        let mut outcome = ExitStatus::default();
        let mut lasting = Vec::new();
        for input in inputs {
            let name = input.source.to_string();
            match input.source.held() {
                Ok(source) => lasting.push(Input { source, ..input }),
                Err(error) => {
                    print_diagnostic(format_args!("{name}: {error}"));
                    outcome = ExitStatus::Error;
                }
            }
        }
        (lasting, outcome)
    }

    /// All inputs, in the order of the arguments. An argument that matches nothing is reported on
    /// standard error, and makes the outcome an error.
    pub(crate) fn collect(&self, project: &Project) -> Result<(Vec<Input>, ExitStatus), NoInput> {
        if self.inputs.is_empty() && io::stdin().is_terminal() {
            return Err(NoInput);
        }
        let stdin = [OsString::from("-")];
        let arguments = if self.inputs.is_empty() {
            &stdin[..]
        } else {
            &self.inputs
        };
        let exclude: Vec<&str> = project
            .exclude
            .iter()
            .chain(&self.exclude)
            .map(String::as_str)
            .collect();
        let skip = Skip {
            exclude: &exclude,
            gitignore: self.gitignore || project.gitignore,
        };
        let mut all: Vec<Input> = Vec::new();
        let mut outcome = ExitStatus::default();
        let found = arguments.iter().flat_map(|argument| {
            if self.as_in_folder {
                inputs_as_in_folder(argument, skip)
            } else {
                inputs(argument, skip)
            }
        });
        // Where an input is given more than once, it is reviewed once.
        let mut places: HashMap<PathBuf, usize> = HashMap::new();
        for input in found {
            match input {
                Ok(mut input) => {
                    let place = match &input.source {
                        Source::File(path) => normalized(path),
                        source => PathBuf::from(source.to_string()),
                    };
                    let place = places.entry(place).or_insert(all.len());
                    if let Some(first) = all.get_mut(*place) {
                        first.is_named |= input.is_named;
                        continue;
                    }
                    if let (Source::Stdin, Some(name)) = (&input.source, &self.stdin_name) {
                        input.source = Source::NamedStdin(name.clone());
                    }
                    all.push(input);
                }
                Err(error) => {
                    print_diagnostic(error);
                    outcome = ExitStatus::Error;
                }
            }
        }
        mark_patches(&mut all);
        if self.kustomize {
            for built in build(&mut all) {
                match built {
                    Ok(input) => all.push(input),
                    Err(error) => {
                        print_diagnostic(error);
                        outcome = ExitStatus::Error;
                    }
                }
            }
        }
        Ok((all, outcome))
    }

    /// The inputs as they were given.
    pub(crate) fn names(&self) -> Vec<String> {
        if self.inputs.is_empty() {
            return vec![Source::Stdin.to_string()];
        }
        let inputs = self.inputs.iter();
        inputs
            .map(|input| OneLine(&input.to_string_lossy()).to_string())
            .collect()
    }

    /// Whether something that was not reviewed is an error.
    pub(crate) fn is_strict(&self, project: &Project) -> bool {
        self.strict || project.strict
    }

    /// The values of build arguments and variables: the project's, those of files, and those of `--set`.
    pub(crate) fn variables(&self, project: &Project) -> BTreeMap<String, String> {
        let mut variables = project.variables.clone();
        for file in &self.env_files {
            variables.extend(file.variables.clone());
        }
        variables.extend(self.variables.iter().cloned());
        variables
    }
}
