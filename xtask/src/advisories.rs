//! Compares the dependencies with the vulnerabilities that are known.

use crate::{error::Error, shell};

/// Checks the advisories of <https://rustsec.org> where their database can be had: a machine may reach
/// the registry of crates and nothing else. Then it says aloud that they were not checked, and a
/// workflow of `.github` does so each day.
///
/// # Errors
///
/// A dependency has an advisory.
pub(crate) fn check(_: &[String]) -> Result<(), Error> {
    if let Err(error) = shell::run("cargo deny fetch db") {
        println!(
            "NOT CHECKED: no dependency was compared with the known vulnerabilities, because their database cannot be \
             downloaded here ({error}); run `cargo deny check advisories` where github.com can be reached"
        );
        return Ok(());
    }
    shell::run("cargo deny check advisories")
}
