//! How texts look with the changes in them.

use std::sync::LazyLock;

use imagereview_core::{ImagePolicy, PolicySource, facts::Facts};
use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeSeed};
use serde_json::{Serializer, Value as Json, json, ser::PrettyFormatter};

use super::{fixed_text::Fix, fixer::Fixer, refusal::Reason};
use crate::input::{Source, Syntax, documents::Documents, from_yaml};

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
fn only_what_changes_is_written() {
    for (before, after) in [
        // Quotation marks, comments, order, blank lines.
        (
            "\
spec:
    # all
    containers:
      # the first
      - name: a   # a
        image: \"redis:7\"  # why

        ports: [ ]
      - image: 'redis:8'
    restartPolicy: Never
",
            "\
spec:
    imagePullSecrets:
      - name: m-key
    # all
    containers:
      # the first
      - name: a   # a
        image: \"m.example.com/library/redis:7\"  # why

        ports: [ ]
      - image: 'm.example.com/library/redis:8'
    restartPolicy: Never
",
        ),
        // A pull policy comes behind its image.
        (
            "spec:\n  containers:\n  - image: x # c\n    name: a\n  imagePullSecrets: [{name: m-key}]\n",
            "spec:\n  containers:\n  - image: m.example.com/library/x # c\n    imagePullPolicy: Always\n    \
             name: a\n  imagePullSecrets: [{name: m-key}]\n",
        ),
        (
            "spec:\n  containers:\n  - {image: x, name: a}\n  imagePullSecrets: []\n",
            "spec:\n  containers:\n  - {image: m.example.com/library/x, imagePullPolicy: Always, name: a}\n  \
             imagePullSecrets: [{name: m-key}]\n",
        ),
        (
            "spec:\n  containers:\n  - image: x\n    imagePullPolicy: Never # no\n  imagePullSecrets: null\n",
            "spec:\n  containers:\n  - image: m.example.com/library/x\n    imagePullPolicy: Always # no\n  \
             imagePullSecrets: [{name: m-key}]\n",
        ),
        (
            "spec:\n  containers:\n  - image: x\n    imagePullPolicy: # none\n  imagePullSecrets:\n",
            "spec:\n  containers:\n  - image: m.example.com/library/x\n    imagePullPolicy: Always # none\n  \
             imagePullSecrets: [{name: m-key}]\n",
        ),
        // The last line has no end.
        (
            "spec:\n  imagePullSecrets:\n  - name: m-key\n  containers:\n  - image: x",
            "spec:\n  imagePullSecrets:\n  - name: m-key\n  containers:\n  - image: m.example.com/library/x\n    \
             imagePullPolicy: Always",
        ),
        // A secret is written as the one before it.
        (
            "spec:\n  imagePullSecrets:\n    -   name: 'a' # c\n  containers: [image: x:1]\n",
            "spec:\n  imagePullSecrets:\n    -   name: 'a' # c\n    -   name: 'm-key'\n  \
             containers: [image: m.example.com/library/x:1]\n",
        ),
        (
            "spec: {imagePullSecrets: [{ name: a }], containers: [{image: x:1}]}\n",
            "spec: {imagePullSecrets: [{ name: a }, { name: m-key }], \
             containers: [{image: m.example.com/library/x:1}]}\n",
        ),
        (
            "spec: {containers: [{image: x:1}]}\n",
            "spec: {imagePullSecrets: [{name: m-key}], containers: [{image: m.example.com/library/x:1}]}\n",
        ),
        // Flow style over several lines.
        (
            "\
spec: {
  # all
  containers: [
    {
      image: x, # why
      name: a
    },
    {
      name: b,
      image: z # why not
    }
  ]
 }
",
            "\
spec: {
  imagePullSecrets: [{name: m-key}],
  # all
  containers: [
    {
      image: m.example.com/library/x, # why
      imagePullPolicy: Always,
      name: a
    },
    {
      name: b,
      image: m.example.com/library/z, # why not
      imagePullPolicy: Always
    }
  ]
 }
",
        ),
        // Volumes have images too.
        (
            "spec:\n  containers: []\n  volumes:\n  - name: v\n    image:\n      reference: x\n",
            "spec:\n  imagePullSecrets:\n  - name: m-key\n  containers: []\n  volumes:\n  - name: v\n    image:\n      \
             reference: m.example.com/library/x\n      pullPolicy: Always\n",
        ),
        // An anchor that nobody names, a tag, and what a merge key brings.
        (
            "x: &x {name: a}\nspec:\n  imagePullSecrets: &s\n  - name: m-key\n  containers:\n  - <<: *x\n    \
             image: &i !!str x\n",
            "x: &x {name: a}\nspec:\n  imagePullSecrets: &s\n  - name: m-key\n  containers:\n  - <<: *x\n    \
             image: &i !!str m.example.com/library/x\n    imagePullPolicy: Always\n",
        ),
        // What serves several places, which all change alike.
        (
            "spec:\n  imagePullSecrets: []\n  initContainers:\n  - image: &i x\n  containers:\n  - image: *i\n  \
             - &c {image: *i}\n  - *c\n",
            "spec:\n  imagePullSecrets: [{name: m-key}]\n  initContainers:\n  - image: &i m.example.com/library/x\n    \
             imagePullPolicy: Always\n  containers:\n  - image: *i\n    imagePullPolicy: Always\n  \
             - &c {image: *i, imagePullPolicy: Always}\n  - *c\n",
        ),
        // Text that looks like a manifest.
        (
            "spec:\n  imagePullSecrets: [name: m-key]\n  containers:\n  - args:\n    - |\n      image: x\n    image: x:1\n",
            "spec:\n  imagePullSecrets: [name: m-key]\n  containers:\n  - args:\n    - |\n      image: x\n    \
             image: m.example.com/library/x:1\n",
        ),
        // Nothing to do.
        (
            "spec:\n  containers:\n  - image: quay.io/x/y:1\n",
            "spec:\n  containers:\n  - image: quay.io/x/y:1\n",
        ),
    ] {
        let (before, after) = (pod(before), pod(after));
        assert_eq!(fixed(Syntax::Yaml, &before), after);
        // Windows writes other line breaks, and a mark before everything.
        let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(fixed(Syntax::Yaml, &windows(&before)), windows(&after));
        let among_others =
            |text: &str| format!("%YAML 1.2\n---\na: 1 # {{{{\n--- # c\n{text}\n...\n");
        assert_eq!(
            fixed(Syntax::Yaml, &among_others(&before)),
            among_others(&after)
        );
        let item = |text: &str| {
            let lines = text.split_inclusive('\n').enumerate();
            let lines: String = lines
                .map(|(at, line)| {
                    if at == 0 {
                        format!("- {line}")
                    } else if line == "\n" {
                        line.to_owned()
                    } else {
                        format!("  {line}")
                    }
                })
                .collect();
            format!("apiVersion: v1\nkind: List\nitems:\n{lines}")
        };
        assert_eq!(fixed(Syntax::Yaml, &item(&before)), item(&after));
    }
}

