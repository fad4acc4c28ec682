//! What each part of a policy document means, and the ways around it that do not work.

use std::time::{Duration, SystemTime};

use super::support::document;
use imagereview_core::{
    ContainerKind, Exempted, ImageExplanation, ImagePolicy, Language, Location, Mode, PolicySource,
    Review, StringMap, decide, document::Outcome, policy::UNREADABLE_REFERENCE,
};
use proptest::prelude::*;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A policy of one rule.
fn rule(checks: &str) -> ImagePolicy {
    document(&format!("rules: [{{name: rule, {checks}}}]"))
}

fn allows(policy: &ImagePolicy, image: &str) -> bool {
    decide(policy, &[image].into_iter().collect()).is_allowed()
}

#[test]
fn checks_allow_and_deny() {
    let pinned = format!("nginx@{DIGEST}");
    let pinned_latest = format!("nginx:latest@{DIGEST}");
    let pinned_old = format!("nginx:1.19@{DIGEST}");
    let sha512 = format!("nginx@sha512:{}", "0".repeat(128));
    for (checks, allowed, denied) in [
        (
            "tags: {deny: [latest]}",
            &["nginx:1.27", "nginx:latest-alpine", &pinned, &pinned_latest][..],
            // A missing tag is `latest`, and a denial does not look at case.
            &[
                "nginx",
                "nginx:latest",
                "nginx:LATEST",
                "registry.example.com:5000/x",
            ][..],
        ),
        (
            "tags: {missing: deny}",
            &["nginx:latest", "nginx:1", &pinned],
            &["nginx", "registry.example.com:5000/nginx"],
        ),
        (
            "tags: {missing: allow, deny: [latest]}",
            &["nginx", "nginx:1"],
            &["nginx:latest"],
        ),
        (
            "tags: {deny: [$mutable]}",
            &["x:1.2", "x:mainline", "x:stable-slim"],
            &["x", "x:main", "x:Master", "x:edge", "x:nightly", "x:stable"],
        ),
        (
            "tags: {deny: ['*-SNAPSHOT', 'pr-*']}",
            &["x:1.0", "snapshot/x:1", "a-SNAPSHOT.example.com/x:1"],
            &["x:1.0-SNAPSHOT", "x:1.0-snapshot", "x:pr-12"],
        ),
        (
            "tags: {allow: ['/v[0-9]+/']}",
            &["x:v1", "x:v22"],
            // The expression is of the whole tag, and an allowance looks at case.
            &["x", "x:v1-rc", "x:xv1", "x:V1", "x:v"],
        ),
        (
            "tags: {deny: ['/v0.*/']}",
            &["x:v1", "x:av0"],
            &["x:v0", "x:V0.1"],
        ),
        (
            "tags: {allow: ['>=1.20, <2']}",
            &["nginx:1.27.3-alpine", "nginx:v1.20"],
            &[
                "nginx",
                "nginx:1.19",
                "nginx:2",
                "nginx:1.27-rc1",
                "nginx:bookworm",
            ],
        ),
        (
            "tags: {deny: ['<1.20']}",
            &["nginx:1.27", "nginx:bookworm", &pinned_old],
            &["nginx:1.19", "nginx:1.19-alpine", "nginx:1"],
        ),
        (
            "tags: {deny: ['<1.20'], pinned: check}",
            &["nginx:1.27", &pinned],
            &["nginx:1.19", &pinned_old],
        ),
        (
            "tags: {allow: ['1.*'], pinned: check}",
            &["nginx:1.27", &pinned_old],
            &[&pinned, &pinned_latest],
        ),
        (
            "tags: {allow: [latest, stable], deny: [stable]}",
            &["x", "x:latest"],
            &["x:stable", "x:other", "x:Latest"],
        ),
        (
            "digest: {}",
            &[&pinned, &pinned_latest, &sha512],
            &["nginx", "nginx:1"],
        ),
        (
            "digest: {algorithms: [sha512]}",
            &[&sha512],
            &["nginx:1", &pinned],
        ),
        (
            "digest: {required: false, algorithms: [sha256]}",
            &["nginx:1", &pinned],
            &[&sha512],
        ),
        (
            "registries: {allow: [docker.io]}",
            &["nginx", "team/x", "docker.io/x", "index.docker.io/x"],
            &[
                "docker.io.evil.example/x",
                "evil.example/docker.io/library/nginx",
                "docker.io:5000/x",
                "DOCKER.IO/x",
                "registry-1.docker.io/library/x",
                "localhost/nginx",
                "user@docker.io/x",
                "dоcker.io/x",
            ],
        ),
        // A star is one whole name, but for the first.
        (
            "registries: {allow: ['123.dkr.ecr.*.amazonaws.com', '*.r.*.example.com:5000']}",
            &[
                "123.dkr.ecr.eu-west-1.amazonaws.com/x",
                "a.r.b.example.com:5000/x",
                "a.a.r.b.example.com:5000/x",
            ],
            &[
                "123.dkr.ecr.eu-west-1.amazonaws.com:443/x",
                "123.dkr.ecr.amazonaws.com/x",
                "123.dkr.ecr.a.b.amazonaws.com/x",
                "123.dkr.ecr.eu-west-1.amazonaws.com.cn/x",
                "123.dkr.ecr.eu-west-1.amazonaws.com.evil.example/x",
                "123.DKR.ecr.eu-west-1.amazonaws.com/x",
                "4123.dkr.ecr.eu-west-1.amazonaws.com/x",
                "a.123.dkr.ecr.eu-west-1.amazonaws.com/x",
                "r.b.example.com:5000/x",
                "a.r.b.example.com/x",
                "evil.example/123.dkr.ecr.eu-west-1.amazonaws.com/x",
            ],
        ),
        (
            "repositories: {allow: ['123.dkr.ecr.*.amazonaws.com/team/**']}",
            &["123.dkr.ecr.us-east-1.amazonaws.com/team/x"],
            &["123.dkr.ecr.us-east-1.amazonaws.com/other/x", "x"],
        ),
        (
            "registries: {deny: ['a.*.example.com', 'registry.*.docker.com']}",
            &[
                "b.a.example.com/x",
                "a.example.com/x",
                "a.b.c.example.com/x",
            ],
            // In any case, at any port, and Docker Hub by each of its names.
            &[
                "a.b.example.com/x",
                "A.B.Example.com:5000/x",
                "nginx",
                "hub.docker.com/x",
            ],
        ),
        (
            "registries: {deny: [docker.io]}",
            &["quay.io/x", "docker.io.example.com/x", "localhost/x"],
            &[
                "nginx",
                "team/x",
                "docker.io/x",
                "DOCKER.IO/library/x",
                "index.docker.io/x",
                "Index.Docker.io/library/x",
                "docker.io:443/library/x",
                "registry-1.docker.io/library/x",
                "registry.hub.docker.com/library/x",
            ],
        ),
        (
            "registries: {allow: ['*.example.com', 'registry.example.org:5000']}",
            &[
                "a.example.com/x",
                "a.b.example.com/x",
                "registry.example.org:5000/x",
            ],
            &[
                "example.com/x",
                "evilexample.com/x",
                "a.example.com:5000/x",
                "a.example.com.evil.example/x",
                "registry.example.org/x",
                "registry.example.org:5001/x",
            ],
        ),
        (
            "registries: {deny: ['*.example.com', 'example.org:5000']}",
            &["example.com/x", "example.org/x", "evilexample.com/x"],
            &[
                "a.example.com/x",
                "A.Example.COM:5000/x",
                "example.org:5000/x",
            ],
        ),
        (
            "registries: {allow: ['example.com:*', '[2001:db8::1]:5000', 'localhost']}",
            &[
                "example.com/x",
                "example.com:5000/x",
                "[2001:db8::1]:5000/x",
                "localhost/x",
            ],
            &[
                "[2001:db8::2]:5000/x",
                "[2001:db8::1]/x",
                "localhost:5000/x",
            ],
        ),
        (
            "registries: {allow: ['*']}",
            &["nginx", "a.example.com:1/x"],
            &["Foo/x"],
        ),
        (
            "repositories: {allow: [nginx]}",
            &[
                "nginx",
                "nginx:1",
                "docker.io/nginx",
                "library/nginx",
                &pinned,
            ],
            &[
                "team/nginx",
                "nginx2",
                "quay.io/nginx",
                "quay.io/library/nginx",
            ],
        ),
        (
            "repositories: {allow: ['bitnami/*', 'docker.io/*']}",
            &["bitnami/redis", "nginx", "docker.io/library/redis"],
            &["bitnami/a/b", "team/nginx", "quay.io/bitnami/x"],
        ),
        (
            "repositories: {allow: ['example.com/team/**']}",
            &["example.com/team/a", "example.com/team/a/b:1"],
            &[
                "example.com/team",
                "example.com/team-evil/a",
                "example.com/x/team/a",
                "team/a",
            ],
        ),
        (
            "repositories: {allow: ['example.com/**/app', 'example.org/a-*/x']}",
            &[
                "example.com/app",
                "example.com/a/b/app",
                "example.org/a-1/x",
            ],
            &[
                "example.com/a/app2",
                "example.org/a-1/b/x",
                "example.org/b-1/x",
            ],
        ),
        (
            "repositories: {deny: ['**/redis']}",
            &["nginx", "redis/nginx", "redis2"],
            &["redis", "team/redis", "example.com:5000/a/b/redis:7"],
        ),
        (
            "repositories: {deny: ['docker.io/**']}",
            &["quay.io/x"],
            &["nginx", "team/x/y", "DOCKER.io/a/b"],
        ),
        (
            "repositories: {allow: ['**']}",
            &["nginx", "example.com/x"],
            &["LOCALHOST/x"],
        ),
        ("maxImages: 0", &[], &["nginx"]),
        ("maxImages: 1", &["nginx"], &[]),
        // A rule with several checks asks for all of them.
        (
            "tags: {deny: [latest]}, registries: {allow: [example.com]}",
            &["example.com/x:1"],
            &["example.com/x", "nginx:1"],
        ),
    ] {
        let policy = rule(checks);
        for image in allowed {
            assert!(allows(&policy, image), "{checks} should allow {image}");
        }
        for image in denied {
            assert!(!allows(&policy, image), "{checks} should deny {image}");
        }
    }
}

