//! What holds of every policy document, whatever it says and whatever it is asked: who tightens a
//! policy never lets more through, and who loosens it never stops more.

use super::support::{admission_review, pod};
use imagereview_core::{
    AdmissionReview, ImagePolicy, Mode, PolicySource, Review, StringMap, decide, facts::Facts,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const DIGEST: &str = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn document(name: &str, fields: &Value) -> String {
    let mut document = json!({"apiVersion": "imagereview/v1alpha1", "kind": "ImagePolicy",
        "metadata": {"name": name}});
    for (name, value) in fields.as_object().unwrap() {
        document[name] = value.clone();
    }
    document.to_string()
}

fn compile(documents: &[String]) -> ImagePolicy {
    let sources = documents
        .iter()
        .map(|text| PolicySource::new("p.json", text));
    ImagePolicy::compile(sources).unwrap_or_else(|errors| panic!("{errors}\n{documents:?}"))
}

/// The policy of one document with one rule, of this name and these fields.
fn rule(fields: &Value) -> ImagePolicy {
    let mut rule = json!({"name": "r"});
    for (name, value) in fields.as_object().unwrap() {
        rule[name] = value.clone();
    }
    compile(&[document("d", &json!({"rules": [rule]}))])
}

fn allows(policy: &ImagePolicy, images: &[String]) -> bool {
    decide(policy, &images.iter().map(String::as_str).collect()).is_allowed()
}

/// Parts of references near to what the patterns below name, and some that cannot be read.
const HOSTS: [&str; 8] = [
    "",
    "docker.io/",
    "DOCKER.io/",
    "a.io/",
    "b.a.io:5000/",
    "A.io:443/",
    "localhost/",
    "Foo/",
];
const PATHS: [&str; 6] = ["x", "library/x", "team/x", "team/a/x", "X", "é"];
const TAGS: [&str; 8] = [
    "",
    ":latest",
    ":LATEST",
    ":1.2",
    ":v1.2-rc1",
    ":2-Dev",
    ":a-SNAPSHOT",
    ":é",
];

/// Fields of a rule that have lists of patterns, and patterns for them.
const PATTERNS: [(&str, &[&str]); 3] = [
    (
        "tags",
        &[
            "latest",
            "$mutable",
            "1.*",
            "[!a-z]*",
            "*-snapshot",
            "/[^a-z.]+/",
            "/v.*/",
            ">=1",
            "<2",
            "{,v}1.2",
        ],
    ),
    (
        "registries",
        &[
            "*",
            "docker.io",
            "a.io",
            "*.a.io",
            "*.a.io:*",
            "a.io:443",
            "localhost",
        ],
    ),
    (
        "repositories",
        &[
            "**",
            "x",
            "team/**",
            "a.io/*",
            "**/x",
            "*/team[!x]*",
            "*.a.io:5000/**",
            "a.io/t?am/{x,a/x}",
        ],
    ),
];

fn image() -> impl Strategy<Value = String> {
    let part = |of: &'static [&'static str]| prop::sample::select(of);
    let digest = prop::sample::select(vec!["", "", DIGEST]);
    (part(&HOSTS), part(&PATHS), part(&TAGS), digest)
        .prop_map(|(host, path, tag, digest)| format!("{host}{path}{tag}{digest}"))
}

fn images() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(image(), 0..4)
}

/// A field of a rule that has lists of patterns, and some of those.
fn patterns() -> impl Strategy<Value = (&'static str, Vec<&'static str>)> {
    prop::sample::select(&PATTERNS[..]).prop_flat_map(|(field, patterns)| {
        let some = prop::collection::vec(prop::sample::select(patterns), 1..5);
        (Just(field), some)
    })
}

/// Namespaces and patterns over them, users and theirs, with letters that fold into others.
const NAMES: [&str; 9] = [
    "k", "K", "\u{212a}", "s", "S", "ſ", "ana", "anä", "system:x",
];
const NAME_PATTERNS: [&str; 8] = ["k", "s", "*", "?", "an?", "[a-z]*", "system:*", "{k,s}"];

