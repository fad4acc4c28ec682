//! The command line.
#![forbid(unsafe_code)]

mod init;

use std::io;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Parser, Subcommand};

/// Decides whether container images may run in Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "imagereview", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
}

/// The exit code of a usage or input error, the one that clap ends with too.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Init(args) => init::run(&args, SystemTime::now(), &mut io::stdout().lock()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("imagereview: {error}");
            ExitCode::from(USAGE)
        }
    }
}
