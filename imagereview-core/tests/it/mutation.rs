//! Mutations: what a patch does to an object, and what it leaves alone.

use imagereview_core::{
    AdmissionReview, ImageRef, ReferenceError,
    facts::Facts,
    mutation::{
        FullName, MirrorRule, Mirrors, Mutations, PinDigest, PullPolicyRule, PullSecretRule,
        Rewrite,
    },
    object::PullPolicy,
    workload::{Manifest, Workload},
};
use json_patch::Patch;
use proptest::prelude::*;
use serde_json::{Value, json};

const SHA256: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn mirrors(rules: &[(&str, &str)]) -> Mirrors {
    let rules = rules
        .iter()
        .map(|(from, to)| MirrorRule::new(from, to).unwrap());
    Mirrors::new(rules).unwrap()
}

/// Everything at once, as a platform team may have it.
fn all_mutations() -> Mutations {
    Mutations::new()
        .with_rewrite(mirrors(&[
            ("docker.io/library/**", "mirror.example.com/official/**"),
            ("docker.io/**", "mirror.example.com/hub/**"),
            ("quay.example/base", "registry.example.com/base/base"),
        ]))
        .with_rewrite(FullName::new())
        .with_pull_policy(PullPolicyRule::new(["latest", "main"], PullPolicy::Always))
        .with_pull_secret(PullSecretRule::new("mirror.example.com/**", "mirror").unwrap())
        .with_pull_secret(PullSecretRule::new("registry.example.com/**", "registry").unwrap())
        .with_pull_secret(PullSecretRule::new("mirror.example.com/hub/**", "mirror").unwrap())
}

/// Applies a patch as RFC 6902 says, as far as `add` and `replace` go, with none of the code that
/// made it.
fn apply(patch: &Patch, object: &Value) -> Value {
    let mut object = object.clone();
    for operation in serde_json::to_value(patch).unwrap().as_array().unwrap() {
        let (pointer, value) = (operation["path"].as_str().unwrap(), &operation["value"]);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = object.pointer_mut(parent).expect(pointer);
        match (operation["op"].as_str().unwrap(), parent) {
            ("add", Value::Array(elements)) if name == "-" => elements.push(value.clone()),
            ("add", Value::Object(fields)) => {
                fields.insert(name.to_owned(), value.clone());
            }
            // What is replaced must be there.
            ("replace", Value::Object(fields)) => {
                *fields.get_mut(name).expect(pointer) = value.clone();
            }
            (op, parent) => panic!("{op} {pointer} in {parent}"),
        }
    }
    object
}

fn request(operation: &str, sub_resource: &str, object: &Value, old: &Value) -> String {
    let kind = object["kind"].clone();
    let (group, version) = object["apiVersion"]
        .as_str()
        .map(|text| text.split_once('/').unwrap_or(("", text)))
        .unwrap();
    json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
        "uid": "u",
        "kind": {"group": group, "version": version, "kind": kind},
        "subResource": sub_resource,
        "operation": operation,
        "object": object,
        "oldObject": old,
    }})
    .to_string()
}

/// The patch that a request gets, and the object that it makes.
fn mutate(mutations: &Mutations, json: &str) -> (Patch, Value) {
    let mut request = AdmissionReview::from_slice(json.as_bytes()).expect(json);
    let patch = mutations.apply(&mut request, &Facts::new());
    let document: Value = serde_json::from_str(json).unwrap();
    let object = apply(&patch, &document["request"]["object"]);

    // The request that is decided is the one that the patched object would be.
    let mut patched = document;
    patched["request"]["object"] = object.clone();
    let patched = patched.to_string();
    let patched = AdmissionReview::from_slice(patched.as_bytes()).unwrap();
    let images = |request: &AdmissionReview<'_>| -> Vec<(String, String)> {
        let object = request.object();
        let images = object.into_iter().flatten().flat_map(Workload::images);
        images
            .map(|(image, location)| (image.to_owned(), location.to_string()))
            .collect()
    };
    assert_eq!(images(&request), images(&patched), "{json}");
    (patch, object)
}

fn create(mutations: &Mutations, object: &Value) -> Value {
    let (_, mutated) = mutate(mutations, &request("CREATE", "", object, &Value::Null));
    let (again, _) = mutate(mutations, &request("CREATE", "", &mutated, &Value::Null));
    assert_eq!(again, Patch::default(), "a second pass over {object}");
    mutated
}

