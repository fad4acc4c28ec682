//! Holds that the public API changes only with the file that lists it.
//!
//! The list is made from rustdoc's JSON, whose format changes with the compiler. Each release of the crate
//! `public-api` reads one format, which is `rustdoc_types::FORMAT_VERSION`. If the compiler writes another
//! format, this task fails. Then raise both crates in the root's `Cargo.toml`, run the task with `--write`,
//! and read the difference.

use std::{
    fs::{self, File},
    io::BufReader,
    path::Path,
};

use public_api::Builder;
use serde::Deserialize;
use similar::TextDiff;

use crate::{
    error::Error,
    shell,
    workspace::{Package, Workspace},
};

/// The option to write the files anew.
pub(crate) const WRITE: &str = "--write";

/// The list, in the folder of each published library.
const FILE: &str = "public-api.txt";

/// Lists the API of each published library with all its features, and compares it with its file.
pub(crate) fn check(options: &[String]) -> Result<(), Error> {
    let workspace = Workspace::load()?;
    let libraries: Vec<&Package> = workspace
        .published()
        .filter(|package| package.has_library())
        .collect();
    let selected: Vec<String> = libraries
        .iter()
        .map(|package| format!("-p {}", package.name))
        .collect();
    shell::run(&format!(
        "RUSTDOC=xtask/rustdoc-json RUSTDOCFLAGS=\"-Z unstable-options --output-format json\" cargo doc --lib --no-deps --all-features {}",
        selected.join(" ")
    ))?;

    let mut changed = Vec::new();
    for library in libraries {
        let json = format!("doc/{}.json", library.name.replace('-', "_"));
        let new = list(&workspace.target_directory().join(json))?;
        let file = library.folder().join(FILE);
        let old = fs::read_to_string(&file).unwrap_or_default();
        if old == new {
            continue;
        }
        let name = format!("{}/{FILE}", library.name);
        let diff = TextDiff::from_lines(&old, &new);
        println!("{}", diff.unified_diff().header(&name, &name));
        if options.iter().any(|option| option == WRITE) {
            fs::write(&file, new)?;
        } else {
            changed.push(name);
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the public API is not what these files say: {}; if it is meant, `cargo xtask api {WRITE}` writes them anew",
        changed.join(", ")
    )
    .into())
}

/// A line for each public item.
fn list(json: &Path) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Document {
        format_version: u32,
    }

    let file = File::open(json).map_err(|error| {
        format!(
            "{}: {error}; after `cargo clean --doc` Cargo writes it again",
            json.display()
        )
    })?;
    let document: Document = serde_json::from_reader(BufReader::new(file))?;
    fits(document.format_version)?;
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(false)
        .build()?;
    let items: Vec<String> = api.items().map(ToString::to_string).collect();
    Ok(items.join("\n") + "\n")
}

/// Whether the format is the one that `public-api` reads.
fn fits(format: u32) -> Result<(), Error> {
    let known = rustdoc_types::FORMAT_VERSION;
    if format == known {
        return Ok(());
    }
    Err(format!(
        "the rustdoc of this toolchain writes JSON of format {format}, but `public-api` reads format {known}: \
         in Cargo.toml, raise `public-api` and `rustdoc-types` to the releases for format {format}, or use an earlier toolchain"
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_format_is_an_error_that_says_what_to_change() {
        let known = rustdoc_types::FORMAT_VERSION;
        assert!(fits(known).is_ok());
        let error = fits(known + 1).unwrap_err().to_string();
        for part in [
            format!("writes JSON of format {}", known + 1),
            format!("reads format {known}"),
            "raise `public-api` and `rustdoc-types`".to_owned(),
        ] {
            assert!(error.contains(&part), "{error}");
        }
    }
}
