//! Runs commands, and prints them before it does.

use std::{
    env,
    process::{Command, Stdio},
};

use crate::{error::Error, workspace};

/// Runs a line of `sh` in the repository's folder.
///
/// # Errors
///
/// It ends with another status than 0.
pub(crate) fn run(line: &str) -> Result<(), Error> {
    let status = command(line).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{line}` ended with {status}").into())
    }
}

/// Runs a line, and gives what it prints.
///
/// # Errors
///
/// It ends with another status than 0.
pub(crate) fn read(line: &str) -> Result<String, Error> {
    let output = command(line).stderr(Stdio::inherit()).output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(format!("`{line}` ended with {}", output.status).into())
    }
}

fn command(line: &str) -> Command {
    println!("$ {line}");
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(workspace::root());
    // By these variables `cargo run` describes this program. They are wrong for other commands.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let is_own = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter();
        if is_own.clone().any(|start| name.starts_with(start)) {
            command.env_remove(&*name);
        }
    }
    command
}