fn pod(spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec})
}

#[test]
fn an_image_is_rewritten_by_the_first_mirror_that_matches() {
    let hub = ("docker.io/**", "mirror.example.com/hub/**");
    let pinned = format!("nginx:1.27@{SHA256}");
    let mirrored = format!("mirror.example.com/hub/library/nginx:1.27@{SHA256}");
    let long = format!("{}/app", "x".repeat(250));
    for (rules, written, expected) in [
        (
            &[hub][..],
            "nginx",
            Some("mirror.example.com/hub/library/nginx"),
        ),
        (
            &[hub],
            "nginx:1.27",
            Some("mirror.example.com/hub/library/nginx:1.27"),
        ),
        (&[hub], &pinned, Some(&mirrored)),
        (
            &[hub],
            "team/app:1",
            Some("mirror.example.com/hub/team/app:1"),
        ),
        (
            &[hub],
            "docker.io/nginx:1",
            Some("mirror.example.com/hub/library/nginx:1"),
        ),
        (
            &[hub],
            "index.docker.io/team/app",
            Some("mirror.example.com/hub/team/app"),
        ),
        (
            &[hub],
            "Docker.IO/team/app",
            Some("mirror.example.com/hub/team/app"),
        ),
        // Another registry, however much it looks like it.
        (&[hub], "docker.io.evil.example/library/nginx", None),
        (&[hub], "evil.example/docker.io/library/nginx", None),
        (&[hub], "docker.io:443/library/nginx", None),
        (&[hub], "localhost/nginx", None),
        // Already there.
        (&[hub], "mirror.example.com/hub/library/nginx", None),
        (&[hub], "MIRROR.example.com/hub/library/nginx", None),
        // It would be too long.
        (&[hub], &long, None),
        (
            &[("docker.io/library/**", "m.example.com/**")],
            "nginx:1",
            Some("m.example.com/nginx:1"),
        ),
        (
            &[("docker.io/library/**", "m.example.com/**")],
            "team/app",
            None,
        ),
        (
            &[("docker.io/lib/**", "m.example.com/**")],
            "library/nginx",
            None,
        ),
        (
            &[("nginx", "m.example.com/web")],
            "nginx:1",
            Some("m.example.com/web:1"),
        ),
        (&[("nginx", "m.example.com/web")], "library/nginx/x", None),
        (
            &[
                ("docker.io/library/**", "a.example.com/**"),
                ("docker.io/**", "b.example.com/**"),
            ],
            "nginx",
            Some("a.example.com/nginx"),
        ),
        (
            &[
                ("docker.io/library/**", "a.example.com/**"),
                ("docker.io/**", "b.example.com/**"),
            ],
            "team/app",
            Some("b.example.com/team/app"),
        ),
        // The target matches the source.
        (
            &[("**", "m.example.com/**")],
            "nginx",
            Some("m.example.com/docker.io/library/nginx"),
        ),
        (
            &[("**", "m.example.com/**")],
            "m.example.com/docker.io/library/nginx",
            None,
        ),
        (
            &[("m.example.com/**", "m.example.com/old/**")],
            "m.example.com/x",
            Some("m.example.com/old/x"),
        ),
        (
            &[("m.example.com/**", "m.example.com/old/**")],
            "m.example.com/old/x",
            None,
        ),
        // A port cannot be part of a path.
        (
            &[("**", "m.example.com/**")],
            "registry.example.com:5000/x",
            None,
        ),
        // The target of one is not the source of another.
        (
            &[
                ("docker.io/**", "m.example.com/hub/**"),
                ("m.example.com/**", "n.example.com/**"),
            ],
            "nginx",
            Some("m.example.com/hub/library/nginx"),
        ),
        (
            &[
                ("docker.io/**", "m.example.com/hub/**"),
                ("m.example.com/**", "n.example.com/**"),
            ],
            "m.example.com/hub/library/nginx",
            None,
        ),
        (
            &[
                ("docker.io/**", "m.example.com/hub/**"),
                ("m.example.com/**", "n.example.com/**"),
            ],
            "m.example.com/other",
            Some("n.example.com/other"),
        ),
        // What cannot be read is not rewritten.
        (&[hub], "Foo/x", None),
        (&[hub], "", None),
    ] {
        let mutations = Mutations::new().with_rewrite(mirrors(rules));
        let object = create(
            &mutations,
            &pod(&json!({"containers": [{"image": written}]})),
        );
        let image = object["spec"]["containers"][0]["image"].as_str().unwrap();
        assert_eq!(image, expected.unwrap_or(written), "{rules:?} {written}");
    }
}

