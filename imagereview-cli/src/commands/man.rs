//! `imagereview man`: the manual pages.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use clap::Command;
use clap_mangen::Man;

use super::{
    after_help::{Example, after_help},
    error::CliError,
};
use crate::{exit_status::ExitStatus, output::WriteError};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    ("Print the manual page of imagereview", "imagereview man"),
    (
        "Write the pages of all commands to a folder",
        "imagereview man --out man1",
    ),
];

/// Print the manual page, or write the pages of all commands to a folder
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::WRITE_HELP, EXAMPLES))]
pub(crate) struct ManArgs {
    /// Folder for imagereview.1, imagereview-review.1 and so on; it is created if missing
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(
    args: &ManArgs,
    command: Command,
    out: &mut dyn Write,
) -> Result<ExitStatus, CliError> {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        out.write_all(&page)?;
        return Ok(ExitStatus::default());
    };
    let to_error = |cause: io::Error| WriteError::File {
        path: folder.clone(),
        cause,
    };
    fs::create_dir_all(folder).map_err(to_error)?;
    clap_mangen::generate_to(command, folder).map_err(to_error)?;
    Ok(ExitStatus::default())
}
