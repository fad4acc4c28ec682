//! Any text as a policy: problems that stand in the text, or a policy that decides and explains
//! alike whatever it is asked, and changes nothing twice. Behind a byte that no text begins with,
//! documents that the JSON Schema allows: they are not refused for their shape.

#![no_main]

use std::collections::BTreeSet;

use arbitrary::Unstructured;
use imagereview_core::{
    AdmissionReview, ImagePolicy, Mode, PolicyErrors, PolicySource, Review, StringMap, User,
    Verdict, facts::Facts,
};
use imagereview_fuzz::{document::arbitrary_document, verdict::check_decision};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// How many problems are told, and how many characters of each; one more says how many there are.
const MAX_PROBLEMS: usize = 100;
const MAX_CHARS: usize = 1000;

/// Of every kind that rules tell apart.
const IMAGES: [&str; 8] = [
    "nginx",
    "docker.io/library/nginx:1.27-alpine",
    "registry.example.com:5000/team/app:v2.0.0-rc1",
    "Registry.Example.com/team/app:LATEST",
    "[2001:db8::1]/a/b/c:1_000",
    "localhost/x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "mirror.example.com/hub/library/nginx:edge",
    "Foo/bar:1",
];

fuzz_target!(|bytes: &[u8]| {
    let (text, documents) = match bytes.split_first() {
        Some((0xff, rest)) => {
            let mut u = Unstructured::new(rest);
            let Ok(documents) = documents(&mut u) else {
                return;
            };
            let texts = documents
                .iter()
                .map(|document| format!("---\n{document}\n"));
            (texts.collect(), documents)
        }
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), Vec::new()),
            Err(_) => return,
        },
    };
    let compile = || ImagePolicy::compile([PolicySource::new("p.yaml", &text)]);
    let (policy, other) = match (compile(), compile()) {
        (Ok(policy), Ok(other)) => (policy, other),
        (Err(errors), other) => {
            assert_eq!(other.err(), Some(errors.clone()), "the same each time");
            check_problems(&text, &errors, !documents.is_empty());
            return;
        }
        (Ok(_), Err(errors)) => panic!("compiled before: {errors}"),
    };
    assert_eq!(policy.identity(), other.identity());
    let (_, hash) = policy
        .identity()
        .rsplit_once("@sha256:")
        .expect("there is a hash");
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));

    let is_about_others = |document: &Value| {
        let rules = document["rules"].as_array().into_iter().flatten();
        let mut looks = rules.map(|rule| rule.get("maxImages").or(rule.get("expression")));
        looks.any(|looks| looks.is_some())
    };
    let is_independent = !documents.is_empty() && !documents.iter().any(is_about_others);
    let annotations: StringMap<'_> = [
        ("x.image-policy.k8s.io/a", "y"),
        ("x.image-policy.k8s.io/break-glass", "yes"),
        ("example.image-policy.k8s.io/break-glass", "prod"),
    ]
    .into_iter()
    .collect();
    let user = User::new("system:serviceaccount:ci:deployer").with_group("developers");
    let user = user.with_group("system:authenticated");
    let bare = |review: Review<'_>| check_decision([&policy, &other], &review);
    let told = |review: Review<'_>| {
        let review = review.with_namespace("prod").with_user(&user);
        check_decision([&policy, &other], &review.with_annotations(&annotations))
    };
    let verdicts = [
        bare(IMAGES.into_iter().collect()),
        told(IMAGES.into_iter().collect()),
    ];
    if is_independent {
        let backwards = || IMAGES.into_iter().rev().collect();
        let [bare, told] = [bare(backwards()), told(backwards())];
        assert_eq!(broken(&verdicts[0]), broken(&bare), "whatever their order");
        assert_eq!(broken(&verdicts[1]), broken(&told), "whatever their order");
    }
    for request in [CREATE, UPDATE] {
        let question = AdmissionReview::from_slice_with(request.as_bytes(), policy.kinds());
        let question = question.expect("it is a question");
        check_decision([&policy, &other], &question.review());
        check_mutation(&policy, request);
    }
});

