//! The arrows between the crates of this repository.

use crate::workspace::Package;

/// The levels of crates, the lowest first. A crate may depend on crates of lower levels only. Its tests may
/// depend on any.
const LEVELS: &[(&str, &[&str])] = &[
    ("the core", &["imagereview-core"]),
    ("compilers", &["imagereview-admission-policy"]),
    ("signatures", &["imagereview-signature"]),
    (
        "shells",
        &[
            "imagereview-cluster",
            "imagereview-files",
            "imagereview-import",
            "imagereview-pki",
            "imagereview-registry",
        ],
    ),
    ("programs", &["imagereview-cli", "imagereview-http"]),
    (
        "the workshop, which nothing depends on",
        &["imagereview-benches", "imagereview-fuzz", "xtask"],
    ),
];

/// The arrows that don't point down, and the crates without a level, as sentences.
pub(super) fn upward(packages: &[Package]) -> Vec<String> {
    let ours = |name: &str| packages.iter().any(|package| package.name == name);
    let mut wrong = Vec::new();
    for package in packages {
        let name = &package.name;
        let Some(level) = level(name) else {
            wrong.push(format!(
                "{name} has no level: add it to LEVELS in xtask/src/circles/crates.rs"
            ));
            continue;
        };
        let dependencies = package.dependencies.iter();
        for dependency in dependencies.filter(|other| ours(&other.name) && !other.is_for_tests()) {
            let other = &dependency.name;
            if let Some(below) = self::level(other)
                && below >= level
            {
                wrong.push(format!(
                    "{name} ({}) depends on {other} ({}), which is not lower",
                    LEVELS[level].0, LEVELS[below].0
                ));
            }
        }
    }
    wrong
}

fn level(name: &str) -> Option<usize> {
    LEVELS.iter().position(|(_, names)| names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    #[test]
    fn arrows_point_down() {
        let rows: &[(&str, &[&str], Option<&str>)] = &[
            ("imagereview-core", &["serde", "dev imagereview-core"], None),
            ("imagereview-registry", &["dev imagereview-pki"], None),
            (
                "imagereview-http",
                &["imagereview-core", "imagereview-pki"],
                None,
            ),
            ("imagereview-registry", &["imagereview-signature"], None),
            ("imagereview-benches", &["imagereview-http"], None),
            (
                "imagereview-core",
                &["imagereview-pki"],
                Some(
                    "imagereview-core (the core) depends on imagereview-pki (shells), which is not lower",
                ),
            ),
            (
                "imagereview-http",
                &["imagereview-cli"],
                Some(
                    "imagereview-http (programs) depends on imagereview-cli (programs), which is not lower",
                ),
            ),
            (
                "imagereview-files",
                &["imagereview-pki"],
                Some(
                    "imagereview-files (shells) depends on imagereview-pki (shells), which is not lower",
                ),
            ),
            (
                "imagereview-new",
                &[],
                Some(
                    "imagereview-new has no level: add it to LEVELS in xtask/src/circles/crates.rs",
                ),
            ),
        ];
        let package = |name: &str, dependencies: &[&str]| {
            let dependency = |text: &&str| match text.strip_prefix("dev ") {
                Some(name) => Dependency::new(name, Some("dev")),
                None => Dependency::new(text, None),
            };
            let dependencies = dependencies.iter().map(dependency).collect();
            Package::new(name, dependencies)
        };
        for (name, dependencies, expected) in rows {
            let mut packages = vec![package(name, dependencies)];
            let others = dependencies
                .iter()
                .map(|text| text.trim_start_matches("dev "))
                .filter(|other| other != name);
            packages.extend(others.map(|other| package(other, &[])));
            packages.retain(|package| package.name != "serde");
            assert_eq!(
                upward(&packages),
                expected.as_slice(),
                "{name}: {dependencies:?}"
            );
        }
    }
}
