//! Imports, and the recorded references that they are compared over.

use std::fmt::Write as _;

use imagereview_core::{ContainerKind, ImagePolicy, ImageRef, PolicySource, Review, decide};
use imagereview_import::{Import, Source, import};
use serde_json::Value;

/// A recorded reference, as the node reads it.
pub(crate) struct Node<'a> {
    pub(crate) registry: &'a str,
    pub(crate) path: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
}

impl Node<'_> {
    /// Registry and path: `docker.io/library/nginx`.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }

    /// The tag that the node pulls; none with a digest.
    pub(crate) fn pulled_tag(&self) -> Option<&str> {
        match self.digest {
            Some(_) => None,
            None => self.tag.or(Some("latest")),
        }
    }
}

const REFERENCES: &str = include_str!("../../../imagereview-core/tests/data/references.jsonl");

/// More references, about the names that the inputs of these tests have.
const MORE: &[&str] = &[
    "registry.example.com/app:1",
    "registry.example.com/app",
    "registry.example.com/team/app:1.2",
    "registry.example.com/team/app:latest",
    "registry.example.com/team/app:1.2@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "registry.example.com/team/app:latest@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "registry.example.com/team/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "registry.example.com/team-evil/app:1",
    "registry.example.com.evil.example/app:1",
    "registry.example.com.evil.example/team/app:1",
    "registry.example.com:5000/team/app",
    "registry.example.com:5000/team/app:1",
    "evil.example/registry.example.com/team/app:1",
    "evil.example/team/app:1",
    "registry.example.communism/app:1",
    "old.example.com/app:1",
    "old.example.com:443/app:1",
    "old.example.com.evil.example/app:1",
    "old.example.org/app:1",
    "openpolicyagent/opa:0.9.2",
    "openpolicyagent/opa-exp:latest",
    "openpolicyagent/opa-exp",
    "openpolicyagent/opa-exp:dev",
    "docker.io/openpolicyagent/opa:0.9.2",
    "openpolicyagent-evil/opa:0.9.2",
    "nginx:dev",
    "nginx:DEV",
    "mirror.example.com/myknownimage:1",
    "myknownimage",
    "kyverno/myknownimage@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
];

pub(crate) fn imported(text: &str) -> Import {
    import([Source::new("input.yaml", text)]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The recorded references, and whether the node can read them.
pub(crate) fn recorded() -> Vec<(String, bool)> {
    let rows = REFERENCES.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        let is_read = !row["node"].is_null();
        (row["input"].as_str().unwrap().to_owned(), is_read)
    });
    rows.collect()
}

/// All recorded references, and those that are about the inputs here.
pub(crate) fn references() -> Vec<String> {
    recorded()
        .into_iter()
        .map(|(image, _)| image)
        .chain(MORE.iter().map(|&image| image.to_owned()))
        .collect()
}

/// Asserts that the document allows just the readable references of which this is true.
pub(crate) fn assert_verdicts(import: &Import, is_right: impl Fn(&Node<'_>) -> bool) {
    let policy = compiled(import);
    let mut wrong = String::new();
    let (mut allowed, mut denied) = (0, 0);
    for image in references() {
        let expected = ImageRef::parse(&image).is_ok_and(|read| {
            let path = read.repository().to_string();
            let digest = read.digest().map(|digest| digest.to_string());
            is_right(&Node {
                registry: read.registry(),
                path: &path,
                tag: read.tag(),
                digest: digest.as_deref(),
            })
        });
        let review: Review<'_> = [image.as_str()].into_iter().collect();
        let verdict = decide(&policy, &review);
        let is_allowed = verdict.violations().is_empty() && verdict.is_allowed();
        if is_allowed {
            allowed += 1;
        } else {
            denied += 1;
        }
        if is_allowed != expected {
            writeln!(wrong, "  {image}: {is_allowed} and not {expected}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}\n{}", import.document());
    assert!(
        allowed > 0 && denied > 0,
        "{allowed} allowed, {denied} denied"
    );
}

/// Asserts that each image that the document allows is one that the original allows, or another spelling of one, or
/// one of these.
pub(crate) fn assert_not_weaker(import: &Import, but: &[&str]) {
    for image in references() {
        for difference in import.compare(&image, None, ContainerKind::Regular) {
            let is_spelling = difference.cause() == imagereview_import::Cause::OtherSpelling;
            assert!(
                difference.was_allowed() || is_spelling || but.contains(&&*image),
                "{image} was denied by {}: {}\n{}",
                difference.policy(),
                difference.cause(),
                import.document()
            );
        }
    }
}

pub(crate) fn compiled(import: &Import) -> ImagePolicy {
    ImagePolicy::compile([PolicySource::new("imported.yaml", import.document())])
        .unwrap_or_else(|error| panic!("{error}\n{}", import.document()))
}

/// What is said of the parts that were not taken as they were.
pub(crate) fn remarks(import: &Import) -> Vec<String> {
    import.remarks().iter().map(ToString::to_string).collect()
}
