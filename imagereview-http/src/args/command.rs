//! What the program prints about itself: the manual page, and completions for shells.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// What to do instead of serving.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Instead {
    /// Print the manual page, or write those of all commands to a folder
    ///
    /// To read it: imagereview-http man > imagereview-http.1 && man ./imagereview-http.1
    Man {
        /// The folder to write imagereview-http.1, imagereview-http-man.1 and so on to; it is made if
        /// missing
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Print the completions of options for a shell
    ///
    /// For bash, for example: imagereview-http completions bash > /etc/bash_completion.d/imagereview-http
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Instead {
    pub(super) fn print(&self, mut command: Command, out: &mut dyn Write) -> io::Result<()> {
        let mut text = Vec::new();
        match self {
            Self::Man { out: Some(folder) } => {
                fs::create_dir_all(folder)?;
                clap_mangen::generate_to(command, folder)?;
            }
            Self::Man { out: None } => Man::new(command).render(&mut text)?,
            Self::Completions { shell } => {
                clap_complete::generate(*shell, &mut command, "imagereview-http", &mut text);
            }
        }
        out.write_all(&text)
    }
}
