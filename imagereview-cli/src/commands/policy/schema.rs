//! `imagereview policy schema`: the JSON Schema of policy documents.

use std::io::{self, Write};

use imagereview_core::document;

use crate::{commands::error::CliError, exit_status::ExitStatus};

/// Print the JSON Schema of policy documents, for editors
#[derive(Debug, clap::Args)]
pub(crate) struct SchemaArgs {}

pub(crate) fn run(out: &mut dyn Write) -> Result<ExitStatus, CliError> {
    serde_json::to_writer_pretty(&mut *out, &document::json_schema()).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(ExitStatus::default())
}