proptest! {
    #[test]
    fn another_pattern_denies_more_or_allows_more((field, patterns) in patterns(), images in images()) {
        let fewer = &patterns[..patterns.len() - 1];
        prop_assume!(!fewer.is_empty());
        let of = |list: &str, patterns: &[&str]| rule(&json!({field: {list: patterns}}));
        // One that is denied in addition, or no longer allowed, lets nothing more through.
        prop_assert!(!allows(&of("deny", &patterns), &images) || allows(&of("deny", fewer), &images));
        prop_assert!(!allows(&of("allow", fewer), &images) || allows(&of("allow", &patterns), &images));
    }

    #[test]
    fn the_order_of_patterns_does_not_matter((field, patterns) in patterns(), images in images()) {
        let backwards: Vec<&str> = patterns.iter().rev().copied().collect();
        for list in ["allow", "deny"] {
            let of = |patterns: &[&str]| rule(&json!({field: {list: patterns}}));
            prop_assert_eq!(allows(&of(&patterns), &images), allows(&of(&backwards), &images));
        }
    }

    #[test]
    fn another_image_never_allows_more(
        images in images(),
        image in image(),
        (field, patterns) in patterns(),
        max in 0..4_usize,
    ) {
        let policy = rule(&json!({field: {"allow": patterns}, "maxImages": max}));
        let mut more = images.clone();
        more.push(image);
        prop_assert!(!allows(&policy, &more) || allows(&policy, &images));
    }

    #[test]
    fn another_document_never_allows_more_and_their_order_does_not_matter(
        images in images(),
        one in patterns(),
        two in patterns(),
        modes in (0..3_usize, 0..3_usize),
    ) {
        let of = |name: &str, (field, patterns): &(&str, Vec<&str>), mode: usize| {
            let mode = ["audit", "warn", "enforce"][mode];
            let rules = json!([{"name": name, *field: {"allow": patterns}}]);
            document(name, &json!({"mode": mode, "rules": rules}))
        };
        let (one, two) = (of("one", &one, modes.0), of("two", &two, modes.1));
        let both = compile(&[one.clone(), two.clone()]);
        let swapped = compile(&[two, one.clone()]);
        prop_assert!(!allows(&both, &images) || allows(&compile(&[one]), &images));
        prop_assert_eq!(allows(&both, &images), allows(&swapped, &images));
    }

    #[test]
    fn a_stronger_mode_never_allows_more(images in images(), (field, patterns) in patterns()) {
        let in_mode = |mode: Mode| {
            let rules = json!([{"name": "r", field: {"deny": patterns}}]);
            compile(&[document("d", &json!({"mode": mode.to_string(), "rules": rules}))])
        };
        let [audit, warn, enforce] = [Mode::Audit, Mode::Warn, Mode::Enforce].map(in_mode);
        prop_assert!(allows(&audit, &images) && allows(&warn, &images));
        prop_assert!(!allows(&enforce, &images) || allows(&warn, &images));
    }

    /// Of two rules, one about what the other omits, exactly one is about a review that tells
    /// what they ask for; and both are about one that does not.
    #[test]
    fn what_is_included_and_what_is_excluded_make_a_whole(
        patterns in prop::collection::vec(prop::sample::select(NAME_PATTERNS.to_vec()), 1..4),
        name in prop::option::of(prop::sample::select(NAMES.to_vec())),
    ) {
        let request = match name {
            Some(name) => json!({"userInfo": {"username": name}, "operation": "CREATE"}),
            None => json!({"operation": "CREATE"}),
        };
        let is_about = |list: &str| {
            let scope = json!({"users": {list: patterns}});
            is_denied(&rule(&json!({"maxImages": 0, "scope": scope})), request.clone())
        };
        let (included, excluded) = (is_about("include"), is_about("exclude"));
        if name.is_some() {
            prop_assert!(included != excluded, "{:?} {:?}", patterns, name);
        } else {
            prop_assert!(included && excluded, "{:?}", patterns);
        }

        let bare: Review<'_> = ["x"].into_iter().collect();
        for list in ["include", "exclude"] {
            let policy = rule(&json!({"maxImages": 0, "scope": {"users": {list: patterns}}}));
            prop_assert!(!decide(&policy, &bare).is_allowed());
        }
    }

    /// Letters that some readers fold into others never grant an exemption.
    #[test]
    fn an_exemption_is_for_the_name_that_is_written(
        written in prop::sample::select(NAMES.to_vec()),
        name in prop::sample::select(NAMES.to_vec()),
    ) {
        let exemption = json!([{"name": "e", "reason": "r", "namespaces": ["shop"],
            "annotation": {"key": "x.image-policy.k8s.io/by", "value": written}}]);
        let policy = compile(&[document("d", &json!({
            "rules": [{"name": "r", "maxImages": 0}], "exemptions": exemption}))]);
        let annotations: StringMap<'_> = [("x.image-policy.k8s.io/by", name)].into_iter().collect();
        let review: Review<'_> = ["x"].into_iter().collect();
        let review = review.with_namespace("shop").with_annotations(&annotations);
        prop_assert_eq!(decide(&policy, &review).is_allowed(), written == name);
    }

    /// No character outside ASCII makes a reference that is allowed, whatever it looks like.
    #[test]
    fn a_reference_with_another_alphabet_is_never_allowed(
        image in image(),
        other in prop::char::range('\u{80}', char::MAX),
        at in any::<prop::sample::Index>(),
    ) {
        let at = at.index(image.chars().count() + 1);
        let at = image.char_indices().nth(at).map_or(image.len(), |(at, _)| at);
        let image = format!("{}{other}{}", &image[..at], &image[at..]);
        let policy = rule(&json!({"repositories": {"allow": ["**"]}}));
        prop_assert!(!allows(&policy, &[image]));
    }

    /// Whatever mirrors documents declare, a second pass finds nothing to do.
    #[test]
    fn mutations_of_several_documents_are_done_after_one_pass(
        mirrors in prop::collection::vec((mirrored(), mirrored()), 1..5),
        secrets in prop::collection::vec(mirrored(), 1..4),
        policies in prop::collection::vec(prop::sample::select(vec!["Always", "Never"]), 1..4),
        image in image(),
    ) {
        let documents = mirrors.iter().enumerate().map(|(index, (from, to))| {
            let name = format!("d{index}");
            let mutations = json!({
                "mirrors": [{"from": from, "to": to}],
                "fullNames": index % 2 == 0,
                "pullPolicies": [{"tags": ["latest"], "policy": policies[index % policies.len()]}],
                "pullSecrets": [{"repositories": secrets[index % secrets.len()], "secret": name}],
            });
            document(&name, &json!({"mutations": mutations, "rules": [{"name": name, "maxImages": 9}]}))
        });
        let documents: Vec<String> = documents.collect();
        let sources = documents.iter().map(|text| PolicySource::new("p.json", text));
        // Some mirrors are refused: both ends must fit, and one could never apply.
        let Ok(policy) = ImagePolicy::compile(sources) else { return Ok(()) };
        let mut object = pod(&[&image]);
        let mut mutate = || {
            let request = request(json!({"operation": "CREATE"}), &object);
            let mut request = AdmissionReview::from_slice(request.as_bytes()).unwrap();
            let patch = policy.mutate(&mut request, &Facts::new());
            json_patch::patch(&mut object, &patch).unwrap();
            patch
        };
        let first = mutate();
        let second = mutate();
        prop_assert!(second.0.is_empty(), "{} and then {}", first, second);
    }
}

