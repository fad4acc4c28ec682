//! `--format`: a format, and the file that it is written to.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{
    ValueEnum,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};

use super::name::FormatName;

/// What people write for standard output where a file is asked for.
const STDOUT: &str = "-";

/// A format, and the file that it is written to: `sarif=out.sarif`, or `human` for standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormatArg {
    pub(super) name: FormatName,
    pub(super) file: Option<PathBuf>,
}

impl FormatArg {
    /// A format that is written to standard output.
    pub(crate) fn to_stdout(name: FormatName) -> Self {
        Self { name, file: None }
    }

    /// The same, to this file if it is to none yet.
    pub(crate) fn or_file(mut self, file: Option<&Path>) -> Self {
        let file = file.filter(|file| *file != Path::new(STDOUT));
        self.file = self.file.or_else(|| file.map(Path::to_owned));
        self
    }

    pub(crate) fn name(&self) -> FormatName {
        self.name
    }
}

impl FromStr for FormatArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name, Some(file)),
            None => (text, None),
        };
        if file == Some("") {
            return Err(format!(
                "{text:?} names no file; write {name} for standard output, or {name}=FILE"
            ));
        }
        let names = || {
            let names = FormatName::value_variants().iter();
            names
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let name = FormatName::from_str(name, false)
            .map_err(|_| format!("unknown format {name:?}; the formats are {}", names()))?;
        let file = file.filter(|file| *file != STDOUT).map(PathBuf::from);
        Ok(Self { name, file })
    }
}

/// Reads a [`FormatArg`], and tells shells and the manual which formats there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FormatArgParser;

impl TypedValueParser for FormatArgParser {
    type Value = FormatArg;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<FormatArg, clap::Error> {
        let parser = StringValueParser::new().try_map(|text| text.parse::<FormatArg>());
        parser.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = FormatName::value_variants().iter();
        Some(Box::new(names.filter_map(ValueEnum::to_possible_value)))
    }
}