#[test]
fn a_denied_registry_has_no_other_name() {
    // What a pattern denies and allows, and what it denies only.
    for (pattern, exact, other) in [
        // An alias itself, and a domain that aliases are below.
        (
            "registry-1.docker.io",
            &["registry-1.docker.io/x"][..],
            &["registry-1.docker.io:443/x"][..],
        ),
        (
            "*.docker.io",
            &["registry-1.docker.io/x"],
            &["a.docker.io:5000/x"],
        ),
        (
            "*.docker.com",
            &["registry.hub.docker.com/x"],
            &["hub.DOCKER.com/x"],
        ),
        // A port in other digits, or omitted where it is the usual one.
        (
            "example.com:5000",
            &["example.com:5000/x"],
            &["example.com:05000/x"],
        ),
        (
            "example.com:443",
            &["example.com:443/x"],
            &["example.com/x", "example.com:0443/x"],
        ),
        (
            "example.com:080",
            &["example.com:080/x"],
            &["example.com/x", "example.com:80/x"],
        ),
        // Other spellings of one address.
        (
            "[2001:db8::1]",
            &["[2001:db8::1]/x"],
            &["[2001:DB8:0::1]/x", "[2001:db8:0:0:0:0:0:1]:5000/x"],
        ),
        (
            "[2001:db8:0::1]:5000",
            &["[2001:db8:0::1]:5000/x"],
            &["[2001:db8::1]:5000/x"],
        ),
        (
            "192.0.2.1",
            &["192.0.2.1/x"],
            &["[::ffff:c000:201]/x", "192.0.2.1:5000/x"],
        ),
    ] {
        let deny = rule(&format!("registries: {{deny: ['{pattern}']}}"));
        let allow = rule(&format!("registries: {{allow: ['{pattern}']}}"));
        for image in exact {
            assert!(!allows(&deny, image), "{pattern} should deny {image}");
            assert!(allows(&allow, image), "{pattern} should allow {image}");
        }
        for image in other {
            assert!(!allows(&deny, image), "{pattern} should deny {image}");
            assert!(!allows(&allow, image), "{pattern} should not allow {image}");
        }
    }
}