#[test]
fn mirrors_that_could_never_apply_are_refused() {
    for (rules, says) in [
        (
            &[
                ("docker.io/**", "a.example.com/**"),
                ("docker.io/library/**", "b.example.com/**"),
            ][..],
            "the mirror of docker.io/library/** never applies: docker.io/**",
        ),
        (
            &[
                ("docker.io/**", "a.example.com/**"),
                ("docker.io/**", "b.example.com/**"),
            ],
            "the mirror of docker.io/** never applies: docker.io/**",
        ),
        (
            &[
                ("docker.io/**", "a.example.com/**"),
                ("a.example.com/hub/**", "b.example.com/**"),
            ],
            "the mirror of a.example.com/hub/** never applies: a.example.com/**",
        ),
        (
            &[("a.example.com/hub/**", "a.example.com/**")],
            "the mirror of a.example.com/hub/** never applies: a.example.com/**",
        ),
        (
            &[("nginx", "docker.io/library/nginx")],
            "the mirror of docker.io/library/nginx never",
        ),
    ] {
        let made = rules
            .iter()
            .map(|(from, to)| MirrorRule::new(from, to).unwrap());
        let error = Mirrors::new(made).unwrap_err().to_string();
        assert!(error.starts_with(says), "{rules:?}: {error}");
    }
    for (from, to, says) in [
        (
            "docker.io/**",
            "m.example.com/x",
            "docker.io/** and m.example.com/x do not fit",
        ),
        (
            "nginx",
            "m.example.com/**",
            "docker.io/library/nginx and m.example.com/** do not fit",
        ),
        ("docker.io/**", "**", "** names no mirror"),
        (
            "docker.io/*",
            "m.example.com/**",
            "\"docker.io/*\" has a wildcard",
        ),
        (
            "docker.io/**",
            "m.example.com/x:1",
            "\"m.example.com/x:1\" has a tag or digest",
        ),
        ("docker.io/**", "", "\"\" names no repository"),
    ] {
        let error = MirrorRule::new(from, to).unwrap_err().to_string();
        assert!(error.starts_with(says), "{from} {to}: {error}");
    }
}

#[test]
fn names_are_written_out_as_far_as_asked() {
    let pinned = format!("nginx@{SHA256}");
    let pinned_full = format!("docker.io/library/nginx@{SHA256}");
    for (written, full, with_tag) in [
        (
            "nginx",
            "docker.io/library/nginx",
            "docker.io/library/nginx:latest",
        ),
        (
            "nginx:1",
            "docker.io/library/nginx:1",
            "docker.io/library/nginx:1",
        ),
        (
            "team/app",
            "docker.io/team/app",
            "docker.io/team/app:latest",
        ),
        (
            "index.docker.io/x",
            "docker.io/library/x",
            "docker.io/library/x:latest",
        ),
        (&pinned, &pinned_full, &pinned_full),
        (
            "a.example.com/x",
            "a.example.com/x",
            "a.example.com/x:latest",
        ),
        (
            "[2001:db8::1]:5000/x",
            "[2001:db8::1]:5000/x",
            "[2001:db8::1]:5000/x:latest",
        ),
    ] {
        for (full_name, expected) in [
            (FullName::new(), full),
            (FullName::new().with_implied_tag(), with_tag),
        ] {
            let mutations = Mutations::new().with_rewrite(full_name);
            let object = create(
                &mutations,
                &pod(&json!({"containers": [{"image": written}]})),
            );
            assert_eq!(
                object["spec"]["containers"][0]["image"], expected,
                "{written}"
            );
        }
    }
}

