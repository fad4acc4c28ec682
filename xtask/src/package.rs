//! Holds that each crate can be published as it is.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use crate::{
    error::Error,
    shell,
    workspace::{Package, Workspace},
};

/// The option to package changes that are not committed.
pub(crate) const ALLOW_DIRTY: &str = "--allow-dirty";

/// What every package has to hold: its page on crates.io, and its licences.
const NEEDED: &[&str] = &["README.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Folders whose programs need the rest of the repository.
const UNWANTED: &[&str] = &["benches", "tests"];

/// Makes the package of each published crate, builds each from it, and checks the files in it.
pub(crate) fn check(options: &[String]) -> Result<(), Error> {
    let workspace = Workspace::load()?;
    let dirty = if options.is_empty() {
        ""
    } else {
        " --allow-dirty"
    };
    let private = workspace
        .packages()
        .iter()
        .filter(|package| !package.is_published());
    let excluded: Vec<String> = private
        .map(|package| format!("--exclude {}", package.name))
        .collect();
    // Cargo unpacks what it verified before beside the crates of registries, and takes a package of the same version
    // from there although it is another.
    let stale: Vec<String> = workspace
        .published()
        .map(|package| {
            let folders = "\"${CARGO_HOME:-$HOME/.cargo}\"/registry/src/-*/";
            format!("{folders}{}-{}", package.name, package.version)
        })
        .collect();
    shell::run(&format!("rm -rf {}", stale.join(" ")))?;
    // The packages have no profiles. With that of the workspace, what is built for other tasks serves here too.
    shell::run(&format!(
        "CARGO_PROFILE_DEV_DEBUG=line-tables-only cargo package --workspace {}{dirty}",
        excluded.join(" ")
    ))?;

    let mut wrong = Vec::new();
    for package in workspace.published() {
        let command = format!("cargo package --list --allow-dirty -p {}", package.name);
        let list = shell::read(&command)?;
        let files: BTreeSet<PathBuf> = list.lines().map(PathBuf::from).collect();
        // Where Cargo has left what it built.
        let folder = workspace
            .target_directory()
            .join("package")
            .join(format!("{}-{}", package.name, package.version));
        let read_file = |file: &Path| fs::read_to_string(folder.join(file)).unwrap_or_default();
        let found = faults(package, &files, &read_file);
        wrong.extend(
            found
                .into_iter()
                .map(|fault| format!("{}: {fault}", package.name)),
        );
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "the packages are not fit to be published:\n{}",
            wrong.join("\n")
        )
        .into())
    }
}

/// What is wrong with the files of a package.
fn faults(
    package: &Package,
    files: &BTreeSet<PathBuf>,
    read_file: &dyn Fn(&Path) -> String,
) -> Vec<String> {
    let missing = NEEDED
        .iter()
        .filter(|name| !files.contains(Path::new(name)));
    let mut faults: Vec<String> = missing.map(|name| format!("{name} is missing")).collect();
    for name in UNWANTED {
        if files.iter().any(|file| file.starts_with(name)) {
            faults.push(format!(
                "the programs in {name}/ do not run from the package; leave it out by `include` in Cargo.toml"
            ));
        }
    }
    for file in files {
        if file.extension().is_some_and(|extension| extension == "rs") {
            let included = included(file, &read_file(file));
            let outside = included.into_iter().filter(|other| !files.contains(other));
            faults.extend(outside.map(|other| {
                format!(
                    "{} includes {}, which is not in the package",
                    file.display(),
                    other.display()
                )
            }));
        }
    }
    faults.extend(
        package
            .missing_metadata()
            .map(|name| format!("Cargo.toml has no {name}")),
    );
    faults
}

/// The files that a source file takes in by `include_str!` or `include_bytes!`.
fn included(file: &Path, text: &str) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let calls = ["include_str!(\"", "include_bytes!(\""].iter();
    calls
        .flat_map(|call| text.split(call).skip(1))
        .filter_map(|after| after.split_once('"'))
        .map(|(name, _)| plain(&folder.join(name)))
        .collect()
}

/// The path without `..`, as far as it stays in the package.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        if component != Component::ParentDir || !plain.pop() {
            plain.push(component);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_holds_all_that_it_needs_and_no_more() {
        const WHOLE: &[&str] = &[
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "src/a/b.rs",
            "src/data.txt",
        ];
        let rows: &[(&[&str], &str, &[&str])] = &[
            (&[], "include_str!(\"../data.txt\")", &[]),
            (&[], "fn a() {}", &[]),
            (
                &[],
                "include_bytes!(\"../../../docs/a.md\")",
                &["src/a/b.rs includes ../docs/a.md, which is not in the package"],
            ),
            (
                &["tests/a.rs", "tests/b.rs"],
                "",
                &[
                    "the programs in tests/ do not run from the package; leave it out by `include` in Cargo.toml",
                ],
            ),
        ];
        for (more, source, expected) in rows {
            let files = WHOLE.iter().chain(*more).map(PathBuf::from).collect();
            let read_file = |file: &Path| {
                let is_source = file.ends_with("b.rs");
                if is_source {
                    (*source).to_owned()
                } else {
                    String::new()
                }
            };
            let package = Package::complete("a");
            assert_eq!(
                faults(&package, &files, &read_file),
                *expected,
                "{more:?} {source}"
            );
        }
        let bare = faults(&Package::new("a", Vec::new()), &BTreeSet::new(), &|_| {
            String::new()
        });
        assert_eq!(
            bare,
            [
                "README.md is missing",
                "LICENSE-APACHE is missing",
                "LICENSE-MIT is missing",
                "Cargo.toml has no description",
                "Cargo.toml has no license",
                "Cargo.toml has no repository",
                "Cargo.toml has no categories",
                "Cargo.toml has no keywords",
            ]
        );
    }
}