#[test]
fn an_official_image_has_two_paths() {
    for (pattern, matched, unmatched) in [
        (
            "nginx",
            &["nginx", "library/nginx"][..],
            &["team/nginx", "example.com/nginx"][..],
        ),
        (
            "library/nginx",
            &["nginx", "docker.io/nginx"],
            &["example.com/nginx"],
        ),
        // Whatever the registry is, or the first of several.
        (
            "*/nginx",
            &["nginx", "library/nginx", "example.com/nginx"],
            &["team/nginx"],
        ),
        (
            "*/library/nginx",
            &["nginx", "example.com/library/nginx"],
            &["example.com/nginx"],
        ),
        (
            "**/nginx",
            &["nginx", "a/nginx", "example.com/nginx"],
            &["nginx2"],
        ),
        (
            "{nginx,team/app}",
            &["nginx", "team/app"],
            &["team/nginx", "app"],
        ),
        (
            "docker.io/{nginx,team/app}",
            &["nginx", "team/app"],
            &["team/nginx"],
        ),
        (
            "docker.io:443/nginx",
            &["docker.io:443/nginx"],
            &["docker.io:443/library/nginx"],
        ),
    ] {
        let allow = rule(&format!("repositories: {{allow: ['{pattern}']}}"));
        let deny = rule(&format!("repositories: {{deny: ['{pattern}']}}"));
        for image in matched {
            assert!(allows(&allow, image), "{pattern} should allow {image}");
            assert!(!allows(&deny, image), "{pattern} should deny {image}");
        }
        for image in unmatched {
            assert!(!allows(&allow, image), "{pattern} should not allow {image}");
        }
    }
    // A denial holds under the other names of Docker Hub too.
    let deny = rule("repositories: {deny: [nginx]}");
    for image in [
        "DOCKER.IO/nginx",
        "registry-1.docker.io/nginx",
        "docker.io:443/library/nginx",
    ] {
        assert!(!allows(&deny, image), "{image}");
    }
}

#[test]
#[cfg(feature = "cel")]
fn expressions_allow_and_deny() {
    let pinned = format!("nginx@{DIGEST}");
    for (expression, allowed, denied) in [
        (
            "image.registry == 'docker.io'",
            &["nginx"][..],
            &["quay.io/x"][..],
        ),
        // As a pattern does: no spelling of the host and no port helps an image.
        (
            "image.host != 'evil.example.com'",
            &["example.com/x", "nginx"],
            &[
                "evil.example.com/x",
                "EVIL.example.com/x",
                "evil.example.com:443/x",
                "Evil.Example.COM:5000/x",
            ],
        ),
        (
            "image.host == 'docker.io'",
            &[
                "nginx",
                "index.docker.io/library/nginx",
                "docker.io:443/x/y",
            ],
            &["registry-1.docker.io/library/nginx", "quay.io/x"],
        ),
        (
            "image.port in ['', '443']",
            &[
                "nginx",
                "example.com/x",
                "example.com:443/x",
                "example.com:0443/x",
            ],
            &["example.com:5000/x", "localhost:80/x"],
        ),
        (
            "image.host == '[2001:db8::1]' && image.port == '5000'",
            &["[2001:db8::1]:5000/x", "[2001:DB8::1]:5000/x"],
            &["[2001:db8::1]/x", "[2001:db8::2]:5000/x"],
        ),
        (
            "image.repository.startsWith('library/')",
            &["nginx"],
            &["team/x", "quay.io/x"],
        ),
        (
            "image.tag.matches('^[0-9]+[.][0-9]+$')",
            &["x:1.2"],
            &["x", "x:1.2.3"],
        ),
        (
            "image.digest != '' || image.tag != 'latest'",
            &["x:1"],
            &["x"],
        ),
        (
            "review.images.all(i, i.registry == image.registry)",
            &["x"],
            &[],
        ),
        ("!('a' in review.annotations)", &["x"], &[]),
        // What the review does not tell is not there: it is neither one thing nor another.
        ("review.namespace == ''", &[], &["x"]),
        ("review.namespace != 'prod'", &[], &["x"]),
        (
            "review.namespace != 'prod' || image.digest != ''",
            &[&pinned],
            &["x"],
        ),
        ("!has(review.namespace)", &["x"], &[]),
        ("!has(image.kind) || image.kind != 'ephemeral'", &["x"], &[]),
        (
            "image.written.startsWith(image.registry + '/')",
            &["quay.io/x"],
            &["x", "a/x"],
        ),
        ("image.kind != 'ephemeral'", &[], &["x"]),
        ("image.container == 'web'", &[], &["x"]),
        // What cannot be decided is denied.
        ("image.tag", &[], &["x"]),
        ("1 / 0 == 1", &[], &["x"]),
        // A map is gone through in the order of its keys.
        (
            "image.map(k, k) == ['digest', 'host', 'path', 'port', 'registry', 'repository', 'tag', 'written']",
            &["x"],
            &[],
        ),
        (
            "{'b': 1, 'a': 2, 3: 1}.map(k, k) == [3, 'a', 'b']",
            &["x"],
            &[],
        ),
        (
            "{2u: 'x', true: 'x'}.filter(k, k != true)[0] == 2u",
            &["x"],
            &[],
        ),
    ] {
        let policy = document(&format!(
            "rules:\n  - name: rule\n    expression: >-\n      {expression}"
        ));
        for image in allowed {
            assert!(allows(&policy, image), "{expression} should allow {image}");
        }
        for image in denied {
            assert!(!allows(&policy, image), "{expression} should deny {image}");
        }
    }
}