#[test]
fn a_pod_is_changed_in_exactly_the_fields_that_are_meant() {
    let before = pod(&json!({
        "containers": [
            {"name": "a", "image": "nginx", "imagePullPolicy": "IfNotPresent", "env": [{"name": "X"}]},
            {"name": "b", "image": "quay.example/base:1", "imagePullPolicy": "IfNotPresent"},
            {"name": "c", "image": "other.example/x:main"},
            {"name": "d", "image": "Foo/broken:latest", "imagePullPolicy": "Never"}
        ],
        "initContainers": [{"name": "e", "image": "team/app:main", "imagePullPolicy": "Always"}],
        "volumes": [
            {"name": "f", "image": {"reference": "data", "pullPolicy": "Never"}},
            {"name": "g", "emptyDir": {}}
        ],
        "imagePullSecrets": [{"name": "own"}]
    }));
    let mut after = before.clone();
    let spec = &mut after["spec"];
    spec["containers"][0]["image"] = "mirror.example.com/official/nginx".into();
    spec["containers"][0]["imagePullPolicy"] = "Always".into();
    spec["containers"][1]["image"] = "registry.example.com/base/base:1".into();
    spec["containers"][2]["imagePullPolicy"] = "Always".into();
    spec["initContainers"][0]["image"] = "mirror.example.com/hub/team/app:main".into();
    spec["volumes"][0]["image"]["reference"] = "mirror.example.com/official/data".into();
    spec["volumes"][0]["image"]["pullPolicy"] = "Always".into();
    spec["imagePullSecrets"] = json!([{"name": "own"}, {"name": "mirror"}, {"name": "registry"}]);
    assert_eq!(create(&all_mutations(), &before), after);
}

#[test]
fn pull_secrets_are_made_where_absent_and_never_doubled() {
    let containers = json!([{"image": "nginx:1"}, {"image": "redis:1"}]);
    for (secrets, expected) in [
        (None, json!([{"name": "mirror"}])),
        (Some(json!(null)), json!([{"name": "mirror"}])),
        (Some(json!([])), json!([{"name": "mirror"}])),
        (
            Some(json!([{"name": "own"}])),
            json!([{"name": "own"}, {"name": "mirror"}]),
        ),
        (
            Some(json!([{"name": "mirror"}])),
            json!([{"name": "mirror"}]),
        ),
        (
            Some(json!([{}, {"name": "mirror"}])),
            json!([{}, {"name": "mirror"}]),
        ),
    ] {
        let mut spec = json!({"containers": containers.clone()});
        if let Some(secrets) = &secrets {
            spec["imagePullSecrets"] = secrets.clone();
        }
        let object = create(&all_mutations(), &pod(&spec));
        assert_eq!(object["spec"]["imagePullSecrets"], expected, "{secrets:?}");
    }
    let object = create(
        &all_mutations(),
        &pod(&json!({"containers": [{"image": "a.example/x:1"}]})),
    );
    assert!(object["spec"].get("imagePullSecrets").is_none(), "{object}");
}

/// A node runs a static pod from a file, and shows it as a pod that nobody should change.
#[test]
fn the_mirror_of_a_static_pod_is_not_changed_but_reviewed() {
    let mirror = "kubernetes.io/config.mirror";
    for (groups, annotation, is_changed) in [
        (&["system:nodes", "system:authenticated"][..], mirror, false),
        // Anybody can write the annotation, and a node's pods may come from elsewhere.
        (&["system:authenticated"], mirror, true),
        (&["system:nodes"], "kubernetes.io/config.source", true),
    ] {
        let mut object = pod(&json!({"containers": [{"image": "nginx:1.27"}]}));
        object["metadata"]["annotations"] = json!({annotation: "abc"});
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "6f0d",
                "operation": "CREATE",
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "userInfo": {"username": "system:node:n1", "groups": groups},
                "object": object,
            },
        })
        .to_string();
        let mut request = AdmissionReview::from_slice(review.as_bytes()).unwrap();
        let patch = all_mutations().apply(&mut request, &Facts::new());
        assert_eq!(!patch.0.is_empty(), is_changed, "{groups:?} {annotation}");
        assert_eq!(request.review().images().len(), 1);
    }
}