#[test]
fn json_keeps_its_form() {
    for (before, after) in [
        (
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"x"}]}}"#,
            r#"{"apiVersion":"v1","kind":"Pod","spec":{"imagePullSecrets":[{"name":"m-key"}],"containers":[{"image":"m.example.com/library/x","imagePullPolicy":"Always"}]}}"#,
        ),
        (
            r#"{"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"image": "x", "imagePullPolicy": null}], "imagePullSecrets": []}}"#,
            r#"{"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"image": "m.example.com/library/x", "imagePullPolicy": "Always"}], "imagePullSecrets": [{"name": "m-key"}]}}"#,
        ),
        (
            "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"spec\": {\n\t\t\"containers\": [\n\t\t\t{\n\t\t\t\t\
             \"image\": \"x\"\n\t\t\t}\n\t\t]\n\t}\n}\n",
            "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"spec\": {\n\t\t\"imagePullSecrets\": [\n\t\t\t{\n\t\t\t\t\
             \"name\": \"m-key\"\n\t\t\t}\n\t\t],\n\t\t\"containers\": [\n\t\t\t{\n\t\t\t\t\
             \"image\": \"m.example.com/library/x\",\n\t\t\t\t\"imagePullPolicy\": \"Always\"\n\t\t\t}\n\t\t]\n\t}\n}\n",
        ),
        (
            "{\n  \"apiVersion\": \"v1\", \"kind\": \"Pod\", \"spec\": {\n    \"imagePullSecrets\": [\n      {\n        \
             \"name\": \"a\"\n      }\n    ],\n    \"containers\": [{\"image\": \"x:1\"}]}}",
            "{\n  \"apiVersion\": \"v1\", \"kind\": \"Pod\", \"spec\": {\n    \"imagePullSecrets\": [\n      {\n        \
             \"name\": \"a\"\n      },\n      {\n        \"name\": \"m-key\"\n      }\n    ],\n    \
             \"containers\": [{\"image\": \"m.example.com/library/x:1\"}]}}",
        ),
    ] {
        assert_eq!(fixed(Syntax::Json, before), after);
        let stream = |text: &str| format!("{text}\n{{}} {text}");
        assert_eq!(fixed(Syntax::Json, &stream(before)), stream(after));
        // JSON is YAML too.
        fixed(Syntax::Yaml, before);
    }
}

