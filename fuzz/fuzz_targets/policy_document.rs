//! Any text as a policy: problems that stand in the text, or a policy that decides and explains
//! alike whatever it is asked, and changes nothing twice.

#![no_main]

use std::collections::BTreeSet;

use imagereview_core::{
    AdmissionReview, Annotations, ImagePolicy, Outcome, PolicySource, Review, decide,
    mutation::Facts,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

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

fuzz_target!(|text: &str| {
    let compile = || ImagePolicy::compile([PolicySource::new("p.yaml", text)]);
    let policy = match compile() {
        Ok(policy) => policy,
        Err(errors) => {
            assert_eq!(
                Err(&errors),
                compile().as_ref().map(|_| ()),
                "the same each time"
            );
            assert!(!errors.problems().is_empty());
            for problem in errors.problems() {
                assert!(
                    stands_in(text, problem.line(), problem.column()),
                    "{problem}"
                );
                assert!(!problem.message().is_empty());
            }
            return;
        }
    };
    assert_eq!(
        policy.identity(),
        compile().expect("it did before").identity()
    );
    let hash = policy
        .identity()
        .rsplit("@sha256:")
        .next()
        .expect("there is a hash");
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));

    let bare: Review<'_> = IMAGES.into_iter().collect();
    let annotations: Annotations<'_> = [("x.image-policy.k8s.io/break-glass", "yes")]
        .into_iter()
        .collect();
    let told = bare
        .clone()
        .with_namespace("prod")
        .with_annotations(&annotations);
    check(&policy, &bare);
    check(&policy, &told);
    for request in [CREATE, UPDATE] {
        let question = AdmissionReview::from_slice_with(request.as_bytes(), policy.kinds());
        check(&policy, &question.expect("it is a question").review());
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

/// The explanation comes to the verdict: the same rules, broken by the same images.
fn check(policy: &ImagePolicy, review: &Review<'_>) {
    let explanation = policy.explain(review);
    let verdict = decide(policy, review);
    assert_eq!(*explanation.verdict(), verdict);
    assert_eq!(verdict, decide(policy, review), "the same each time");
    let explained = |outcome| {
        let of_image = |image: &imagereview_core::ImageExplanation| {
            let steps = image
                .steps()
                .iter()
                .filter(|step| step.outcome() == outcome);
            let place = image.place().to_string();
            steps
                .map(move |step| (step.rule().to_owned(), place.clone()))
                .collect::<Vec<_>>()
        };
        explanation
            .images()
            .iter()
            .flat_map(of_image)
            .collect::<BTreeSet<_>>()
    };
    let named = |violation: &imagereview_core::Violation| {
        (violation.rule().to_owned(), violation.place().to_string())
    };
    let is_built_in = |name: &str| name.starts_with("unreadable-");
    let violated: BTreeSet<_> = verdict.violations().iter().map(named).collect();
    let violated: BTreeSet<_> = violated
        .into_iter()
        .filter(|(rule, _)| !is_built_in(rule))
        .collect();
    assert_eq!(explained(Outcome::Violated), violated);
    let exempted = verdict
        .exempted()
        .iter()
        .map(|exempted| named(exempted.violation()));
    assert_eq!(explained(Outcome::Exempted), exempted.collect());
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