/// What of an object may change depends on what is done to it.
#[test]
fn an_update_changes_no_more_than_what_is_new_and_may_change() {
    let containers = |images: &[&str]| -> Value {
        let images = images.iter();
        images
            .map(|image| json!({"image": image, "imagePullPolicy": "Never"}))
            .collect()
    };
    let of_pod = |images: &[&str], ephemeral: &[&str]| {
        pod(
            &json!({"containers": containers(images), "ephemeralContainers": containers(ephemeral)}),
        )
    };
    let deployment = |images: &[&str]| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 1, "template": {
            "spec": {"containers": containers(images)}}}})
    };
    let image = "/spec/containers/0/image";
    let ephemeral = "/spec/ephemeralContainers/0";
    for (name, operation, sub_resource, object, old, changed) in [
        (
            "nothing new",
            "UPDATE",
            "",
            of_pod(&["nginx"], &[]),
            of_pod(&["nginx"], &[]),
            vec![],
        ),
        (
            "of a pod only images may change",
            "UPDATE",
            "",
            of_pod(&["redis"], &[]),
            of_pod(&["nginx"], &[]),
            vec![image.to_owned()],
        ),
        (
            "through the subresource only the new ephemeral containers",
            "UPDATE",
            "ephemeralcontainers",
            of_pod(&["nginx"], &["busybox"]),
            of_pod(&["nginx"], &[]),
            vec![
                format!("{ephemeral}/image"),
                format!("{ephemeral}/imagePullPolicy"),
            ],
        ),
        (
            "even if other containers seem new",
            "UPDATE",
            "ephemeralcontainers",
            of_pod(&["redis"], &[]),
            of_pod(&["nginx"], &[]),
            vec![],
        ),
        (
            "a status",
            "UPDATE",
            "status",
            of_pod(&["nginx"], &[]),
            of_pod(&["redis"], &[]),
            vec![],
        ),
        (
            "a deletion",
            "DELETE",
            "",
            of_pod(&["nginx"], &[]),
            of_pod(&["nginx"], &[]),
            vec![],
        ),
        (
            "scaling does not restart what runs",
            "UPDATE",
            "",
            deployment(&["nginx"]),
            deployment(&["nginx"]),
            vec![],
        ),
        (
            "a new container, and what it needs",
            "UPDATE",
            "",
            deployment(&["nginx", "redis"]),
            deployment(&["nginx"]),
            [
                "/spec/template/spec/containers/1/image",
                "/spec/template/spec/containers/1/imagePullPolicy",
                "/spec/template/spec/imagePullSecrets",
            ]
            .map(str::to_owned)
            .into(),
        ),
    ] {
        let json = request(operation, sub_resource, &object, &old);
        let (patch, _) = mutate(&all_mutations(), &json);
        let paths: Vec<String> = patch.0.iter().map(|op| op.path().to_string()).collect();
        assert_eq!(paths, changed, "{name}");
    }
}

#[test]
fn a_digest_that_is_known_is_written_behind_the_tag() -> Result<(), ReferenceError> {
    let answer = format!("registry.example.com/app@{SHA256}");
    let digest = ImageRef::parse(&answer)?.digest().unwrap();
    let facts = Facts::new()
        .with_digest(&ImageRef::parse("nginx")?, digest)
        .with_digest(&ImageRef::parse("docker.io/team/app:1")?, digest);
    for (written, expected) in [
        ("nginx", Some(format!("nginx@{SHA256}"))),
        (
            "docker.io/library/nginx:latest",
            Some(format!("docker.io/library/nginx:latest@{SHA256}")),
        ),
        ("team/app:1", Some(format!("team/app:1@{SHA256}"))),
        ("team/app:2", None),
        (&answer, None),
    ] {
        let image = ImageRef::parse(written)?;
        let pinned = PinDigest::new().rewrite(&image, &facts);
        assert_eq!(pinned, expected, "{written}");
        if let Some(pinned) = pinned {
            let pinned = ImageRef::parse(&pinned)?;
            assert_eq!(PinDigest::new().rewrite(&pinned, &facts), None, "{written}");
        }
    }
    Ok(())
}

#[test]
fn an_object_that_cannot_be_read_gets_no_patch() {
    for object in [
        pod(&json!(7)),
        pod(&json!({"containers": [{"image": 7}, {"image": "nginx"}]})),
    ] {
        let (patch, _) = mutate(
            &all_mutations(),
            &request("CREATE", "", &object, &Value::Null),
        );
        assert_eq!(patch, Patch::default(), "{object}");
    }
}

/// Every image of the kinds of name that mutations tell apart.
fn image() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "nginx",
        "team/app",
        "docker.io/nginx",
        "index.docker.io/team/app",
        "quay.example/base",
        "quay.example/other",
        "registry.example.com:5000/x",
        "mirror.example.com/hub/team/app",
        "mirror.example.com/official/nginx",
        "m.example.com/docker.io/library/nginx",
        "Docker.IO/library/nginx",
        "Foo/x",
        "",
    ]);
    let suffix = prop::sample::select(vec!["", ":latest", ":main", ":1.2", ":LATEST"]);
    (name, suffix, any::<bool>()).prop_map(|(name, suffix, pinned)| {
        let digest = if pinned {
            format!("@{SHA256}")
        } else {
            String::new()
        };
        format!("{name}{suffix}{digest}")
    })
}