/// What a pattern lets through where it allows, it stops where it denies.
#[test]
fn a_denial_is_never_narrower_than_an_allowance() {
    for (field, patterns) in PATTERNS {
        for pattern in patterns {
            let allow = rule(&json!({field: {"allow": [pattern]}}));
            let deny = rule(&json!({field: {"deny": [pattern]}}));
            for (host, path) in HOSTS.iter().flat_map(|host| PATHS.map(|path| (host, path))) {
                let images = TAGS.map(|tag| [format!("{host}{path}{tag}")]);
                for image in images {
                    let is_denied = !allows(&deny, &image);
                    assert!(!allows(&allow, &image) || is_denied, "{pattern} {image:?}");
                }
            }
        }
    }
}

/// What mirrors are from and to, most of them all below something.
fn mirrored() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "docker.io/**",
        "docker.io/library/**",
        "docker.io/team/**",
        "a.io/**",
        "a.io/team/**",
        "b.a.io:5000/**",
        "localhost/**",
        "**",
        "a.io/x",
        "docker.io/x",
    ])
}

/// An `AdmissionReview` with these fields about an object.
fn request(mut fields: Value, object: &Value) -> String {
    fields["uid"] = "u".into();
    fields["object"] = object.clone();
    admission_review(&fields)
}

fn is_denied(policy: &ImagePolicy, fields: Value) -> bool {
    let request = request(fields, &pod(&["x"]));
    let request = AdmissionReview::from_slice(request.as_bytes()).unwrap();
    !decide(policy, &request.review()).is_allowed()
}
