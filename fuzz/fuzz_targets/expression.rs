//! Any text as a CEL expression: refused when it is compiled, or decided the same each time. An
//! expression from a grammar, written behind a byte that no text begins with: it is compiled, and
//! decided as another reader reads it.

#![no_main]

use arbitrary::Unstructured;
use imagereview_core::{
    ContainerKind, ImagePolicy, Language, Location, Operation, PolicySource, Review, StringMap,
    User, object::ObjectKind,
};
use imagereview_fuzz::{
    expression::{Expression, Known},
    verdict::{check_decision, check_own_reasons},
};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

/// What is said of an expression that is right, and too much.
const BOUNDS: [&str; 3] = [
    "deep within each other",
    "it could make more than",
    "the expression is longer than",
];

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A list of bare references: nothing else is known.
const BARE: Known = Known {
    images: &[
        image(
            [
                "nginx",
                "docker.io",
                "docker.io",
                "",
                "library/nginx",
                "latest",
                "",
            ],
            [None, None, Some("IMAGE[0]")],
        ),
        image(
            [
                "registry.example.com:5000/team/app:1.2.3",
                "registry.example.com:5000",
                "registry.example.com",
                "5000",
                "team/app",
                "1.2.3",
                "",
            ],
            [None, None, Some("IMAGE[1]")],
        ),
    ],
    review: [None; 4],
    groups: None,
    annotations: &[],
};

/// A pod of which all is known.
const TOLD: Known = Known {
    images: &[
        image(
            [
                "example.com/a/b:v2",
                "example.com",
                "example.com",
                "",
                "a/b",
                "v2",
                "",
            ],
            [
                Some("web"),
                Some("regular"),
                Some("spec.containers[0].image"),
            ],
        ),
        image(
            [
                PINNED,
                "docker.io",
                "docker.io",
                "",
                "library/x",
                "",
                DIGEST,
            ],
            [
                Some("é"),
                Some("init"),
                Some("spec.initContainers[0].image"),
            ],
        ),
        image(
            [
                "docker.io/library/nginx:LATEST",
                "docker.io",
                "docker.io",
                "",
                "library/nginx",
                "LATEST",
                "",
            ],
            [
                None,
                Some("volume"),
                Some("spec.volumes[1].image.reference"),
            ],
        ),
    ],
    review: [Some("shop"), Some("ana"), Some("CREATE"), Some("Pod")],
    groups: Some(&["developers", "system:authenticated", "é"]),
    annotations: &[
        ("x.image-policy.k8s.io/a", "1"),
        ("x.image-policy.k8s.io/b", ""),
        ("y.image-policy.k8s.io/a", "é nginx"),
    ],
};

const PINNED: &str = "x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const fn image(
    [written, registry, host, port, repository, tag, digest]: [&'static str; 7],
    [container, kind, path]: [Option<&'static str>; 3],
) -> [Option<&'static str>; 10] {
    [
        Some(written),
        Some(registry),
        Some(host),
        Some(port),
        Some(repository),
        Some(tag),
        Some(digest),
        container,
        kind,
        path,
    ]
}

fuzz_target!(|bytes: &[u8]| {
    let (text, expression) = match bytes.split_first() {
        Some((0xff, rest)) => {
            let Ok(expression) = Expression::arbitrary(&mut Unstructured::new(rest)) else {
                return;
            };
            (expression.to_string(), Some(expression))
        }
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), None),
            Err(_) => return,
        },
    };
    let document = json!({"apiVersion": "imagereview/v1alpha1", "kind": "ImagePolicy",
        "metadata": {"name": "p"}, "rules": [{"name": "r", "expression": text}]});
    let document = document.to_string();
    let compile = || ImagePolicy::compile([PolicySource::new("p.json", &document)]);
    let (policy, other) = match (compile(), compile()) {
        (Ok(policy), Ok(other)) => (policy, other),
        (Err(errors), other) => {
            assert_eq!(other.err(), Some(errors.clone()), "the same each time");
            let message = errors.to_string();
            let is_bound = BOUNDS.iter().any(|bound| message.contains(bound));
            assert!(
                expression.is_none() || is_bound,
                "{text} is refused: {message}"
            );
            return;
        }
        (Ok(_), Err(errors)) => panic!("compiled before: {errors}"),
    };

    let bare: Review<'_> = texts(&BARE).collect();
    // Beside what can be read, something that cannot be.
    let mixed: Review<'_> = ["Foo/x", "é"].into_iter().chain(texts(&BARE)).collect();
    let annotations: StringMap<'_> = TOLD.annotations.iter().copied().collect();
    let groups = TOLD.groups.into_iter().flatten();
    let user = groups.fold(User::new("ana"), |user, group| user.with_group(*group));
    let told = told().with_annotations(&annotations).with_user(&user);
    for (review, known) in [(bare, Some(&BARE)), (mixed, None), (told, Some(&TOLD))] {
        let verdict = check_decision([&policy, &other], &review);
        check_own_reasons(&verdict);
        let (Some(expression), Some(known)) = (&expression, known) else {
            continue;
        };
        for index in 0..known.images.len() {
            let violations = verdict.violations().iter();
            let mut violations = violations.filter(|violation| violation.position() == Some(index));
            let reason = violations.next().map(|violation| violation.reason());
            let found = match reason.map(|reason| reason.text(Language::English)) {
                None => Some(true),
                Some("the expression is false for it") => Some(false),
                Some(_) => None,
            };
            let expected = expression.evaluate(known, index);
            assert_eq!(found, expected, "{text} for image {index}: {reason:?}");
        }
    }
});

fn texts(known: &Known) -> impl Iterator<Item = &'static str> {
    known.images.iter().filter_map(|image| image[0])
}

fn told() -> Review<'static> {
    let places = [
        Location::new("spec.containers", 0, "image")
            .with_kind(ContainerKind::Regular)
            .with_container("web"),
        Location::new("spec.initContainers", 0, "image")
            .with_kind(ContainerKind::Init)
            .with_container("é"),
        Location::new("spec.volumes", 1, "image.reference").with_kind(ContainerKind::Volume),
    ];
    texts(&TOLD)
        .zip(places)
        .fold(Review::new(), |review, (text, place)| {
            review.with_image(text, place)
        })
        .with_namespace("shop")
        .with_operation(Operation::Create)
        .with_kind(ObjectKind::new("v1", "Pod"))
}
