//! How texts look with the changes in them.

mod folders;
mod generated;

use std::sync::LazyLock;

use imagereview_core::{ImagePolicy, PolicySource};

use super::{fixed_text::Fix, fixer::Fixer, refusal::Reason};
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
    Fixer::new(Some(policy)).fix(&Source::Stdin, text, syntax)
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

/// The text of a Pod with this `spec`, from its third line on.
fn pod(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\n{spec}")
}

#[test]
fn what_cannot_be_edited_safely_is_left_and_reported() {
    for (text, left) in [
        (
            "spec:\n  containers:\n  - image: >-\n      x:1\n",
            &[(Reason::Block, "x:1")][..],
        ),
        (
            "spec:\n  containers:\n  - image:\n      \"x\\\n      :1\"\n",
            &[(Reason::SeveralLines, "\"x")],
        ),
        (
            "spec:\n  containers:\n  - image: &i x:1\n  - image: *i\n    name: *i\n",
            &[(Reason::Shared, "x:1"), (Reason::Alias, "*i")],
        ),
        (
            "a: &c {image: x:1}\nspec:\n  containers:\n  - <<: *c\n    name: a\n",
            &[(Reason::Merge, "<<")],
        ),
        // Its pull policy is no risk.
        (
            "a: &c {image: x}\nspec:\n  containers:\n  - <<: *c\n    name: a\n",
            &[(Reason::Merge, "<<")],
        ),
        (
            "a: &l [{image: x:1}]\nspec:\n  containers: *l\n",
            &[(Reason::Alias, "*l")],
        ),
        (
            "spec: &s\n  containers:\n  - image: x:1\nother: *s\n",
            &[
                (Reason::Shared, "containers"),
                (Reason::Shared, "containers"),
            ],
        ),
        (
            "spec:\n  containers:\n  - ? image\n    : x\n",
            &[(Reason::Layout, "image")],
        ),
        (
            "spec:\n  imagePullSecrets: []\n  containers: [image: x]\n",
            &[(Reason::Layout, "image")],
        ),
        (
            "spec:\n  imagePullSecrets:\n  -\n    name: a\n  containers: [image: x:1]\n",
            &[(Reason::Layout, "name")],
        ),
        // kubectl reads no key that is null, and takes the merged image.
        (
            "a: {~: b}\nspec: {containers: [image: x:1]}\n",
            &[(Reason::TwoReadings, "apiVersion"); 2],
        ),
        (
            "a: &c {image: y:1}\nspec:\n  containers:\n  - image: x:1\n    <<: *c\n",
            &[(Reason::TwoReadings, "apiVersion"); 2],
        ),
    ] {
        let text = pod(text);
        let fix = fix(Syntax::Yaml, &text);
        let found: Vec<(Reason, &str)> = fix
            .left
            .iter()
            .map(|left| {
                assert_eq!(
                    start(&text[left.before..]),
                    start(&fix.after[left.after..]),
                    "{text}"
                );
                (left.reason, start(&text[left.before..]))
            })
            .collect();
        assert_eq!(found, left, "{text}");
        // What else changes is written.
        let again = self::fix(Syntax::Yaml, &fix.after);
        assert_eq!(
            (again.made.len(), again.left.len()),
            (0, left.len()),
            "{text}"
        );
    }
}

/// The documents of a policy are one list, as the webhook has it: no mirror goes on from what another made.
#[test]
fn what_several_documents_change_is_written_once() {
    let document = |name: &str, mutations: &str| {
        format!(
            "---\napiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: {name}}}\n\
             mutations: {{{mutations}}}\nrules: [{{name: {name}, digest: {{}}}}]\n"
        )
    };
    for (first, second, before, after) in [
        (
            "mirrors: [{from: docker.io/**, to: a.example/**}], pullSecrets: [{repositories: a.example/**, secret: a}]",
            "mirrors: [{from: a.example/**, to: b.example/**}], pullSecrets: [{repositories: '**', secret: b}]",
            "{containers: [{image: x}], imagePullSecrets: []} # c\n",
            "{containers: [{image: a.example/library/x}], imagePullSecrets: [{name: a}, {name: b}]} # c\n",
        ),
        (
            "pullPolicies: [{tags: [latest], policy: Always}]",
            "pullPolicies: [{tags: [latest], policy: Never}]",
            "{containers: [{image: x}]}\n",
            "{containers: [{image: x, imagePullPolicy: Always}]}\n",
        ),
        (
            "mirrors: [{from: a.example/**, to: b.example/**}]",
            "mirrors: [{from: docker.io/**, to: a.example/**}]",
            "{containers: [{image: x}]}\n",
            "{containers: [{image: a.example/library/x}]}\n",
        ),
        // To and fro.
        (
            "mirrors: [{from: docker.io/library/**, to: a.example/**}]",
            "mirrors: [{from: a.example/**, to: docker.io/library/**}]",
            "{containers: [{image: docker.io/library/x}]}\n",
            "{containers: [{image: docker.io/library/x}]}\n",
        ),
    ] {
        let text = document("first", first) + &document("second", second);
        let policy = ImagePolicy::compile([PolicySource::new("policy.yaml", &text)]).unwrap();
        let spec = |spec| pod(&format!("spec: {spec}"));
        let fix = fix_by(&policy, Syntax::Yaml, &spec(before));
        assert!(fix.left.is_empty(), "{first}: {:?}", fix.left);
        assert_eq!(fix.after, spec(after), "{first}");
        assert_eq!(fix.made.is_empty(), before == after, "{first}");
    }
}

/// The word that a text begins with.
fn start(text: &str) -> &str {
    let end = text.find([' ', '\n', ':', '\\']);
    let word = &text[..end.unwrap_or(text.len())];
    if word == "x" { "x:1" } else { word }
}
