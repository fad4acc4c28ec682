//! All tasks, as one table. The list, CI and the table in `CONTRIBUTING.md` come from it.

use std::time::Instant;

use crate::{advisories, api, circles, error::Error, features, package, shell};

/// Something that is done by `cargo xtask NAME`.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// What may follow the name.
    pub(crate) option: Option<&'static str>,
    /// Whether `ci` runs it, in the order of the table.
    pub(crate) in_ci: bool,
    steps: &'static [Step],
}

#[derive(Debug)]
enum Step {
    /// A line of `sh`, in the repository's folder.
    Shell(&'static str),
    /// A function of this crate, which gets the option.
    Own(fn(&[String]) -> Result<(), Error>),
}

use Step::{Own, Shell};

/// The tasks, those of CI in the order in which it runs them.
pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "ci",
        about: "run every task that a change has to pass, up to the first that fails",
        option: None,
        in_ci: false,
        steps: &[Own(ci)],
    },
    Task {
        name: "fetch",
        about: "download the crates of `Cargo.lock`, and fail if it does not fit the manifests",
        option: None,
        in_ci: true,
        steps: &[Shell("cargo fetch --locked")],
    },
    Task {
        name: "test",
        about: "run the tests of all crates",
        option: None,
        in_ci: true,
        steps: &[Shell("cargo test --workspace")],
    },
    Task {
        name: "format",
        about: "check the formatting; `cargo fmt` mends it",
        option: None,
        in_ci: true,
        steps: &[Shell("cargo fmt --check")],
    },
    Task {
        name: "lint",
        about: "run clippy, with warnings as errors",
        option: None,
        in_ci: true,
        steps: &[
            Shell("cargo clippy --workspace --all-targets -- -D warnings"),
            Shell(
                "cargo clippy -p imagereview-http --all-targets --features opentelemetry -- -D warnings",
            ),
        ],
    },
    Task {
        name: "traces",
        about: "test the feature `opentelemetry` of the webhook",
        option: None,
        in_ci: true,
        steps: &[Shell(
            "cargo test -p imagereview-http --features opentelemetry --test it -- traces",
        )],
    },
    Task {
        name: "docs",
        about: "build the documentation, with warnings as errors",
        option: None,
        in_ci: true,
        steps: &[Shell(
            "RUSTDOCFLAGS=\"-D warnings\" cargo doc --workspace --no-deps",
        )],
    },
    Task {
        name: "circles",
        about: "check that no modules import each other in a circle, and that crates depend downwards",
        option: None,
        in_ci: true,
        steps: &[Own(circles::check)],
    },
    Task {
        name: "features",
        about: "check each feature of `imagereview-core` alone, and how many crates it takes without any",
        option: None,
        in_ci: true,
        steps: &[Own(features::check)],
    },
    Task {
        name: "api",
        about: "compare the public API with the files `public-api.txt`; `--write` renews them",
        option: Some(api::WRITE),
        in_ci: true,
        steps: &[Own(api::check)],
    },
    Task {
        name: "package",
        about: "make the packages for crates.io, build each and check what is in it; `--allow-dirty` with changes that are not committed",
        option: Some(package::ALLOW_DIRTY),
        in_ci: true,
        steps: &[Own(package::check)],
    },
    Task {
        name: "dependencies",
        about: "check licences, sources, bans and known vulnerabilities with cargo-deny",
        option: None,
        in_ci: true,
        // What deny.toml says of all crates, and what a crate's own deny.toml says of that one.
        steps: &[
            Shell("command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@0.20.2"),
            Shell("cargo deny check bans licenses sources"),
            Shell(
                "cargo deny --manifest-path imagereview-core/Cargo.toml --exclude-dev check bans",
            ),
            Shell(
                "cargo deny --manifest-path imagereview-signature/Cargo.toml --exclude-dev check bans",
            ),
            Shell(
                "cargo deny --manifest-path imagereview-registry/Cargo.toml --exclude-dev check bans",
            ),
            Own(advisories::check),
        ],
    },
    Task {
        name: "deploy",
        about: "check the manifests, the chart, the image, the alerts and the units of `deploy/`",
        option: None,
        in_ci: true,
        steps: &[Shell("deploy/check")],
    },
    Task {
        name: "sbom",
        about: "write the bill of materials of each program to `target/sbom`",
        option: None,
        in_ci: true,
        steps: &[Shell("deploy/sbom target/sbom")],
    },
    Task {
        name: "fuzz",
        about: "fuzz each target for 20 seconds, the same way each time",
        option: None,
        in_ci: true,
        steps: &[Shell("FUZZ_SEED=1 fuzz/run 20")],
    },
    Task {
        name: "e2e",
        about: "run the programs against a real API server, etcd and kubectl",
        option: None,
        in_ci: true,
        steps: &[Shell("e2e/run")],
    },
    Task {
        name: "browser",
        about: "test the page of `--format html` in Chromium; needs Node and Debian's `chromium`",
        option: None,
        in_ci: false,
        steps: &[Shell("imagereview-cli/tests/browser/run")],
    },
    Task {
        name: "reproduce",
        about: "build the static programs twice, in different folders, and compare the bytes",
        option: None,
        in_ci: false,
        steps: &[Shell("deploy/reproduce")],
    },
];

