//! Builds the programs that are measured.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::Error;

/// The folder of this crate.
const BENCHES: &str = env!("CARGO_MANIFEST_DIR");

/// A program that can be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Program {
    /// `imagereview-http`, as it is released
    Webhook,
    /// `imagereview`, as it is released
    CommandLine,
    /// The server with a fixed response
    BareHyper,
    /// The webhook in Go
    Go,
    /// The Python that has Flask and gunicorn
    Python,
}

impl Program {
    /// Builds it in release mode, if that has not been done, and gives its path.
    ///
    /// # Errors
    ///
    /// The compiler, the interpreter or a package can't be had.
    pub fn build(self) -> Result<PathBuf, Error> {
        match self {
            // Each package is built alone: together, Cargo would enable the features that others need.
            Self::Webhook => cargo("imagereview-http", "imagereview-http"),
            Self::CommandLine => cargo("imagereview-cli", "imagereview"),
            Self::BareHyper => cargo("imagereview-benches", "bare-hyper"),
            Self::Go => {
                let output = folder()?.join("go-webhook");
                let mut build = Command::new("go");
                build
                    .args(["build", "-o"])
                    .arg(&output)
                    .current_dir(peer("go"));
                run(build)?;
                Ok(output)
            }
            Self::Python => python(),
        }
    }
}

/// The folder of a server that is compared with ours.
pub(super) fn peer(name: &str) -> PathBuf {
    Path::new(BENCHES).join("peers").join(name)
}

/// The folder of the repository.
pub(super) fn repository() -> PathBuf {
    Path::new(BENCHES)
        .parent()
        .unwrap_or(Path::new("/"))
        .to_owned()
}

/// A folder for what a run leaves behind, in cargo's target folder.
///
/// # Errors
///
/// It can't be made.
pub fn folder() -> Result<PathBuf, Error> {
    let folder = target()?.join("servers");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Cargo's target folder, which holds the folder that holds this program.
fn target() -> Result<PathBuf, Error> {
    let program = env::current_exe()?;
    let target = program.ancestors().nth(2);
    Ok(target
        .ok_or("this program is in no target folder")?
        .to_owned())
}

fn cargo(package: &str, binary: &str) -> Result<PathBuf, Error> {
    let target = target()?;
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build
        .args(["build", "--locked", "--release", "--package", package])
        .args(["--bin", binary, "--target-dir"])
        .arg(&target)
        .current_dir(repository());
    run(build)?;
    Ok(target.join("release").join(binary))
}

/// An environment with the pinned packages, made anew when they change.
fn python() -> Result<PathBuf, Error> {
    let environment = folder()?.join("python");
    let python = environment.join("bin/python");
    let requirements = peer("flask").join("requirements.txt");
    let installed = environment.join("requirements.txt");
    let wanted = fs::read(&requirements)?;
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&environment);
    run(create)?;
    let mut install = Command::new(&python);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg("--requirement")
        .arg(&requirements);
    run(install)?;
    fs::write(installed, wanted)?;
    Ok(python)
}

fn run(mut command: Command) -> Result<(), Error> {
    let status = command
        .status()
        .map_err(|error| format!("cannot run {}: {error}", command.get_program().display()))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} ended with {status}").into())
    }
}
