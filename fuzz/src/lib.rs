//! What targets share: a policy, and other readers of what we read and write, as simple as they can
//! be.

pub mod document;
pub mod expression;
pub mod signature;
pub mod verdict;

use std::{collections::BTreeSet, sync::LazyLock};

use imagereview_core::{ImagePolicy, PolicySource};
use serde_json::Value;

/// A policy in which every part of a document has a say.
pub static POLICY: LazyLock<ImagePolicy> = LazyLock::new(|| {
    let text = include_str!("policy.yaml");
    ImagePolicy::compile([PolicySource::new("policy.yaml", text)]).expect("it is a policy")
});

/// A field as a reader finds it that matches names without regard to case, as Go's `encoding/json`
/// does. Where it has two to choose from, we should have refused.
pub fn field<'v>(object: &'v Value, name: &str) -> &'v Value {
    let fold = |key: &str| {
        key.replace('ſ', "s")
            .replace('\u{212a}', "k")
            .to_ascii_lowercase()
    };
    let fields = object.as_object().into_iter().flatten();
    let mut found = fields.filter(|(key, _)| fold(key) == name.to_ascii_lowercase());
    let value = found.next().map_or(&Value::Null, |(_, value)| value);
    assert!(found.next().is_none(), "two fields could be {name:?}");
    value
}

/// A string in a field; empty where there is none.
pub fn text<'v>(object: &'v Value, name: &str) -> &'v str {
    field(object, name).as_str().unwrap_or_default()
}

fn elements<'v>(object: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    field(object, name).as_array().into_iter().flatten()
}

/// The images of an object of a request, in the order in which they are reviewed: of the built-in
/// kinds, and of those that `policy.yaml` declares.
pub fn images_of_object<'v>(object: &'v Value, requested: &Value) -> Vec<&'v str> {
    let (group, kind) = match text(object, "kind") {
        "" => (text(requested, "group"), text(requested, "kind")),
        kind => {
            let api_version = text(object, "apiVersion");
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            (group, kind)
        }
    };
    let is_v1 = |object: &Value| match text(object, "kind") {
        "" => text(requested, "version") == "v1",
        _ => text(object, "apiVersion")
            .split_once('/')
            .is_some_and(|(_, version)| version == "v1"),
    };
    let path: &[&str] = match (group, kind) {
        ("", "Pod") => &["spec"],
        ("", "PodTemplate") => &["template", "spec"],
        ("", "ReplicationController")
        | ("apps" | "extensions", "Deployment" | "ReplicaSet" | "DaemonSet")
        | ("apps", "StatefulSet")
        | ("batch", "Job") => &["spec", "template", "spec"],
        ("example.com", "Rollout") if is_v1(object) => &["spec", "template", "spec"],
        ("batch", "CronJob") => &["spec", "jobTemplate", "spec", "template", "spec"],
        ("tekton.dev", "Task") => {
            let images = elements(field(object, "spec"), "steps").map(|step| field(step, "image"));
            return images.filter_map(Value::as_str).collect();
        }
        _ => return Vec::new(),
    };
    let spec = path.iter().fold(object, |object, name| field(object, name));
    let containers = ["containers", "initContainers", "ephemeralContainers"];
    let containers = containers.into_iter().flat_map(|list| elements(spec, list));
    let volumes = elements(spec, "volumes").map(|volume| field(volume, "image"));
    containers
        .map(|container| text(container, "image"))
        .chain(
            volumes
                .filter(|image| !image.is_null())
                .map(|image| text(image, "reference")),
        )
        .collect()
}

/// What an API server asks of the answer to an `AdmissionReview`.
pub fn check_admission_answer(answer: &Value) {
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["kind"], "AdmissionReview");
    let response = &answer["response"];
    assert!(response["uid"].is_string());
    if response["allowed"] == false {
        let message = response["status"]["message"].as_str();
        assert!(message.is_some_and(|message| !message.is_empty()));
        assert_eq!(response["status"]["code"], 403);
    } else {
        assert_eq!(response["allowed"], true);
    }
    assert_eq!(
        response.get("patch").map(|_| "JSONPatch"),
        response
            .get("patchType")
            .map(|kind| kind.as_str().expect("it is text")),
    );
}

/// What an API server asks of the answer to an `ImageReview`.
pub fn check_image_answer(answer: &Value) {
    assert_eq!(answer["apiVersion"], "imagepolicy.k8s.io/v1alpha1");
    assert_eq!(answer["kind"], "ImageReview");
    let status = &answer["status"];
    assert!(status["allowed"].is_boolean());
    let reason = status["reason"].as_str();
    assert!(reason.is_some_and(|reason| !reason.is_empty()));
}