#[test]
fn what_cannot_be_edited_safely_is_left_and_told_of() {
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

/// How a container, and what is around it, is written.
#[derive(Clone, Debug)]
struct Form {
    image: &'static str,
    quote: &'static str,
    colon: &'static str,
    comment: &'static str,
    /// Within the container before its image, and behind.
    before: &'static str,
    behind: &'static str,
    pull_policy: &'static str,
    is_flow: bool,
}

/// The images that are written, of which the last three do not change.
const IMAGES: [&str; 7] = [
    "nginx",
    "redis:7",
    "team/app:latest",
    "docker.io/library/a:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "quay.io/x/y:1",
    "m.example.com/a:1",
    "no reference",
];

fn form() -> impl Strategy<Value = Form> {
    use prop::sample::select;
    let image = (
        select(&IMAGES[..]),
        select(&["", "'", "\""][..]),
        select(&[": ", ":  ", ": &a ", ": !!str "][..]),
        select(&["", " # why: nginx", "   #"][..]),
    );
    let around = (
        select(
            &[
                "",
                "name: a",
                "# image: nginx",
                "command: [\"image: nginx\"]",
                "\"env\": []",
            ][..],
        ),
        select(
            &[
                "",
                "tty: true # image",
                "args:\n- |\n  image: nginx\n\n- >-\n  a",
                "# end",
            ][..],
        ),
        select(
            &[
                "",
                "imagePullPolicy: Never # kept",
                "imagePullPolicy: \"Never\" # kept",
            ][..],
        ),
        any::<bool>(),
    );
    (image, around).prop_map(|(image, around)| Form {
        image: image.0,
        quote: image.1,
        colon: image.2,
        comment: image.3,
        before: around.0,
        behind: around.1,
        pull_policy: around.2,
        is_flow: around.3,
    })
}

impl Form {
    /// An item of a list, indented by as much as its dash.
    fn write(&self, indent: &str) -> String {
        let Self { quote, colon, .. } = self;
        let image = format!("image{colon}{quote}{}{quote}", self.image);
        if self.is_flow {
            return format!(
                "{indent}- {{name: a, {image}, args: [] }}{}\n",
                self.comment
            );
        }
        let image = image + self.comment;
        let parts = [self.before, &image, self.pull_policy, self.behind];
        let mut item = String::new();
        for line in parts.iter().flat_map(|part| part.lines()) {
            let dash = if item.is_empty() { "- " } else { "  " };
            item.extend([indent, dash, line, "\n"]);
        }
        item
    }
}

/// A manifest of several documents.
fn manifest() -> impl Strategy<Value = String> {
    use prop::sample::select;
    let secrets = select(
        &[
            "",
            "imagePullSecrets: []\n",
            "imagePullSecrets: # none\n",
            "imagePullSecrets: [{name: a}] # own\n",
            "imagePullSecrets:\n- name: 'a' # own\n\n# other\n",
            "imagePullSecrets:\n  -  name: a\n  -  name: b\n",
        ][..],
    );
    let object = select(
        &[
            ("apiVersion: v1\nkind: Pod\nspec:\n", "  "),
            (
                "kind: Deployment\napiVersion: apps/v1 # c\nspec:\n    template:\n        spec:\n",
                "            ",
            ),
            (
                "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n  apiVersion: v1\n  spec:\n",
                "      ",
            ),
        ][..],
    );
    let lists = (
        prop::collection::vec(form(), 1..4),
        prop::collection::vec(form(), 0..2),
        select(&["", "  "][..]),
        select(
            &[
                "",
                "# what runs\n",
                "restartPolicy: Always\n\n# above\n# two\n",
            ][..],
        ),
    );
    let spec =
        (object, secrets, any::<bool>(), lists).prop_map(|(object, secrets, is_first, lists)| {
            let (containers, init, dash, above) = lists;
            let mut spec = String::new();
            if is_first {
                spec.push_str(secrets);
            }
            spec.push_str(above);
            spec.push_str("containers:\n");
            spec.extend(containers.iter().map(|form| form.write(dash)));
            if !init.is_empty() {
                spec.push_str("initContainers: # first\n");
                spec.extend(init.iter().map(|form| form.write("    ")));
            }
            if !is_first {
                spec.push_str(secrets);
            }
            let (head, indent) = object;
            let lines = spec.split_inclusive('\n');
            let lines = lines.map(|line| {
                if line == "\n" {
                    line.to_owned()
                } else {
                    format!("{indent}{line}")
                }
            });
            format!("{head}{}", lines.collect::<String>())
        });
    let between = select(&["---\n", "...\n--- # next\n", "---\na: [1] # other\n---\n"][..]);
    let file = (any::<bool>(), any::<bool>(), any::<bool>());
    (prop::collection::vec((spec, between), 1..4), file).prop_map(|(documents, file)| {
        let mut text: String = documents
            .iter()
            .flat_map(|(spec, between)| [spec, *between])
            .collect();
        let (is_windows, has_mark, ends) = file;
        if !ends {
            text.truncate(text.trim_end().len());
        }
        if is_windows {
            text = text.replace('\n', "\r\n");
        }
        if has_mark {
            format!("\u{feff}{text}")
        } else {
            text
        }
    })
}

/// The text before the changes were made. That it is so, byte by byte, tells that nothing else was.
fn undone(text: &str) -> String {
    let mut text = text.to_owned();
    for (new, old) in [
        (
            "imagePullPolicy: Always # kept",
            "imagePullPolicy: Never # kept",
        ),
        (
            "imagePullPolicy: \"Always\" # kept",
            "imagePullPolicy: \"Never\" # kept",
        ),
        (", imagePullPolicy: Always", ""),
        (", {name: m-key}", ""),
        ("[{name: m-key}]", "[]"),
        ("imagePullSecrets: [] # none", "imagePullSecrets: # none"),
    ] {
        text = text.replace(new, old);
    }
    for image in ["nginx", "redis:7", IMAGES[3]] {
        let name = image.strip_prefix("docker.io/library/").unwrap_or(image);
        text = text.replace(&format!("m.example.com/library/{name}"), image);
    }
    text = text.replace("m.example.com/team/app", "team/app");
    let is_added = |line: &&str| {
        let line = line.trim();
        [
            "imagePullPolicy: Always",
            "- name: m-key",
            "-  name: m-key",
            "- name: 'm-key'",
        ]
        .contains(&line)
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut kept = String::new();
    for (at, line) in lines.iter().enumerate() {
        let begins_list = line.trim() == "imagePullSecrets:"
            && lines
                .get(at + 1)
                .is_some_and(|next| next.trim() == "- name: m-key");
        if !is_added(line) && !begins_list {
            kept.push_str(line);
        }
    }
    kept
}

/// What core makes of each document of a text.
fn mutated(text: &str) -> Vec<Json> {
    let read = |text: &str| from_yaml(text, |yaml| Json::deserialize(yaml)).unwrap();
    let documents = Documents::of(text, Syntax::Yaml, 0).documents.into_iter();
    documents
        .map(|document| {
            let text = &text[document.range];
            let mut json = read(text);
            let manifest = from_yaml(text, |yaml| COMPILED.kinds().deserialize(yaml)).unwrap();
            for object in manifest.into_iter().flatten() {
                let patch = COMPILED.mutate_object(&mut { object }, &Facts::new());
                json_patch::patch(&mut json, &patch).unwrap();
            }
            json
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_results_is_what_core_makes_of_it_and_nothing_else_changes(text in manifest()) {
            let after = fixed(Syntax::Yaml, &text);
        let expected = mutated(&text);
        prop_assert_eq!(&mutated(&after), &expected, "{}", text);
        let documents = Documents::of(&after, Syntax::Yaml, 0).documents.into_iter();
        let found: Vec<Json> = documents
            .map(|document| from_yaml(&after[document.range], |yaml| Json::deserialize(yaml)).unwrap())
            .collect();
        prop_assert_eq!(found, expected, "{}", text);
        prop_assert_eq!(undone(&after), text);
    }

    /// But for the order of the fields, the text is what a writer of JSON makes of the result.
    #[test]
    fn json_is_written_as_it_was(
        images in prop::collection::vec(prop::sample::select(&IMAGES[..]), 1..4),
        secrets in prop::sample::select(&[None, Some("[]"), Some(r#"[{"name": "a"}]"#)][..]),
        indent in prop::sample::select(&[None, Some("  "), Some("    "), Some("\t")][..]),
    ) {
        let write = |json: &Json| {
            let Some(indent) = indent else {
                return json.to_string();
            };
            let mut text = Vec::new();
            let form = PrettyFormatter::with_indent(indent.as_bytes());
            json.serialize(&mut Serializer::with_formatter(&mut text, form)).unwrap();
            String::from_utf8(text).unwrap()
        };
        let parts = |text: &str| {
            let separators = if indent.is_some() { &['\n'][..] } else { &['{', '}', '[', ']', ','] };
            let parts = text.split(separators).map(|part| part.trim_end_matches(',').to_owned());
            let mut parts: Vec<String> = parts.collect();
            parts.sort_unstable();
            parts
        };
        let containers: Vec<Json> = images.iter().map(|image| json!({"image": image, "x": []})).collect();
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}});
        if let Some(secrets) = secrets {
            pod["spec"]["imagePullSecrets"] = serde_json::from_str(secrets).unwrap();
        }
        let text = write(&pod);
        let after = fixed(Syntax::Json, &text);
        let expected = mutated(&text).remove(0);
        prop_assert_eq!(&serde_json::from_str::<Json>(&after).unwrap(), &expected);
        prop_assert_eq!(parts(&after), parts(&write(&expected)), "{}", after);
    }

    #[test]
    fn a_text_of_any_kind_is_fixed_or_left(text in "([ \\-{}\\[\\]:,#&*!|>'\"%@?\r\n]|image|spec|x|\u{feff}){0,40}") {
            for head in ["", "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: x}]}\n", "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: x"] {
            let text = format!("{head}{text}");
            for syntax in [Syntax::Yaml, Syntax::Json] {
                let fix = fix(syntax, &text);
                if fix.made.is_empty() {
                    prop_assert_eq!(&fix.after, &text);
                }
            }
        }
    }
}