fn container() -> impl Strategy<Value = Value> {
    let policy = prop::sample::select(vec![None, Some("Always"), Some("Never")]);
    (image(), policy, any::<bool>()).prop_map(|(image, policy, volume)| {
        let mut container = json!({"name": "x", "image": image, "args": ["image"]});
        if let Some(policy) = policy {
            container["imagePullPolicy"] = policy.into();
        }
        if volume {
            container["note"] = json!({"image": "nginx"});
        }
        container
    })
}

fn pod_spec() -> impl Strategy<Value = Value> {
    let containers = || prop::collection::vec(container(), 0..4);
    let secret = prop::sample::select(vec!["mirror", "registry", "own"]);
    let secrets = prop::option::of(prop::collection::vec(secret, 0..3));
    (
        containers(),
        containers(),
        prop::collection::vec(image(), 0..3),
        secrets,
    )
        .prop_map(|(regular, init, volumes, secrets)| {
            let volumes: Vec<Value> = volumes
                .iter()
                .map(|image| json!({"image": {"reference": image}}))
                .collect();
            let mut spec =
                json!({"containers": regular, "initContainers": init, "volumes": volumes});
            if let Some(secrets) = secrets {
                let secrets: Vec<Value> =
                    secrets.iter().map(|name| json!({"name": name})).collect();
                spec["imagePullSecrets"] = secrets.into();
            }
            spec
        })
}

