//! `imagereview policy schema`: the JSON Schema of policy documents.

use std::io::{self, Write};

use imagereview_core::document;

use crate::{
    commands::{
        after_help::{Example, after_help},
        error::CliError,
    },
    exit_status::ExitStatus,
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[(
    "Write the schema to a file",
    "imagereview policy schema > policy.schema.json",
)];

/// Print the JSON Schema of policy documents, for editors
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::WRITE_HELP, EXAMPLES))]
pub(crate) struct SchemaArgs {}

pub(crate) fn run(out: &mut dyn Write) -> Result<ExitStatus, CliError> {
    serde_json::to_writer_pretty(&mut *out, &document::json_schema()).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(ExitStatus::default())
}
