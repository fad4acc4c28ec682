//! Pinning images to the digest that their tag means.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use imagereview_core::{
    AdmissionReview, ImagePolicy, ImageRef, PolicySource,
    facts::{ContentDigest, Fact, Facts, ImageFacts, Need, Needs},
    workload::Manifest,
};

fn policy(mutations: &str) -> ImagePolicy {
    let text = format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\nmutations: {{{mutations}}}\nrules:\n  - {{name: r, maxImages: 9}}\n"
    );
    ImagePolicy::compile([PolicySource::new("p.yaml", &text)])
        .unwrap_or_else(|error| panic!("{error}"))
}

fn digest() -> ContentDigest {
    ContentDigest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap()
}

/// What a registry would answer to all that is needed.
fn answers(needs: &Needs) -> Facts {
    let mut facts = Facts::new();
    for (image, need) in needs.iter() {
        assert_eq!(*need, Need::Digest);
        let known = ImageFacts::new(digest(), SystemTime::UNIX_EPOCH, image.registry());
        facts.insert(&image, Fact::Known(Arc::new(known)));
    }
    facts
}

/// The images of an object after it was changed, with `@` for the digest.
fn changed(policy: &ImagePolicy, object: &str) -> Vec<String> {
    let manifest: Manifest<'_> = serde_json::from_str(object).unwrap();
    let mut object = manifest.into_iter().next().unwrap().unwrap();
    let mut needs = Needs::new();
    policy.mutation_needs_of_object(&object, &mut needs);
    let facts = answers(&needs);
    let _ = policy.mutate_object(&mut object, &facts);
    let again = policy.mutate_object(&mut object, &facts);
    assert!(again.0.is_empty(), "{again}");
    object
        .images()
        .map(|(image, _)| image.replace(digest().as_str(), ""))
        .collect()
}

fn pod(namespace: &str) -> String {
    format!(
        r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"namespace": "{namespace}"}},
            "spec": {{"containers": [{{"image": "nginx:1.27"}}, {{"image": "registry.example.com/app"}},
                {{"image": "x@{}"}}, {{"image": "no reference"}}]}}}}"#,
        digest()
    )
}

#[test]
fn images_are_pinned_by_repository_kind_and_namespace() {
    let deployment = r#"{"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec":
        {"containers": [{"image": "nginx:1.27"}]}}}}"#;
    let written = [
        "nginx:1.27",
        "registry.example.com/app",
        "x@",
        "no reference",
    ];
    let hub = [
        "nginx:1.27@",
        "registry.example.com/app",
        "x@",
        "no reference",
    ];
    let all = [
        "nginx:1.27@",
        "registry.example.com/app@",
        "x@",
        "no reference",
    ];
    for (mutations, namespace, of_pod, of_deployment) in [
        (
            "pinDigests: [{repositories: docker.io/**}]",
            "a",
            &hub,
            "nginx:1.27",
        ),
        (
            "pinDigests: [{repositories: '**'}]",
            "a",
            &all,
            "nginx:1.27",
        ),
        (
            "pinDigests: [{repositories: '**', kinds: ['*']}]",
            "a",
            &all,
            "nginx:1.27@",
        ),
        (
            "pinDigests: [{repositories: '**', kinds: [Deployment]}]",
            "a",
            &written,
            "nginx:1.27@",
        ),
        (
            "pinDigests: [{repositories: '**', namespaces: {include: ['prod-*'], exclude: [prod-b]}}]",
            "a",
            &written,
            "nginx:1.27",
        ),
        (
            "pinDigests: [{repositories: '**', namespaces: {include: ['prod-*'], exclude: [prod-b]}}]",
            "prod-a",
            &all,
            "nginx:1.27",
        ),
        (
            "pinDigests: [{repositories: '**', namespaces: {include: ['prod-*'], exclude: [prod-b]}}]",
            "prod-b",
            &written,
            "nginx:1.27",
        ),
    ] {
        let policy = policy(mutations);
        assert_eq!(changed(&policy, &pod(namespace)), of_pod, "{mutations}");
        assert_eq!(changed(&policy, deployment), [of_deployment], "{mutations}");
    }
}

