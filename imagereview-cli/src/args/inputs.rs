//! The inputs of a command.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, IsTerminal},
};

use super::env_file::EnvFile;
use crate::{
    exit_status::ExitStatus,
    input::{Input, Skip, inputs, inputs_as_in_folder},
    project::Project,
    terminal::print_diagnostic,
};

/// Nothing is named, and nobody writes to standard input.
#[derive(Debug, thiserror::Error)]
#[error(
    "no input is given; name files or folders, such as . for this folder, or - for standard input"
)]
pub(crate) struct NoInput;

/// What to read.
#[derive(Debug, clap::Args)]
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

    /// Skip files in folders that a .gitignore excludes
    ///
    /// A file that git tracks is deployed even if a .gitignore excludes it. So none is used without
    /// this option.
    #[arg(long)]
    gitignore: bool,

    /// Treat FILE arguments like files found in a directory: skip what is not for Kubernetes, apply --exclude
    ///
    /// For hooks, which name each file that changes. A template is no error then.
    #[arg(long)]
    as_in_folder: bool,

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
        let mut all = Vec::new();
        let mut outcome = ExitStatus::default();
        let found = arguments.iter().flat_map(|argument| {
            if self.as_in_folder {
                inputs_as_in_folder(argument, skip)
            } else {
                inputs(argument, skip)
            }
        });
        for input in found {
            match input {
                Ok(input) => all.push(input),
                Err(error) => {
                    print_diagnostic(error);
                    outcome = ExitStatus::Error;
                }
            }
        }
        Ok((all, outcome))
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
