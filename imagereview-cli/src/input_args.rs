//! The inputs of a command.

use std::{collections::BTreeMap, ffi::OsString};

use crate::{
    input::{Input, inputs},
    outcome::Outcome,
    output::report,
};

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct InputArgs {
    /// A file, a folder, a pattern such as 'k8s/**/*.yaml', or - for standard input
    ///
    /// Without any, standard input is read. In a folder, the YAML and JSON files and Dockerfiles
    /// are read, without hidden ones and those that a .gitignore leaves out.
    #[arg(value_name = "INPUT")]
    inputs: Vec<OsString>,

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
    pub(crate) fn collect(&self) -> (Vec<Input>, Outcome) {
        let stdin = [OsString::from("-")];
        let arguments = if self.inputs.is_empty() {
            &stdin[..]
        } else {
            &self.inputs
        };
        let mut all = Vec::new();
        let mut outcome = Outcome::default();
        for input in arguments.iter().flat_map(|argument| inputs(argument)) {
            match input {
                Ok(input) => all.push(input),
                Err(error) => {
                    report(error);
                    outcome = Outcome::Error;
                }
            }
        }
        (all, outcome)
    }

    /// The values of build arguments and variables.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        self.variables.iter().cloned().collect()
    }
}