/// Whether a glob matches a whole text: `*` and `?` stay within what `separator` divides, `**` alone
/// between two of them stands for any parts, at the end for at least one. A naive matcher, to compare
/// with.
pub fn glob(pattern: &str, text: &str, separator: char) -> bool {
    let text: Vec<char> = text.chars().collect();
    let matches = |pattern: &String| {
        let pattern: Vec<char> = pattern.chars().collect();
        let mut failed = BTreeSet::new();
        matches_from(&pattern, &text, separator, true, &mut failed)
    };
    alternatives(pattern).iter().any(matches)
}

/// Whether the rest of a pattern matches the rest of a text; what failed is kept, so that many stars
/// don't take for ever.
fn matches_from(
    pattern: &[char],
    text: &[char],
    separator: char,
    at_start: bool,
    failed: &mut BTreeSet<(usize, usize, bool)>,
) -> bool {
    let state = (pattern.len(), text.len(), at_start);
    if failed.contains(&state) {
        return false;
    }
    let mut matches = |pattern, text| matches_from(pattern, text, separator, false, failed);
    let is_match = match pattern {
        [] => text.is_empty(),
        ['*', '*', '/', rest @ ..] if at_start && separator == '/' => {
            let mut later = (0..text.len()).filter(|at| text[*at] == '/');
            later.any(|at| matches(rest, &text[at + 1..]))
                || matches_from(rest, text, separator, true, failed)
        }
        // The second slash stays for the next parts, `**` among them.
        ['/', '*', '*', '/', ..] if separator == '/' => {
            let mut starts = (0..text.len()).filter(|at| text[*at] == '/');
            text.first() == Some(&'/') && starts.any(|at| matches(&pattern[3..], &text[at..]))
        }
        ['/', '*', '*'] if separator == '/' => text.first() == Some(&'/') && text.len() > 1,
        ['*', '*'] if at_start && separator == '/' => true,
        ['*', rest @ ..] => {
            let run = text.iter().take_while(|c| **c != separator).count();
            (0..=run).any(|skipped| matches(rest, &text[skipped..]))
        }
        ['?', rest @ ..] => text
            .split_first()
            .is_some_and(|(c, text)| *c != separator && matches(rest, text)),
        ['[', class @ ..] => {
            let negated = matches!(class, ['!' | '^', ..]);
            let class = &class[usize::from(negated)..];
            // A bracket that comes first stands for itself.
            let end = 1 + class[1..]
                .iter()
                .position(|c| *c == ']')
                .expect("it compiled");
            let (members, rest) = (&class[..end], &class[end + 1..]);
            text.split_first().is_some_and(|(c, text)| {
                *c != separator && in_class(members, *c) != negated && matches(rest, text)
            })
        }
        [literal, rest @ ..] => text
            .split_first()
            .is_some_and(|(c, text)| c == literal && matches(rest, text)),
    };
    if !is_match {
        failed.insert(state);
    }
    is_match
}

fn in_class(members: &[char], c: char) -> bool {
    match members {
        [] => false,
        [first, '-', last, rest @ ..] => (*first..=*last).contains(&c) || in_class(rest, c),
        [first, rest @ ..] => *first == c || in_class(rest, c),
    }
}

/// A pattern for each choice among alternatives in braces.
fn alternatives(pattern: &str) -> Vec<String> {
    let chars: Vec<char> = pattern.chars().collect();
    let (mut depth, mut open, mut parts) = (0, None, Vec::new());
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '[' => {
                let first = at + 1 + usize::from(matches!(chars.get(at + 1), Some('!' | '^')));
                let end = chars.iter().skip(first + 1).position(|c| *c == ']');
                at = end.map_or(chars.len(), |end| first + 1 + end);
            }
            '{' => {
                depth += 1;
                if depth == 1 {
                    open = Some(at);
                    parts.push(at + 1);
                }
            }
            ',' if depth == 1 => parts.push(at + 1),
            '}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            _ => {}
        }
        at += 1;
    }
    let Some(open) = open else {
        return vec![pattern.to_owned()];
    };
    parts.push(at + 1);
    let text = |chars: &[char]| chars.iter().collect::<String>();
    let (before, after) = (
        text(&chars[..open]),
        text(&chars[(at + 1).min(chars.len())..]),
    );
    let choices = parts
        .windows(2)
        .map(|part| text(&chars[part[0]..part[1] - 1]));
    choices
        .flat_map(|choice| alternatives(&format!("{before}{choice}{after}")))
        .collect()
}

/// What the seeds of hash maps come from, in place of the C library's: the same each time, so that the
/// same input takes the same way and a run with a fixed seed can be run again. Two maps still have two
/// orders, since the standard library counts its seeds on.
///
/// # Safety
///
/// As of getrandom(2): `buffer` is valid for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut u8, len: usize, _flags: u32) -> isize {
    // SAFETY: the caller says so.
    unsafe { buffer.write_bytes(0x2a, len) };
    len.cast_signed()
}
