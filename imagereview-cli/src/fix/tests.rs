//! How texts look with the changes in them.

mod folders;
mod generated;

use std::{collections::BTreeMap, sync::LazyLock};

use imagereview_core::{ImagePolicy, PolicySource};

use super::{fixed_text::Fix, fixer::Fixer};
use crate::input::{Source, Syntax};

/// Mirrors, names in full, pull policies and pull secrets.
const POLICY: &str = r#"
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: example}
customResources:
  - {apiVersion: example.com/v1, kind: Task, images: ["steps[*].image"]}
mutations:
  mirrors:
    - {from: docker.io/**, to: m.example.com/**}
  pullPolicies:
    - {tags: [latest], policy: Always}
  pullSecrets:
    - {repositories: m.example.com/**, secret: m-key}
rules:
  - {name: digests, mode: warn, digest: {}}
"#;

static COMPILED: LazyLock<ImagePolicy> =
    LazyLock::new(|| ImagePolicy::compile([PolicySource::new("policy.yaml", POLICY)]).unwrap());

fn fix(syntax: Syntax, text: &str) -> Fix {
    fix_by(&COMPILED, syntax, text)
}

fn fix_by(policy: &ImagePolicy, syntax: Syntax, text: &str) -> Fix {
    Fixer::new(Some(policy)).fix(&Source::Stdin, text, syntax, &BTreeMap::new())
}

/// The text with the changes in it, if all could be made and a second run finds nothing to do.
fn fixed(syntax: Syntax, text: &str) -> String {
    let once = fix(syntax, text);
    assert!(once.left.is_empty(), "{:?} in\n{text}", once.left);
    let twice = fix(syntax, &once.after);
    assert!(twice.made.is_empty() && twice.left.is_empty(), "{text}");
    assert_eq!(twice.after, once.after, "{text}");
    once.after
}
