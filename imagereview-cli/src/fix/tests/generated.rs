//! Generated manifests: each is read again after its fix, and compared with what core makes of it.

use imagereview_core::facts::Facts;
use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeSeed};
use serde_json::{Serializer, Value as Json, json, ser::PrettyFormatter};

use super::{COMPILED, fix, fixed};
use crate::input::{Syntax, documents::Documents, from_yaml};

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
