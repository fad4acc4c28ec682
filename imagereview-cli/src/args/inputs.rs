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
    "no input is named; name files or folders, such as . for this one, or - for standard input"
)]
pub(crate) struct NoInput;

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct InputArgs {
    /// A file, a folder, a pattern such as 'k8s/**/*.yaml', or - for standard input
    ///
    /// Without any, standard input is read. In a folder, the YAML and JSON files and Dockerfiles
    /// are read, without hidden ones.
    #[arg(value_name = "INPUT")]
    inputs: Vec<OsString>,

    /// A pattern of files in folders that are left out, as in a .gitignore; may be repeated
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,

    /// Leave out of folders what a .gitignore in them leaves out
    ///
    /// A file that git tracks is deployed even where a .gitignore names it, so none is followed
    /// unless this says so.
    #[arg(long)]
    gitignore: bool,

    /// Take files that are named as if a folder held them
    ///
    /// For hooks, which name each file that changes: what is not meant for Kubernetes is passed over,
    /// a template is no error, and --exclude leaves files out.
    #[arg(long)]
    as_in_folder: bool,

    /// A file of variables of Compose files and build arguments, such as .env; may be repeated
    ///
    /// None is looked for. What --set gives goes first, and what the project's file gives last.
    #[arg(long = "env-file", value_name = "FILE", value_parser = EnvFile::read)]
    env_files: Vec<EnvFile>,

    /// The value of a build argument of Dockerfiles or a variable of Compose files; may be repeated
    ///
    /// The environment is not looked at, so that a review comes out the same everywhere.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl InputArgs {
    /// Everything that is named, in order. What names nothing is told on standard error, and makes
    /// the outcome an error.
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

    /// The values of build arguments and variables: the project's, those of files, and those that are given.
    pub(crate) fn variables(&self, project: &Project) -> BTreeMap<String, String> {
        let mut variables = project.variables.clone();
        for file in &self.env_files {
            variables.extend(file.variables.clone());
        }
        variables.extend(self.variables.iter().cloned());
        variables
    }
}