/// An `AdmissionReview` has all annotations, an `ImageReview` only some; both are decided alike.
#[test]
#[cfg(feature = "cel")]
fn an_expression_knows_only_the_annotations_that_are_forwarded() {
    let policy = document("rules: [{name: r, expression: 'size(review.annotations) == 1'}]");
    let annotations: StringMap<'_> = [
        ("a.image-policy.k8s.io/b", "c"),
        ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
    ]
    .into_iter()
    .collect();
    let review: Review<'_> = ["nginx"].into_iter().collect();
    assert!(decide(&policy, &review.with_annotations(&annotations)).is_allowed());
}

#[test]
#[cfg(feature = "cel")]
fn an_expression_that_fails_says_why_in_the_same_short_words_each_time() {
    let long = "k".repeat(10_000);
    let annotations: StringMap<'_> = [("x.image-policy.k8s.io/long", long.as_str())]
        .into_iter()
        .collect();
    for (expression, reason) in [
        (
            "image.container == 'web'",
            r#"there is no field "container""#.to_owned(),
        ),
        (
            "image - 1 == 1",
            r#""sub" is not for a map and an int"#.into(),
        ),
        (
            "image.registry.team == 'x'",
            "\".\" is not for (string, string)".into(),
        ),
        (
            "image.matches('x')",
            "a function is called on a map, which it is not for".into(),
        ),
        (
            "image.tag.endsWith(image)",
            "\"endsWith\" is not for string.(map)".into(),
        ),
        ("image < image", "\"<\" is not for (map, map)".into()),
        (
            "{image: 1} == {}",
            "a map cannot be the key of a map".into(),
        ),
        (
            "[1][1] == 1",
            "an index is beyond the end of its list".into(),
        ),
        ("{1: 1, 1: 2} == {}", "a map has a key twice".into()),
        ("9223372036854775807 + 1 == 0", r#""add" overflows"#.into()),
        ("1 / 0 == 1 || 1 % 0 == 1", "it divides by zero".into()),
        (
            "1.exists(x, x == 1)",
            "a value that has to be iterable is not".into(),
        ),
        (
            "int(review.annotations['x.image-policy.k8s.io/long']) == 1",
            r#"int fails: "string parse error: invalid digit found in string""#.into(),
        ),
        (
            "image[review.annotations['x.image-policy.k8s.io/long']] == 1",
            format!("there is no field \"{}…\"", "k".repeat(160)),
        ),
        ("image", "it returns a map; it must return a bool".into()),
        ("null", "it returns null; it must return a bool".into()),
    ] {
        let text = format!("rules: [{{name: r, expression: {expression:?}}}]");
        let review: Review<'_> = ["nginx"].into_iter().collect();
        let review = review.with_annotations(&annotations);
        // The map's fields are in another order in each review.
        for _ in 0..8 {
            let verdict = decide(&document(&text), &review);
            let said = verdict.violations()[0].reason().text(Language::English);
            let expected = format!("the expression could not be decided: {reason}");
            assert_eq!(said, expected, "{expression}");
        }
    }
}

#[test]
fn scopes_leave_out_only_what_is_known() {
    let in_namespace = |policy: &ImagePolicy, namespace: Option<&str>| {
        let mut review: Review<'_> = ["nginx"].into_iter().collect();
        if let Some(namespace) = namespace {
            review = review.with_namespace(namespace);
        }
        decide(policy, &review).is_allowed()
    };
    for (scope, namespace, applies) in [
        (
            "namespaces: {include: ['prod-*', shop]}",
            Some("prod-eu"),
            true,
        ),
        (
            "namespaces: {include: ['prod-*', shop]}",
            Some("shop"),
            true,
        ),
        (
            "namespaces: {include: ['prod-*', shop]}",
            Some("dev"),
            false,
        ),
        (
            "namespaces: {include: ['prod-*', shop]}",
            Some("shop2"),
            false,
        ),
        ("namespaces: {include: ['prod-*']}", None, true),
        ("namespaces: {exclude: [dev]}", Some("dev"), false),
        ("namespaces: {exclude: [dev]}", Some("prod"), true),
        ("namespaces: {exclude: [dev]}", None, true),
        (
            "namespaces: {include: ['*'], exclude: ['kube-*']}",
            Some("kube-system"),
            false,
        ),
        ("systemNamespaces: exclude", Some("kube-system"), false),
        ("systemNamespaces: exclude", Some("kube-public"), false),
        ("systemNamespaces: exclude", Some("kube-node-lease"), false),
        ("systemNamespaces: exclude", Some("kube-other"), true),
        ("systemNamespaces: include", Some("kube-system"), true),
        ("images: {include: [nginx]}", None, true),
        ("images: {include: [redis]}", None, false),
        ("images: {exclude: [nginx]}", None, false),
        ("images: {exclude: ['quay.io/**']}", None, true),
        ("containers: [init]", None, true),
        ("annotations: {a.image-policy.k8s.io/b: '*'}", None, true),
    ] {
        let checks = "tags: {deny: [latest]}";
        let by_rule = rule(&format!("{checks}, scope: {{{scope}}}"));
        let by_document = document(&format!(
            "scope: {{{scope}}}\nrules: [{{name: rule, {checks}}}]"
        ));
        for policy in [by_rule, by_document] {
            assert_eq!(
                in_namespace(&policy, namespace),
                !applies,
                "{scope} in {namespace:?}"
            );
        }
    }
}

#[test]
fn scopes_know_container_kinds_and_annotations() {
    let policy = rule("tags: {deny: [latest]}, scope: {containers: [init, volume]}");
    for (kind, applies) in [
        (ContainerKind::Init, true),
        (ContainerKind::Volume, true),
        (ContainerKind::Regular, false),
        (ContainerKind::Ephemeral, false),
        (ContainerKind::Unknown, true),
    ] {
        let location = Location::new("spec.x", 0, "image").with_kind(kind);
        let verdict = decide(&policy, &Review::new().with_image("nginx", location));
        assert_eq!(verdict.is_allowed(), !applies, "{kind:?}");
    }

    let policy =
        rule("tags: {deny: [latest]}, scope: {annotations: {a.image-policy.k8s.io/tier: 'gold*'}}");
    for (value, applies) in [
        (Some("gold"), true),
        (Some("golden"), true),
        (Some("tin"), false),
        (None, false),
    ] {
        let annotations: StringMap<'_> = value
            .map(|value| ("a.image-policy.k8s.io/tier", value))
            .into_iter()
            .collect();
        let review: Review<'_> = ["nginx"].into_iter().collect();
        let verdict = decide(&policy, &review.with_annotations(&annotations));
        assert_eq!(verdict.is_allowed(), !applies, "{value:?}");
    }
}

#[test]
fn the_value_of_an_annotation_may_have_slashes() {
    let key = "a.image-policy.k8s.io/ticket";
    let policy = document(&format!(
        "rules: [{{name: rule, tags: {{deny: [latest]}}, scope: {{annotations: {{{key}: '*'}}}}}}]"
    ));
    let annotations: StringMap<'_> = [(key, "https://example.com/1")].into_iter().collect();
    let review: Review<'_> = ["nginx"].into_iter().collect();
    assert!(!decide(&policy, &review.with_annotations(&annotations)).is_allowed());
}

#[test]
#[cfg(feature = "cel")]
fn a_review_of_very_many_images_is_denied_rather_than_evaluated() {
    let policy =
        document("rules: [{name: r, expression: 'review.images.all(i, i.tag != image.registry)'}]");
    for (count, allowed) in [(200, true), (201, false), (100_000, false)] {
        let review: Review<'_> = std::iter::repeat_n("x:1", count).collect();
        assert_eq!(decide(&policy, &review).is_allowed(), allowed, "{count}");
    }
}

#[test]
fn a_rule_counts_for_no_more_than_its_document() {
    for (document_mode, rule_mode, expected) in [
        ("enforce", "enforce", Mode::Enforce),
        ("enforce", "warn", Mode::Warn),
        ("enforce", "audit", Mode::Audit),
        ("warn", "enforce", Mode::Warn),
        ("audit", "warn", Mode::Audit),
    ] {
        let policy = document(&format!(
            "mode: {document_mode}\nrules: [{{name: rule, mode: {rule_mode}, tags: {{deny: [latest]}}}}]"
        ));
        let verdict = decide(&policy, &["nginx"].into_iter().collect());
        assert_eq!(verdict.violations()[0].mode(), expected);
        assert_eq!(verdict.is_allowed(), expected != Mode::Enforce);
        let key = match expected {
            Mode::Enforce => "denied-by",
            Mode::Warn => "warned-by",
            Mode::Audit => "audited-by",
        };
        assert_eq!(verdict.audit_annotations().get(key), Some("rule"));
        assert_eq!(
            verdict.audit_annotations().get("policy"),
            Some(policy.identity())
        );
    }
}

#[test]
fn unreadable_references_follow_the_mode_and_scope_of_the_document() {
    let rules = "rules: [{name: rule, maxImages: 9}]";
    for (head, namespace, mode) in [
        ("", "a", Mode::Enforce),
        ("mode: warn", "a", Mode::Warn),
        ("mode: warn\nunreadableReferences: enforce", "a", Mode::Warn),
        ("unreadableReferences: audit", "a", Mode::Audit),
        ("scope: {namespaces: {exclude: [a]}}", "a", Mode::Audit),
        ("scope: {namespaces: {exclude: [a]}}", "b", Mode::Enforce),
    ] {
        let review: Review<'_> = ["Foo/x"].into_iter().collect();
        let verdict = decide(
            &document(&format!("{head}\n{rules}")),
            &review.with_namespace(namespace),
        );
        let violation = &verdict.violations()[0];
        assert_eq!(
            (violation.rule(), violation.mode()),
            (UNREADABLE_REFERENCE, mode),
            "{head}"
        );
    }
}

fn now(date: &str) -> SystemTime {
    let instant: jiff::Timestamp = date.parse().unwrap();
    instant.try_into().unwrap()
}

#[test]
fn exemptions_need_all_that_they_name_and_are_recorded() {
    let rules = "rules: [{name: no-latest, tags: {deny: [latest]}}, {name: hub, registries: {allow: [docker.io]}}]";
    let key = "team.image-policy.k8s.io/break-glass";
    for (exemption, image, namespace, annotation, time, allowed) in [
        ("images: [nginx]", "nginx", None, None, None, true),
        ("images: [nginx]", "redis", None, None, None, false),
        // An exemption is exact: no other spelling of a host gets one.
        (
            "images: ['docker.io/**']",
            "DOCKER.IO/library/nginx",
            None,
            None,
            None,
            false,
        ),
        (
            "images: [nginx], rules: [no-latest]",
            "nginx",
            None,
            None,
            None,
            true,
        ),
        (
            "images: [nginx], rules: [hub]",
            "nginx",
            None,
            None,
            None,
            false,
        ),
        (
            "namespaces: ['dev-*']",
            "nginx",
            Some("dev-a"),
            None,
            None,
            true,
        ),
        (
            "namespaces: ['dev-*']",
            "nginx",
            Some("prod"),
            None,
            None,
            false,
        ),
        // What the review does not tell is no match.
        ("namespaces: ['*']", "nginx", None, None, None, false),
        (
            "images: [nginx], namespaces: [dev]",
            "redis",
            Some("dev"),
            None,
            None,
            false,
        ),
        (
            "namespaces: [a], annotation: {key: KEY}",
            "nginx",
            Some("a"),
            Some("INC-1"),
            None,
            true,
        ),
        (
            "namespaces: [a], annotation: {key: KEY}",
            "nginx",
            Some("a"),
            None,
            None,
            false,
        ),
        (
            "namespaces: [a], annotation: {key: KEY}",
            "nginx",
            Some("b"),
            Some("INC-1"),
            None,
            false,
        ),
        (
            "namespaces: [a], annotation: {key: KEY, value: 'INC-*'}",
            "nginx",
            Some("a"),
            Some("INC-1"),
            None,
            true,
        ),
        (
            "namespaces: [a], annotation: {key: KEY, value: 'INC-*'}",
            "nginx",
            Some("a"),
            Some("yes"),
            None,
            false,
        ),
        (
            "images: [nginx], expires: 2027-01-31",
            "nginx",
            None,
            None,
            Some("2027-01-31T23:59:59Z"),
            true,
        ),
        (
            "images: [nginx], expires: 2027-01-31",
            "nginx",
            None,
            None,
            Some("2027-02-01T00:00:00Z"),
            false,
        ),
        (
            "images: [nginx], expires: '2027-01-31T12:00:00Z'",
            "nginx",
            None,
            None,
            Some("2027-01-31T12:00:00Z"),
            false,
        ),
        (
            "images: [nginx], expires: '2027-01-31T12:00:00+08:00'",
            "nginx",
            None,
            None,
            Some("2027-01-31T03:59:59Z"),
            true,
        ),
        // Without a clock nobody can say that it has not ended.
        (
            "images: [nginx], expires: 2027-01-31",
            "nginx",
            None,
            None,
            None,
            false,
        ),
    ] {
        let exemption = exemption.replace("KEY", key);
        let policy = document(&format!(
            "{rules}\nexemptions: [{{name: way-out, reason: agreed, {exemption}}}]"
        ));
        let annotations: StringMap<'_> = annotation.map(|value| (key, value)).into_iter().collect();
        let mut review: Review<'_> = [image].into_iter().collect();
        review = review.with_annotations(&annotations);
        if let Some(namespace) = namespace {
            review = review.with_namespace(namespace);
        }
        if let Some(time) = time {
            review = review.with_time(now(time));
        }
        let verdict = decide(&policy, &review);
        let row = format!("{exemption} {image} {namespace:?} {annotation:?} {time:?}");
        assert_eq!(verdict.is_allowed(), allowed, "{row}");
        let used: Vec<_> = verdict.exempted().iter().map(Exempted::exemption).collect();
        assert_eq!(
            used,
            if allowed { vec!["way-out"] } else { vec![] },
            "{row}"
        );
        let recorded = verdict
            .audit_annotations()
            .get("exempted-by")
            .map(str::to_owned);
        assert_eq!(
            recorded.as_deref(),
            allowed.then_some("way-out (no-latest): agreed"),
            "{row}"
        );
    }
}

#[test]
fn messages_are_filled_in_and_translated() {
    let policy = document(
        "rules:
  - name: pinned
    message:
      en: '{image} ({registry} {repository} {tag} {digest} {namespace} {container} {location}) {{braces}} {rule}'
      zh: '镜像{repository}没有摘要'
    remedy: ask the platform team
    digest: {}",
    );
    let location = Location::new("spec.containers", 0, "image").with_container("web");
    let review = Review::new()
        .with_image("nginx:1", location)
        .with_namespace("shop");
    let verdict = decide(&policy, &review);
    assert_eq!(
        verdict.reason(Language::English),
        "image check failed: image \"nginx:1\" (container \"web\", spec.containers[0].image) breaks rule \
         \"pinned\": nginx:1 (docker.io library/nginx 1 - shop web spec.containers[0].image) {braces} \
         pinned; ask the platform team"
    );
    assert_eq!(
        verdict.reason(Language::Chinese),
        "检查镜像失败!镜像\"nginx:1\"(容器\"web\",spec.containers[0].image)违反规则\"pinned\":镜像library/nginx\
         没有摘要; ask the platform team"
    );
    assert_eq!(
        verdict.violations()[0].rule_declared_at(),
        Some("policy.yaml:5")
    );
}

#[test]
fn names_that_nobody_checked_cannot_forge_a_line() {
    let policy = document("rules: [{name: r, message: '{container} {namespace}', maxImages: 0}]");
    let long = "x".repeat(9_999);
    for (container, namespace, expected) in [
        ("web", "shop", "web shop"),
        ("a\nallowed\u{202e}", "b\r", "a\\nallowed\\u{202e} b\\r"),
        (&long, "shop", &format!("{} shop", &long[..63])),
    ] {
        let location = Location::new("spec.containers", 0, "image").with_container(container);
        let review = Review::new()
            .with_image("x:1", location)
            .with_namespace(namespace);
        let verdict = decide(&policy, &review);
        let reason = verdict.violations()[0].reason();
        assert_eq!(reason.text(Language::English), expected);
    }
}

#[test]
fn the_violations_of_one_image_stand_together() {
    let policy = document(
        "rules: [{name: a, tags: {deny: [latest]}}, {name: b, registries: {allow: [example.com]}}]",
    );
    let verdict = decide(&policy, &["nginx", "redis:7"].into_iter().collect());
    assert_eq!(
        verdict.reason(Language::English),
        "image check failed: image \"nginx\" (IMAGE[0]) breaks rule \"a\": it has no tag, which means \
         \"latest\", and that is denied by \"latest\"; write a fixed tag or a digest; rule \"b\": registry \
         \"docker.io\" is not allowed; allowed: example.com; image \"redis:7\" (IMAGE[1]) breaks rule \
         \"b\": registry \"docker.io\" is not allowed; allowed: example.com"
    );
}

#[test]
fn of_many_allowed_patterns_the_first_are_named() {
    let long = format!("example.com/{}", "x".repeat(100));
    let cut = &long[..100];
    let (english, chinese) = (format!("allowed: {cut}…"), format!("允许的有:{cut}…"));
    for (field, allow, english, chinese) in [
        (
            "registries",
            "a.example",
            "allowed: a.example",
            "允许的有:a.example",
        ),
        ("repositories", &*long, &*english, &*chinese),
        (
            "registries",
            "a.example, b.example, '*.c.example'",
            "allowed: a.example, b.example, *.c.example",
            "允许的有:a.example, b.example, *.c.example",
        ),
        (
            "registries",
            "a.example, b.example, c.example, d.example, e.example",
            "allowed: a.example, b.example, c.example (and 2 more)",
            "允许的有:a.example, b.example, c.example(另有2项)",
        ),
        (
            "tags",
            "'1.27', '>=2, <3', '/v[0-9]+/', '*-lts'",
            "allowed: 1.27, >=2, <3, /v[0-9]+/ (and 1 more)",
            "允许的有:1.27, >=2, <3, /v[0-9]+/(另有1项)",
        ),
    ] {
        let policy = rule(&format!("{field}: {{allow: [{allow}]}}"));
        let verdict = decide(&policy, &["nginx"].into_iter().collect());
        let remedy = verdict.violations()[0].remedy().unwrap();
        assert_eq!(remedy.text(Language::English), english);
        assert_eq!(remedy.text(Language::Chinese), chinese);
    }
}

#[test]
fn an_explanation_tells_of_an_exemption_that_has_expired() {
    let policy = document(
        "rules: [{name: own, registries: {allow: [example.com]}}]
exemptions:
  - {name: hub, reason: mirrored soon, images: ['docker.io/**'], expires: 2020-01-01}
  - {name: quay, reason: mirrored soon, images: ['quay.io/**'], expires: 2020-01-01}",
    );
    // The last second of 2020-01-01, and the one after it.
    let [before, after] = [1_577_923_199, 1_577_923_200]
        .map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    for (time, outcome, why) in [
        (
            Some(before),
            Outcome::Exempted,
            "exemption \"hub\": mirrored soon",
        ),
        (
            Some(after),
            Outcome::Violated,
            "registry \"docker.io\" is not allowed; the exemption \"hub\" expired at 2020-01-02T00:00:00Z",
        ),
        (
            None,
            Outcome::Violated,
            "registry \"docker.io\" is not allowed; the exemption \"hub\" may have expired at \
             2020-01-02T00:00:00Z: the review has no time",
        ),
    ] {
        let mut review: Review<'_> = ["nginx:1"].into_iter().collect();
        if let Some(time) = time {
            review = review.with_time(time);
        }
        let explanation = policy.explain(&review);
        let step = &explanation.images()[0].steps()[0];
        assert_eq!(step.outcome(), outcome);
        assert_eq!(step.why().text(Language::English), why);
    }
}

#[test]
fn an_explanation_tells_each_rule_in_order() {
    let policy = document(
        "rules:
  - {name: no-latest, tags: {deny: [latest]}}
  - {name: own, registries: {allow: [example.com]}}
  - {name: elsewhere, scope: {namespaces: {include: [other]}}, maxImages: 0}
  - {name: pinned, mode: warn, digest: {}}
exemptions:
  - {name: hub, reason: mirrored soon, rules: [own], images: ['docker.io/**']}",
    );
    let review: Review<'_> = ["nginx:1"].into_iter().collect();
    let explanation = policy.explain(&review.with_namespace("shop"));
    let image = &explanation.images()[0];
    assert_eq!(image.full_name(), "docker.io/library/nginx:1");
    let steps: Vec<_> = image
        .steps()
        .iter()
        .map(|step| {
            (
                step.rule(),
                step.outcome(),
                step.mode(),
                step.why().text(Language::English),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            (
                "no-latest",
                Outcome::Passed,
                Mode::Enforce,
                "its tag \"1\" is not denied"
            ),
            (
                "own",
                Outcome::Exempted,
                Mode::Enforce,
                "exemption \"hub\": mirrored soon"
            ),
            (
                "elsewhere",
                Outcome::OutOfScope,
                Mode::Enforce,
                "not about this namespace"
            ),
            ("pinned", Outcome::Violated, Mode::Warn, "it has no digest"),
        ]
    );
    assert!(explanation.verdict().is_allowed());
}

/// References of all kinds, good and bad.
fn image() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec![
        "",
        "docker.io/",
        "DOCKER.IO/",
        "example.com/",
        "a.example.com:5000/",
        "Foo/",
        "localhost/",
    ]);
    let path = prop::sample::select(vec!["nginx", "team/app", "library/nginx", "a/b/c", "A"]);
    let tag = prop::sample::select(vec!["", ":1.2", ":latest", ":LATEST", ":1.0-rc1", ":é"]);
    let digest = prop::sample::select(vec![String::new(), format!("@{DIGEST}")]);
    (host, path, tag, digest)
        .prop_map(|(host, path, tag, digest)| format!("{host}{path}{tag}{digest}"))
}