fn object() -> impl Strategy<Value = Value> {
    (0..3, pod_spec()).prop_map(|(kind, spec)| match kind {
        0 => pod(&spec),
        1 => json!({"apiVersion": "apps/v1", "kind": "Deployment",
                    "spec": {"template": {"metadata": {}, "spec": spec}}}),
        _ => json!({"apiVersion": "batch/v1", "kind": "CronJob",
                    "spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}}),
    })
}

fn mutations() -> impl Strategy<Value = Mutations> {
    let mirror_sets: Vec<&[(&str, &str)]> = vec![
        &[
            ("docker.io/library/**", "mirror.example.com/official/**"),
            ("docker.io/**", "mirror.example.com/hub/**"),
        ],
        &[("**", "m.example.com/**")],
        &[
            ("docker.io/**", "quay.example/**"),
            ("**", "m.example.com/**"),
        ],
        &[("docker.io/**", "docker.io/mirror/**")],
        &[],
    ];
    let mirror_sets = prop::sample::select(mirror_sets);
    let full_names = prop::sample::select(vec![
        None,
        Some(FullName::new()),
        Some(FullName::new().with_implied_tag()),
    ]);
    (mirror_sets, full_names, any::<bool>(), any::<bool>()).prop_map(
        |(rules, full_name, full_name_first, others)| {
            let mut mutations = Mutations::new();
            if let (Some(full_name), true) = (full_name, full_name_first) {
                mutations = mutations.with_rewrite(full_name);
            }
            mutations = mutations.with_rewrite(mirrors(rules));
            if let (Some(full_name), false) = (full_name, full_name_first) {
                mutations = mutations.with_rewrite(full_name);
            }
            if others {
                mutations = mutations
                    .with_pull_policy(PullPolicyRule::new(["latest"], PullPolicy::Always))
                    .with_pull_policy(PullPolicyRule::new(
                        ["main", "latest"],
                        PullPolicy::IfNotPresent,
                    ))
                    .with_pull_secret(
                        PullSecretRule::new("mirror.example.com/**", "mirror").unwrap(),
                    )
                    .with_pull_secret(PullSecretRule::new("**", "registry").unwrap());
            }
            mutations
        },
    )
}

/// The object without what mutations may change.
fn without_images(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let is_kept = |name: &str| {
                ![
                    "image",
                    "reference",
                    "imagePullPolicy",
                    "pullPolicy",
                    "imagePullSecrets",
                ]
                .contains(&name)
            };
            let kept = fields
                .iter()
                .filter(|(name, value)| is_kept(name) || value.is_object());
            kept.map(|(name, value)| (name.clone(), without_images(value)))
                .collect()
        }
        Value::Array(list) => list.iter().map(without_images).collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn a_patch_applies_and_a_second_pass_changes_nothing(
        object in object(),
        mutations in mutations(),
    ) {
        let json = request("CREATE", "", &object, &Value::Null);
        let (patch, mutated) = mutate(&mutations, &json);
        let (again, _) = mutate(&mutations, &request("CREATE", "", &mutated, &Value::Null));
        prop_assert_eq!(again, Patch::default());
        // Nothing but the stated fields.
        prop_assert_eq!(without_images(&object), without_images(&mutated));
        prop_assert_eq!(patch.0.is_empty(), object == mutated);
        // What the library that made the patch makes of it is the same.
        let mut applied = object.clone();
        json_patch::patch(&mut applied, &patch).unwrap();
        prop_assert_eq!(applied, mutated);
    }

    #[test]
    fn an_update_to_what_was_stored_changes_nothing(object in object(), mutations in mutations()) {
        let (patch, _) = mutate(&mutations, &request("UPDATE", "", &object, &object));
        prop_assert_eq!(patch, Patch::default());
    }

    #[test]
    fn every_rewritten_image_is_valid_and_keeps_tag_and_digest(
        image in image(),
        mutations in mutations(),
    ) {
        let object = pod(&json!({"containers": [{"image": image}]}));
        let (_, mutated) = mutate(&mutations, &request("CREATE", "", &object, &Value::Null));
        let rewritten = mutated["spec"]["containers"][0]["image"].as_str().unwrap();
        match (ImageRef::parse(&image), ImageRef::parse(rewritten)) {
            (Ok(before), Ok(after)) => {
                prop_assert_eq!(before.pulled_tag(), after.pulled_tag());
                prop_assert_eq!(before.digest(), after.digest());
            }
            (Err(_), _) => prop_assert_eq!(image, rewritten),
            (Ok(_), Err(error)) => prop_assert!(false, "{} became {}: {}", image, rewritten, error),
        }
    }
}

/// A mirror is found by the name of an image, and no longer tried one after another.
#[test]
fn of_twenty_thousand_mirrors_the_first_that_matches_applies() {
    let rule = |n: usize| {
        MirrorRule::new(
            &format!("r{n}.example.com/**"),
            &format!("mirror.example.com/r{n}/**"),
        )
    };
    let rules = (0..20_000).map(|n| rule(n).unwrap());
    let last = MirrorRule::new("**", "mirror.example.com/other/**").unwrap();
    let folder = MirrorRule::new("quay.example/a/b/**", "mirror.example.com/b/**").unwrap();
    let mirrors = Mirrors::new([folder].into_iter().chain(rules).chain([last])).unwrap();
    for (written, pulled) in [
        (
            "r19999.example.com/x:1",
            Some("mirror.example.com/r19999/x:1"),
        ),
        ("R7.example.com/x", Some("mirror.example.com/r7/x")),
        ("quay.example/a/b/c:2", Some("mirror.example.com/b/c:2")),
        (
            "quay.example/a/b:2",
            Some("mirror.example.com/other/quay.example/a/b:2"),
        ),
        (
            "nginx",
            Some("mirror.example.com/other/docker.io/library/nginx"),
        ),
        ("mirror.example.com/r7/x", None),
    ] {
        let image = ImageRef::parse(written).unwrap();
        let rewritten = mirrors.rewrite(&image, &Facts::new());
        assert_eq!(rewritten.as_deref(), pulled, "{written}");
    }
}

#[test]
fn of_very_many_rules_for_pull_secrets_all_that_match_apply_in_their_order() {
    let mut mutations = Mutations::new();
    for n in (0..1000).rev() {
        let rule = PullSecretRule::new(&format!("r{}.example.com/**", n % 500), format!("s{n}"));
        mutations = mutations.with_pull_secret(rule.unwrap());
    }
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [
        {"image": "r3.example.com/a"}, {"image": "r7.example.com/b"}], "imagePullSecrets": [{"name": "s7"}]}}"#;
    let manifest = Manifest::from_slice(pod.as_bytes()).unwrap();
    for object in manifest {
        let patch = mutations.apply_to_object(&mut object.unwrap(), &Facts::new());
        let added: Vec<String> = patch
            .0
            .iter()
            .map(|operation| serde_json::to_value(operation).unwrap()["value"]["name"].to_string())
            .collect();
        assert_eq!(added, [r#""s507""#, r#""s503""#, r#""s3""#]);
    }
}