#[test]
fn what_is_pinned_is_what_is_pulled() {
    let policy = policy(
        "mirrors: [{from: docker.io/**, to: mirror.example.com/hub/**}], pinDigests: [{repositories: mirror.example.com/**}]",
    );
    let images = changed(&policy, &pod("a"));
    assert_eq!(images[0], "mirror.example.com/hub/library/nginx:1.27@");
}

#[test]
fn an_image_whose_digest_is_not_known_keeps_its_tag() {
    let policy = policy("pinDigests: [{repositories: '**'}]");
    let text = pod("a");
    let manifest: Manifest<'_> = serde_json::from_str(&text).unwrap();
    let mut object = manifest.into_iter().next().unwrap().unwrap();
    let mut facts = Facts::new();
    facts.insert(&ImageRef::parse("nginx:1.27").unwrap(), Fact::Absent);
    assert!(policy.mutate_object(&mut object, &facts).0.is_empty());
}

#[test]
fn an_update_pins_what_is_new_and_asks_of_nothing_else() {
    let policy = policy("pinDigests: [{repositories: '**'}]");
    let request = |operation: &str, containers: &str| {
        format!(
            r#"{{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {{
            "uid": "1", "operation": "{operation}", "namespace": "a",
            "kind": {{"group": "", "version": "v1", "kind": "Pod"}},
            "object": {{"apiVersion": "v1", "kind": "Pod", "spec": {{"containers": [{containers}]}}}},
            "oldObject": {{"apiVersion": "v1", "kind": "Pod", "spec": {{"containers": [{{"name": "a", "image": "nginx:1"}}]}}}}}}}}"#
        )
    };
    let old = r#"{"name": "a", "image": "nginx:1"}"#;
    let new = r#"{"name": "a", "image": "nginx:2"}"#;
    for (operation, containers, expected) in [
        ("CREATE", old, &["docker.io/library/nginx:1"][..]),
        ("UPDATE", old, &[]),
        ("UPDATE", new, &["docker.io/library/nginx:2"]),
        ("DELETE", new, &[]),
    ] {
        let text = request(operation, containers);
        let mut request = AdmissionReview::from_slice(text.as_bytes()).unwrap();
        let mut needs = Needs::new();
        policy.mutation_needs(&request, &mut needs);
        let needed: Vec<String> = needs.iter().map(|(image, _)| image.to_string()).collect();
        assert_eq!(needed, expected, "{text}");
        let patch = policy.mutate(&mut request, &answers(&needs));
        assert_eq!(patch.0.len(), expected.len(), "{text}");
    }
}

#[test]
fn what_is_no_object_is_pinned_by_its_kind() {
    let image = ImageRef::parse("nginx:1.27").unwrap();
    let mut needs = Needs::new();
    needs.add(&image, Need::Digest);
    let facts = answers(&needs);
    for (kinds, is_pinned) in [("['*']", true), ("[Dockerfile]", true), ("[Pod]", false)] {
        let policy = policy(&format!(
            "pinDigests: [{{repositories: '**', kinds: {kinds}}}]"
        ));
        assert_eq!(policy.pins("Dockerfile", &image), is_pinned, "{kinds}");
        let expected = is_pinned.then(|| format!("nginx:1.27@{}", digest()));
        assert_eq!(
            policy.pin("Dockerfile", &image, &facts),
            expected,
            "{kinds}"
        );
    }
}

#[test]
fn the_digest_that_a_tag_had_is_good_enough_where_every_pin_says_so() {
    let image = ImageRef::parse("nginx:1.27").unwrap();
    for (pins, minutes) in [
        ("{repositories: '**', staleFor: 10m}", 10),
        (
            "{repositories: '**', staleFor: 10m}, {repositories: 'docker.io/**', staleFor: 1h}",
            10,
        ),
        (
            "{repositories: '**', staleFor: 10m}, {repositories: 'docker.io/**'}",
            0,
        ),
        (
            "{repositories: '**', staleFor: 10m}, {repositories: 'registry.example.com/**'}",
            10,
        ),
    ] {
        let policy = policy(&format!("pinDigests: [{pins}]"));
        let text = pod("default");
        let manifest: Manifest<'_> = serde_json::from_str(&text).unwrap();
        let object = manifest.into_iter().next().unwrap().unwrap();
        let mut needs = Needs::new();
        policy.mutation_needs_of_object(&object, &mut needs);
        let expected = Duration::from_secs(60 * minutes);
        assert_eq!(needs.stale_for(&image), expected, "{pins}");
    }
}
