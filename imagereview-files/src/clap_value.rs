//! The paths of policies as the value of an option.

use std::ffi::{OsStr, OsString};

use clap::{
    Arg, Command, Error,
    builder::{OsStringValueParser, PathBufValueParser, TypedValueParser, ValueParserFactory},
    parser::ValueSource,
};

use crate::PathList;

/// Splits the value of a variable, and leaves that of a flag whole.
#[doc(hidden)]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PathListParser;

impl ValueParserFactory for PathList {
    type Parser = PathListParser;

    fn value_parser() -> PathListParser {
        PathListParser
    }
}

impl TypedValueParser for PathListParser {
    type Value = PathList;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<PathList, Error> {
        let path = PathBufValueParser::new().parse_ref(command, argument, value)?;
        Ok(path.into())
    }

    fn parse_ref_(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<PathList, Error> {
        // An empty variable is an empty value like any other.
        if source != ValueSource::EnvVariable || value.is_empty() {
            return self.parse_ref(command, argument, value);
        }
        let split = |value: OsString| PathList::split(&value);
        OsStringValueParser::new()
            .try_map(split)
            .parse_ref(command, argument, value)
    }
}
