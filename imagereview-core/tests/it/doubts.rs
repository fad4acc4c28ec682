//! What `policy validate` warns of: rules and exemptions that do nothing, and none that do something.

use std::time::{Duration, SystemTime};

use imagereview_core::PolicySource;

use super::support::document;

/// 2027-01-01.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_600)
}

fn doubts(fields: &str) -> Vec<String> {
    let text = format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: test}}\n{fields}\n"
    );
    let doubts = document(fields).doubts([PolicySource::new("policy.yaml", &text)], now());
    doubts.iter().map(ToString::to_string).collect()
}

#[test]
fn what_does_nothing_is_reported_where_it_is() {
    for (fields, expected) in [
        (
            "rules: [{name: a, digest: {}, scope: {kinds: {include: [Deploymnt, Pod, '*Set']}}}]",
            "policy.yaml:4:38: rules[0].scope.kinds: no kind with images is named \"Deploymnt\"; did you mean \"Deployment\"?",
        ),
        (
            "rules: [{name: a, digest: {}, scope: {kinds: {include: [Rollout]}}}]",
            "rules[0].scope.kinds: no kind with images is named \"Rollout\"; a custom resource is declared",
        ),
        (
            "rules: [{name: b, registries: {allow: [a.io, b.io], deny: [b.io, a.io]}}]",
            "policy.yaml:4:31: rules[0].registries: everything that is allowed is denied too",
        ),
        (
            "rules: [{name: b, tags: {allow: [a, b], deny: [b]}}]",
            "rules[0].tags: \"b\" is allowed and denied, so it is denied",
        ),
        (
            "rules: [{name: b, repositories: {allow: ['a.io/**'], deny: ['a.io/**', 'b.io/**']}}]",
            "rules[0].repositories: everything that is allowed is denied too",
        ),
        (
            "rules: [{name: c, expression: size(image.tag)}]",
            "policy.yaml:4:31: rules[0].expression: it returns a number and no bool",
        ),
        (
            "rules: [{name: c, digest: {}, scope: {namespaces: {include: [a], exclude: [a, b]}}}]",
            "rules[0].scope: everything that namespaces includes is excluded",
        ),
        (
            "scope: {namespaces: {include: [a, b]}}\nrules: [{name: c, digest: {}, scope: {namespaces: {include: [c]}}}]",
            "rules[0].scope: the namespaces of the rule and those of its document have none in common",
        ),
        (
            "scope: {namespaces: {exclude: [c]}}\nrules: [{name: c, digest: {}, scope: {namespaces: {include: [c]}}}]",
            "rules[0].scope: everything that namespaces includes is excluded",
        ),
        (
            "scope: {containers: [init]}\nrules: [{name: c, digest: {}, scope: {containers: [regular]}}]",
            "rules[0].scope: the scope of the rule and that of its document have nothing in common",
        ),
        (
            "rules: [{name: a, tags: {deny: [latest, beta]}}, {name: b, tags: {deny: [beta]}}]",
            "policy.yaml:4:50: rules[1]: the rule \"a\" fails for every image for which this one does",
        ),
        (
            "rules: [{name: b, mode: warn, registries: {allow: [a.io, b.io]}, scope: {namespaces: {include: [x]}}}, {name: a, registries: {allow: [a.io]}, maxImages: 1}]",
            "rules[0]: the rule \"a\" fails for every image",
        ),
        (
            "rules: [{name: a, digest: {}}, {name: b, digest: {}}]",
            "rules[1]: the rule \"a\" fails",
        ),
        (
            "rules: [{name: a, digest: {}}]\nexemptions: [{name: e, reason: r, images: [x], expires: 2026-12-30}]",
            "policy.yaml:5:14: exemptions[0].expires: the exemption expired at 2026-12-31T00:00:00Z; take it out",
        ),
    ] {
        let found = doubts(fields);
        assert_eq!(found.len(), 1, "{fields}: {found:?}");
        assert!(found[0].contains(expected), "{fields}: {found:?}");
    }
}

#[test]
fn what_does_something_is_not() {
    for fields in [
        "rules: [{name: a, digest: {}, scope: {kinds: {include: [Pod, CronJob, '*']}}}]",
        "customResources: [{apiVersion: argoproj.io/*, kind: Rollout, podSpecs: [spec.template.spec]}]\n\
         rules: [{name: a, digest: {}, scope: {kinds: {include: [Rollout]}}}]",
        "knownResources: [argo-rollouts]\nrules: [{name: a, digest: {}, scope: {kinds: {include: [Rollout]}}}]",
        "rules: [{name: a, registries: {allow: ['*.a.io'], deny: [b.a.io]}}]",
        "rules: [{name: a, expression: 'size(image.tag) > 1'}]",
        "scope: {namespaces: {include: ['a*']}}\nrules: [{name: a, digest: {}, scope: {namespaces: {include: [ab]}}}]",
        // Another mode, scope, list, and an exemption that covers one of two.
        "rules: [{name: a, mode: warn, tags: {deny: [latest, beta]}}, {name: b, tags: {deny: [beta]}}]",
        "rules: [{name: a, scope: {operations: [CREATE]}, tags: {deny: [latest, beta]}}, {name: b, tags: {deny: [beta]}}]",
        "rules: [{name: a, tags: {deny: [latest]}}, {name: b, tags: {deny: [beta]}}]",
        "rules: [{name: a, tags: {deny: [latest], missing: allow}}, {name: b, tags: {deny: [latest]}}]",
        "rules: [{name: a, tags: {allow: [a, b]}}, {name: b, tags: {allow: [b]}}, {name: c, tags: {allow: [c]}}]",
        "rules: [{name: a, digest: {}}, {name: b, tags: {deny: [latest]}}]",
        "rules: [{name: a, digest: {}}, {name: b, digest: {}}]\nexemptions: [{name: e, reason: r, rules: [a], images: [x]}, {name: f, reason: r, rules: [b], images: [z]}]",
        "rules: [{name: a, digest: {}, inlineExemptions: allow}, {name: b, digest: {}, inlineExemptions: allow}]",
        "rules: [{name: a, digest: {}}]\nexemptions: [{name: e, reason: r, images: [x], expires: 2027-01-01}]",
    ] {
        let found = doubts(fields);
        // Of three lists of one, the widest is needless.
        let expected = usize::from(fields.contains("allow: [a, b]}}"));
        assert_eq!(found.len(), expected, "{fields}: {found:?}");
    }
}