fn checks() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "tags: {deny: [latest]}",
        "tags: {allow: ['1.*']}",
        "tags: {deny: [$mutable, '<1'], missing: deny}",
        "digest: {}",
        "registries: {allow: [docker.io, '*.example.com']}",
        "registries: {deny: [docker.io]}",
        "repositories: {allow: ['team/**', nginx]}",
        "repositories: {deny: ['**/app']}",
        "maxImages: 2",
    ])
}

fn some_of(from: Vec<&'static str>) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(from), 1..6)
}

/// A field of lists, patterns for them, and images that some of the patterns are close to.
fn lists() -> impl Strategy<Value = (&'static str, Vec<&'static str>, String)> {
    let host = prop::sample::select(vec![
        "",
        "a.example.com/",
        "A.example.com:5000/",
        "b.a.example.com/",
        "localhost/",
        "docker.io/",
    ]);
    let path = prop::sample::select(vec![
        "nginx",
        "library/nginx",
        "team/app",
        "team/a/app",
        "team-1/app",
    ]);
    let tag = prop::sample::select(vec![
        "", ":1.2", ":1.2.", ":v2-rc1", ":latest", ":a..b", ":a-b",
    ]);
    let patterns = prop_oneof![
        (
            Just("registries"),
            some_of(vec![
                "*",
                "docker.io",
                "a.example.com",
                "*.example.com",
                "*.a.example.com:*",
                "a.example.com:5000",
                "localhost",
            ]),
        ),
        (
            Just("repositories"),
            some_of(vec![
                "**",
                "nginx",
                "team/**",
                "team/*",
                "*/nginx",
                "**/app",
                "team/**/app",
                "t*m/app",
                "a.example.com/**",
                "*.example.com/team*/app",
                "localhost/{nginx,team/app}",
                "**/team-?/*",
                "docker.io/[a-n]*",
            ]),
        ),
        (
            Just("tags"),
            some_of(vec![
                "latest",
                "$mutable",
                "1.*",
                "*.",
                "a*b",
                "/a.*/",
                ">=1",
                "<2",
                "v?-*",
                "{1.2,a-b}",
            ]),
        ),
    ];
    (patterns, host, path, tag).prop_map(|((field, patterns), host, path, tag)| {
        (field, patterns, format!("{host}{path}{tag}"))
    })
}

