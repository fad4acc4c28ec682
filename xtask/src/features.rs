//! Holds that each feature of the library builds alone, and that without any it stays light.

use std::collections::BTreeSet;

use crate::{error::Error, shell, workspace::Workspace};

/// The library that others add to their programs.
const LIBRARY: &str = "imagereview-core";

/// How many crates it may take without features, itself included.
const CRATES: usize = 20;

/// Checks the library without features, and with each feature of its manifest alone.
pub(crate) fn check(_: &[String]) -> Result<(), Error> {
    let workspace = Workspace::load()?;
    let mut packages = workspace.packages().iter();
    let library = packages
        .find(|package| package.name == LIBRARY)
        .ok_or_else(|| format!("there is no crate {LIBRARY}"))?;
    let features = library.features.keys().filter(|name| *name != "default");
    let selections = features.map(|name| format!(" --features {name}"));
    for selection in std::iter::once(String::new()).chain(selections) {
        let command = format!("cargo check -p {LIBRARY} --no-default-features{selection}");
        // The library as others get it: its own tests may turn features on.
        shell::run(&command)?;
        shell::run(&format!("{command} --all-targets"))?;
    }

    let tree = shell::read(&format!(
        "cargo tree -p {LIBRARY} --no-default-features -e normal --prefix none --no-dedupe"
    ))?;
    let crates: BTreeSet<&str> = tree.lines().filter(|line| !line.is_empty()).collect();
    println!("{} crates, of at most {CRATES}", crates.len());
    if crates.len() <= CRATES {
        return Ok(());
    }
    let listed: Vec<&str> = crates.iter().copied().collect();
    Err(format!(
        "{LIBRARY} takes {} crates without features, but at most {CRATES} are allowed:\n{}",
        crates.len(),
        listed.join("\n")
    )
    .into())
}