/// Whether a line and column are in the text, or right behind it or one of its lines.
fn stands_in(text: &str, line: u64, column: u64) -> bool {
    let breaks = ["\r\n", "\n", "\r"].map(|end| text.matches(end).count());
    let lines = 1 + breaks[1] + breaks[2] - breaks[0];
    let longest = text
        .split(['\n', '\r'])
        .map(|line| line.chars().count())
        .max();
    (1..=lines as u64).contains(&line) && (1..=longest.unwrap_or(0) as u64 + 1).contains(&column)
}

/// The problems stand in the text and are told in few words; of a document that the schema allows,
/// none is that it has another shape.
fn check_problems(text: &str, errors: &PolicyErrors, has_shape: bool) {
    let problems = errors.problems();
    assert!((1..=MAX_PROBLEMS + 1).contains(&problems.len()));
    for problem in problems {
        assert!(
            stands_in(text, problem.line(), problem.column()),
            "{problem}"
        );
        let message = problem.message();
        assert!(
            (1..=MAX_CHARS + 1).contains(&message.chars().count()),
            "{problem}"
        );
        let is_shape = ["there is no field", "expected ", "the field "];
        let is_shape = is_shape.iter().any(|start| message.starts_with(start));
        assert!(!(has_shape && is_shape), "the schema allows it: {problem}");
    }
}

/// One or two documents that the schema allows.
fn documents(u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<Value>> {
    let mut documents = vec![arbitrary_document("a", u)?];
    if !u.is_empty() {
        documents.push(arbitrary_document("b", u)?);
    }
    Ok(documents)
}

/// The rules that are broken, by which images.
fn broken(verdict: &Verdict) -> BTreeSet<(&str, &str, Mode)> {
    let violations = verdict.violations().iter();
    violations
        .map(|violation| {
            (
                violation.image().unwrap_or_default(),
                violation.rule(),
                violation.mode(),
            )
        })
        .collect()
}

/// The patch applies, and what results is left alone.
fn check_mutation(policy: &ImagePolicy, request: &str) {
    let mutate = |document: &mut Value| {
        let json = document.to_string();
        let mut question = AdmissionReview::from_slice_with(json.as_bytes(), policy.kinds())
            .expect("it is a question");
        let patch = policy.mutate(&mut question, &Facts::new());
        json_patch::patch(&mut document["request"]["object"], &patch).expect("the patch applies");
        patch
    };
    let mut document: Value = serde_json::from_str(request).expect("it is JSON");
    mutate(&mut document);
    let once = document.clone();
    let again = mutate(&mut document);
    assert!(
        again.0.is_empty() && document == once,
        "a second pass changes something: {again}"
    );
}

const CREATE: &str = r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
    "uid": "u", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "namespace": "prod",
    "operation": "CREATE", "userInfo": {"username": "system:serviceaccount:ci:deployer"},
    "object": {"apiVersion": "v1", "kind": "Pod", "spec": {
        "containers": [{"name": "a", "image": "nginx"}, {"image": "registry.example.com/team/app:1"}],
        "initContainers": [{"image": "docker.io/a/b:edge", "imagePullPolicy": "Never"}],
        "volumes": [{"image": {"reference": "mirror.example.com/hub/x:2"}}]}}}}"#;

const UPDATE: &str = r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
    "uid": "u", "kind": {"group": "apps", "version": "v1", "kind": "Deployment"}, "name": "web",
    "operation": "UPDATE", "userInfo": {"username": "ana", "groups": ["developers"]},
    "object": {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {
        "containers": [{"image": "nginx"}, {"image": "redis:7"}, {"image": "Foo/x"}]}}}},
    "oldObject": {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {
        "containers": [{"image": "nginx"}]}}}}}}"#;