/// The task of that name.
///
/// # Errors
///
/// There is none.
pub(crate) fn find(name: &str) -> Result<&'static Task, Error> {
    let found = TASKS.iter().find(|task| task.name == name);
    found.ok_or_else(|| format!("there is no task {name:?}; `cargo xtask` lists the tasks").into())
}

impl Task {
    /// Runs it, and says how long that took.
    ///
    /// # Errors
    ///
    /// A step fails.
    pub(crate) fn run(&self, options: &[String]) -> Result<(), Error> {
        let start = Instant::now();
        println!("== {}", self.name);
        for step in self.steps {
            match step {
                Shell(line) => shell::run(line),
                Own(check) => check(options),
            }
            .map_err(|error| format!("{}: {error}", self.name))?;
        }
        println!("-- {}: {} s", self.name, start.elapsed().as_secs());
        Ok(())
    }
}

fn ci(_: &[String]) -> Result<(), Error> {
    let start = Instant::now();
    for task in TASKS.iter().filter(|task| task.in_ci) {
        task.run(&[])?;
    }
    println!("passed in {} s", start.elapsed().as_secs());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;
    use crate::workspace;

    fn file(name: &str) -> String {
        fs::read_to_string(workspace::root().join(name)).unwrap()
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = TASKS.iter().map(|task| task.name).collect();
        assert_eq!(names.len(), TASKS.len());
    }

    #[test]
    fn contributing_has_the_table() {
        let page = file("CONTRIBUTING.md");
        let rows: Vec<_> = page
            .lines()
            .filter(|line| line.starts_with("| `cargo xtask "))
            .collect();
        let expected: Vec<_> = TASKS
            .iter()
            .map(|task| {
                let in_ci = if task.in_ci { "yes" } else { "" };
                format!("| `cargo xtask {}` | {} | {in_ci} |", task.name, task.about)
            })
            .collect();
        assert_eq!(rows, expected, "the table of CONTRIBUTING.md");
    }

    #[test]
    fn pages_name_no_task_that_does_not_exist() {
        for page in [
            "CONTRIBUTING.md",
            "RELEASING.md",
            "ARCHITECTURE.md",
            "README.md",
        ] {
            let text = file(page);
            for after in text.split("cargo xtask ").skip(1) {
                let is_of_name = |char: &char| char.is_ascii_lowercase() || char.is_ascii_digit();
                let name: String = after.chars().take_while(is_of_name).collect();
                assert!(name.is_empty() || find(&name).is_ok(), "{page}: {name}");
            }
        }
    }

    #[test]
    fn each_crate_with_bans_of_its_own_is_checked() {
        let steps = find("dependencies").unwrap().steps;
        for folder in fs::read_dir(workspace::root()).unwrap() {
            let folder = folder.unwrap();
            if !folder.path().join("deny.toml").exists() {
                continue;
            }
            let manifest = format!(
                "--manifest-path {}/Cargo.toml ",
                folder.file_name().display()
            );
            let checks = |step: &Step| matches!(step, Shell(line) if line.contains(&manifest));
            assert!(steps.iter().any(checks), "{manifest}");
        }
    }

    #[test]
    fn ci_runs_the_test_command_of_the_readme() {
        let line = "cargo test --workspace";
        assert!(file("README.md").contains(line));
        let test = find("test").unwrap();
        assert!(test.in_ci && matches!(test.steps, [Shell(step)] if *step == line));
    }
}
