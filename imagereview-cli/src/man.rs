//! `imagereview man`: the manual pages.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::{Cli, error::CliError, outcome::Outcome, output::WriteError};

/// Print the manual page, or write those of all commands to a folder
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The folder to write imagereview.1, imagereview-review.1 and so on to; it is made if missing
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, out: &mut dyn Write) -> Result<Outcome, CliError> {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        Man::new(Cli::command()).render(&mut page)?;
        out.write_all(&page)?;
        return Ok(Outcome::default());
    };
    let to_error = |cause: io::Error| WriteError::File {
        path: folder.clone(),
        cause,
    };
    fs::create_dir_all(folder).map_err(to_error)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(to_error)?;
    Ok(Outcome::default())
}