const EXEMPTION: &str = "exemptions: [{name: e, reason: r, images: ['docker.io/**']}]";

/// Whether parts of a pattern match parts of a path; `**` at the end stands for one part or more.
fn parts_match(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], path) => path.is_empty(),
        (["**"], path) => !path.is_empty(),
        (["**", rest @ ..], path) => {
            (0..=path.len()).any(|skipped| parts_match(rest, &path[skipped..]))
        }
        ([part, pattern @ ..], [first, path @ ..]) => {
            let matches = match *part {
                "*" => true,
                "a*" => first.starts_with('a'),
                "?" => first.len() == 1,
                part => part == *first,
            };
            matches && parts_match(pattern, path)
        }
        (_, []) => false,
    }
}

proptest! {
    #[test]
    fn another_rule_never_allows_more_and_an_exemption_never_denies_more(
        images in prop::collection::vec(image(), 0..4),
        one in checks(),
        two in checks(),
    ) {
        let review: Review<'_> = images.iter().map(String::as_str).collect();
        let allowed = |text: &str| decide(&document(text), &review).is_allowed();
        let alone = format!("rules: [{{name: one, {one}}}]");
        let both = format!("rules: [{{name: one, {one}}}, {{name: two, {two}}}]");
        let swapped = format!("rules: [{{name: two, {two}}}, {{name: one, {one}}}]");
        prop_assert!(allowed(&alone) || !allowed(&both));
        prop_assert_eq!(allowed(&both), allowed(&swapped), "the order of rules does not matter");
        let exempted = format!("{both}\n{EXEMPTION}");
        prop_assert!(!allowed(&both) || allowed(&exempted));
    }

    /// However patterns are looked up together, they match what each alone does.
    #[test]
    fn a_list_is_the_first_of_its_patterns_that_matches((field, patterns, image) in lists()) {
        for list in ["allow", "deny"] {
            let rule_of = |patterns: &[&str]| rule(&format!("{field}: {{{list}: ['{}']}}", patterns.join("', '")));
            let matches = |pattern: &&&str| allows(&rule_of(&[*pattern]), &image) == (list == "allow");
            let first = patterns.iter().find(matches);
            let together = rule_of(&patterns);
            prop_assert_eq!(allows(&together, &image) == (list == "allow"), first.is_some());
            if let Some(first) = first {
                let review: Review<'_> = [&*image].into_iter().collect();
                let explanation = together.explain(&review);
                let why = explanation.images()[0].steps()[0].why().text(Language::English);
                prop_assert!(why.contains(&format!("by \"{first}\"")), "{} {}", first, why);
            }
        }
    }

    /// The globs of a path mean what they say, however they are looked up.
    #[test]
    fn a_path_is_matched_part_by_part(
        pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "*", "a*", "?", "**"]), 1..5),
        path in prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "ba"]), 1..5),
    ) {
        let text = format!("example.com/{}", pattern.join("/"));
        let image = format!("example.com/{}", path.join("/"));
        let policy = rule(&format!("repositories: {{allow: ['{text}']}}"));
        prop_assert_eq!(allows(&policy, &image), parts_match(&pattern, &path), "{} {}", text, image);
    }

    #[test]
    fn the_order_of_containers_does_not_matter(
        images in prop::collection::vec(image(), 0..4),
        checks in checks(),
    ) {
        let policy = rule(checks);
        let forward: Review<'_> = images.iter().map(String::as_str).collect();
        let backward: Review<'_> = images.iter().rev().map(String::as_str).collect();
        prop_assert_eq!(decide(&policy, &forward).is_allowed(), decide(&policy, &backward).is_allowed());
    }

    #[test]
    fn an_explanation_comes_to_the_verdict(
        images in prop::collection::vec(image(), 0..4),
        one in checks(),
        two in checks(),
    ) {
        let policy = document(&format!(
            "rules: [{{name: one, {one}}}, {{name: two, {two}}}]\n{EXEMPTION}"
        ));
        let review: Review<'_> = images.iter().map(String::as_str).collect();
        let explanation = policy.explain(&review);
        let violated = explanation
            .images()
            .iter()
            .flat_map(ImageExplanation::steps)
            .filter(|step| step.outcome() == Outcome::Violated)
            .count();
        let verdict = decide(&policy, &review);
        prop_assert_eq!(violated + review.unreadable_images().len(), verdict.violations().len());
        prop_assert_eq!(explanation.verdict(), &verdict);
    }

    /// A host in other letters is never allowed where it was not, and never slips a denial.
    #[test]
    fn the_case_of_a_host_never_widens_a_policy(image in image(), checks in checks()) {
        let policy = rule(checks);
        let Some((host, rest)) = image.split_once('/') else { return Ok(()) };
        let other = format!("{}/{rest}", host.to_ascii_uppercase());
        prop_assert!(!allows(&policy, &other) || allows(&policy, &image));
    }

    #[test]
    fn any_text_is_compiled_or_refused(text in any::<String>()) {
        let _ = ImagePolicy::compile([PolicySource::new("p", &text)]);
    }

    #[test]
    fn any_time_is_judged(seconds in any::<u32>()) {
        let policy = document(&format!("rules: [{{name: r, maxImages: 0}}]\n{}", EXEMPTION.replace("images", "expires: 2030-01-01, images")));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into());
        let review: Review<'_> = ["nginx"].into_iter().collect();
        let allowed = decide(&policy, &review.with_time(time)).is_allowed();
        prop_assert_eq!(allowed, time < now("2030-01-02T00:00:00Z"));
    }
}
