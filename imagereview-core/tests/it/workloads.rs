//! The images of every kind of object, each with its place.

use imagereview_core::{
    AdmissionResponse, AdmissionReview, AllowAll,
    ContainerKind::{self, Ephemeral, Init, Regular, Unknown, Volume},
    Language, decide,
    facts::Facts,
    limits::ENTRIES_LIMIT,
    mutation::{FullName, Mutations},
    object::{ObjectErrorKind, ObjectKind},
    workload::{CustomResource, FieldPath, Manifest, Workload, WorkloadKinds},
};
use proptest::prelude::*;
use serde::{Deserialize, de::DeserializeSeed};
use serde_json::{Value, json};

/// A pod spec with an image in every list, and much that has nothing to do with images.
fn pod_spec() -> Value {
    json!({
        "restartPolicy": "Always",
        "serviceAccountName": "web",
        "containers": [
            {"name": "web", "image": "web:1", "imagePullPolicy": "IfNotPresent",
             "ports": [{"containerPort": 80}], "env": [{"name": "image", "value": "not an image"}]},
            {"name": "proxy", "image": "proxy:2"}
        ],
        "initContainers": [{"name": "migrate", "image": "migrate:3"}],
        "ephemeralContainers": [{"name": "debug", "image": "debug:4", "targetContainerName": "web"}],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "site", "image": {"reference": "site:5", "pullPolicy": "Always"}},
            {"name": "keys", "secret": {"secretName": "keys"}, "image": null}
        ],
        "imagePullSecrets": [{"name": "registry"}],
        "tolerations": [{"key": "containers", "operator": "Exists"}]
    })
}

/// What the images of [`pod_spec`] are, below where it is.
const POD_SPEC_IMAGES: [(&str, &str, ContainerKind, &str); 5] = [
    ("web:1", "containers[0].image", Regular, "web"),
    ("proxy:2", "containers[1].image", Regular, "proxy"),
    ("migrate:3", "initContainers[0].image", Init, "migrate"),
    (
        "debug:4",
        "ephemeralContainers[0].image",
        Ephemeral,
        "debug",
    ),
    ("site:5", "volumes[1].image.reference", Volume, "site"),
];

/// Every built-in kind, and where its pod spec is.
const KINDS: [(&str, &str, &str); 13] = [
    ("v1", "Pod", "spec"),
    ("v1", "ReplicationController", "spec.template.spec"),
    ("v1", "PodTemplate", "template.spec"),
    ("apps/v1", "Deployment", "spec.template.spec"),
    ("apps/v1", "ReplicaSet", "spec.template.spec"),
    ("apps/v1", "StatefulSet", "spec.template.spec"),
    ("apps/v1", "DaemonSet", "spec.template.spec"),
    ("batch/v1", "Job", "spec.template.spec"),
    ("batch/v1", "CronJob", "spec.jobTemplate.spec.template.spec"),
    // Manifests from before, which no API server takes any more.
    ("apps/v1beta2", "Deployment", "spec.template.spec"),
    ("extensions/v1beta1", "Deployment", "spec.template.spec"),
    ("extensions/v1beta1", "DaemonSet", "spec.template.spec"),
    (
        "batch/v1beta1",
        "CronJob",
        "spec.jobTemplate.spec.template.spec",
    ),
];

/// An object with this value at this path.
fn object(api_version: &str, kind: &str, path: &str, value: &Value) -> Value {
    let nested = path
        .rsplit('.')
        .fold(value.clone(), |value, name| json!({ name: value }));
    let mut object = json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "creationTimestamp": null,
            "managedFields": [{"fieldsV1": {"f:spec": {"f:containers": {}}}}]
        }
    });
    for (name, value) in nested.as_object().unwrap() {
        object[name] = value.clone();
    }
    object["status"] = json!({"containerStatuses": [{"image": "not looked at"}]});
    object
}

fn only(manifest: Manifest<'_>) -> Result<Workload<'_>, String> {
    let mut objects: Vec<_> = manifest.into_iter().collect();
    assert_eq!(objects.len(), 1, "{objects:?}");
    objects.remove(0).map_err(|error| error.to_string())
}

fn read(json: &str) -> Result<Workload<'_>, String> {
    only(serde_json::from_str(json).expect(json))
}

/// Image, JSON path, kind of container, container.
type Found = (String, String, ContainerKind, Option<String>);

fn found(object: &Workload<'_>) -> Vec<Found> {
    object
        .images()
        .map(|(image, location)| {
            (
                image.to_owned(),
                location.path().to_string(),
                location.kind(),
                location.container().map(str::to_owned),
            )
        })
        .collect()
}

fn expected(below: &str) -> Vec<Found> {
    POD_SPEC_IMAGES
        .map(|(image, path, kind, name)| {
            (
                image.into(),
                format!("{below}.{path}"),
                kind,
                Some(name.into()),
            )
        })
        .into()
}

#[test]
fn every_list_of_every_kind_is_looked_at() {
    for (api_version, kind, path) in KINDS {
        let json = object(api_version, kind, path, &pod_spec()).to_string();
        let object = read(&json).expect(&json);
        assert_eq!(found(&object), expected(path), "{json}");
        assert_eq!(object.kind(), ObjectKind::new(api_version, kind));
        assert!(object.is_known(), "{json}");
        assert_eq!(
            (object.name(), object.namespace()),
            (Some("web"), Some("shop"))
        );
    }
}

#[test]
fn the_kind_may_stand_after_everything_else() {
    let json = format!(
        r#"{{"spec":{},"kind":"Pod","apiVersion":"v1"}}"#,
        pod_spec()
    );
    assert_eq!(found(&read(&json).unwrap()), expected("spec"));
}

#[test]
fn the_items_of_a_list_are_looked_at() {
    let items: Vec<Value> = KINDS
        .iter()
        .map(|(api_version, kind, path)| object(api_version, kind, path, &pod_spec()))
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items});
    let json = list.to_string();
    let manifest: Manifest<'_> = serde_json::from_str(&json).unwrap();
    let objects: Vec<Workload<'_>> = manifest.into_iter().map(Result::unwrap).collect();
    assert_eq!(objects.len(), KINDS.len());
    for (index, (object, (.., path))) in objects.iter().zip(KINDS).enumerate() {
        assert_eq!(found(object), expected(&format!("items[{index}].{path}")));
    }

    // In a list of one kind the items may leave it out.
    for (api_version, kind, path) in KINDS {
        let mut item = object("", "", path, &pod_spec());
        item.as_object_mut().unwrap().remove("kind");
        item.as_object_mut().unwrap().remove("apiVersion");
        let json =
            json!({"apiVersion": api_version, "kind": format!("{kind}List"), "items": [item]});
        let json = json.to_string();
        let object = read(&json).expect(&json);
        assert_eq!(
            found(&object),
            expected(&format!("items[0].{path}")),
            "{json}"
        );
        assert_eq!(object.kind(), ObjectKind::new(api_version, kind));
    }

    for empty in [r#"{"apiVersion":"v1","kind":"List"}"#, "null"] {
        let manifest: Manifest<'_> = serde_json::from_str(empty).unwrap();
        assert_eq!(manifest.into_iter().count(), 0, "{empty}");
    }
}

#[test]
fn labels_and_annotations_are_those_of_the_pod_that_results() {
    let own = json!({"annotations": {"whose": "own"}, "labels": {"whose": "own"}});
    let template = json!({"annotations": {"whose": "template"}, "labels": {"whose": "template"}});
    for (api_version, kind, path) in KINDS {
        let mut object = object(api_version, kind, path, &pod_spec());
        object["metadata"] = own.clone();
        let whose = if path == "spec" { "own" } else { "template" };
        if whose == "template" {
            let parent = path.strip_suffix(".spec").unwrap().replace('.', "/");
            let parent = object.pointer_mut(&format!("/{parent}")).unwrap();
            parent["metadata"] = template.clone();
        }
        let json = object.to_string();
        let object = read(&json).expect(&json);
        let review = object.review();
        assert_eq!(review.annotation("whose"), Some(whose), "{json}");
        assert_eq!(review.label("whose"), Some(whose), "{json}");
    }
}

#[test]
fn absent_null_and_unknown_fields_are_as_in_go() {
    for (pod_spec, images) in [
        ("{}", &[][..]),
        (r#"{"containers":null,"volumes":null}"#, &[]),
        (r#"{"containers":[]}"#, &[]),
        // A container without an image cannot be allowed.
        (
            r#"{"containers":[{}, null, {"image":null}]}"#,
            &["", "", ""],
        ),
        (r#"{"containers":[{"image":"ngin\u0078"}]}"#, &["nginx"]),
        (r#"{"volumes":[null,{"image":{}},{"image":null}]}"#, &[""]),
        (
            r#"{"imagePullSecrets":[{},null],"containers":[{"image":"a"}]}"#,
            &["a"],
        ),
        (
            r#"{"new":{"containers":[{"image":7}]},"Other":{"Image":1}}"#,
            &[],
        ),
    ] {
        let json = format!(r#"{{"apiVersion":"v1","kind":"Pod","spec":{pod_spec}}}"#);
        let object = read(&json).expect(&json);
        let found: Vec<&str> = object.images().map(|(image, _)| image).collect();
        assert_eq!(found, images, "{json}");
    }
}

/// A kind, the members of the object, and what is said of them.
const UNREADABLE: &[(&str, &str, &str)] = &[
    ("Pod", "", "spec is missing"),
    ("Pod", r#","spec":null"#, "spec is missing"),
    ("Pod", r#","spec":[]"#, "spec is a list, expected an object"),
    (
        "Pod",
        r#","spec":7"#,
        "spec is a number, expected an object",
    ),
    (
        "Pod",
        r#","spec":{"containers":{}}"#,
        "spec.containers is an object, expected a list",
    ),
    (
        "Pod",
        r#","spec":{"initContainers":["nginx"]}"#,
        "spec.initContainers[0] is a string, expected an object",
    ),
    (
        "Pod",
        r#","spec":{"containers":[{},{"image":true}]}"#,
        "spec.containers[1].image is a boolean, expected a string",
    ),
    (
        "Pod",
        r#","spec":{"containers":[{"image":["nginx"]}]}"#,
        "spec.containers[0].image is a list, expected a string",
    ),
    (
        "Pod",
        r#","spec":{"containers":[{"name":{},"image":"a"}]}"#,
        "spec.containers[0].name is an object, expected a string",
    ),
    (
        "Pod",
        r#","spec":{"volumes":[{"image":"nginx"}]}"#,
        "spec.volumes[0].image is a string, expected an object",
    ),
    (
        "Pod",
        r#","spec":{"volumes":[{"image":{"reference":1.5}}]}"#,
        "spec.volumes[0].image.reference is a number, expected a string",
    ),
    (
        "Pod",
        r#","spec":{"containers":[{"image":"a","image":"b"}]}"#,
        "spec.containers[0].image appears twice",
    ),
    (
        "Pod",
        r#","spec":{"containers":[{"image":"a"}],"containers":[]}"#,
        "spec.containers appears twice",
    ),
    (
        "Pod",
        r#","spec":{"containers":[{"Image":"a"}]}"#,
        "spec.containers[0].image is written \"Image\"",
    ),
    (
        "Pod",
        r#","spec":{"containers":[{"image":"a","IMAGE":"b"}]}"#,
        "spec.containers[0].image is written \"IMAGE\"",
    ),
    (
        "Pod",
        r#","spec":{"Containers":[],"containers":[]}"#,
        "spec.containers is written \"Containers\"",
    ),
    (
        "Pod",
        r#","spec":{"initContainerſ":[]}"#,
        "spec.initContainers is written \"initContainerſ\"",
    ),
    ("Pod", r#","Spec":{}"#, "spec is written \"Spec\""),
    (
        "Pod",
        r#","metadata":{"annotations":{"a":"1","a":"2"}},"spec":{}"#,
        "metadata.annotations.a appears twice",
    ),
    (
        "Pod",
        r#","metadata":{"labels":{"a":1}},"spec":{}"#,
        "metadata.labels.a is a number, expected a string",
    ),
    (
        "ReplicationController",
        r#","spec":{}"#,
        "spec.template.spec is missing",
    ),
    (
        "PodTemplate",
        r#","template":null"#,
        "template.spec is missing",
    ),
    (
        "PodTemplate",
        r#","template":{"spec":{"containers":[{"image":7}]}}"#,
        "template.spec.containers[0].image is a number",
    ),
    (
        "List",
        r#","items":{}"#,
        "items is an object, expected a list",
    ),
    ("List", r#","items":[{}]"#, "items[0].kind is missing"),
    ("List", r#","items":[null]"#, "items[0].kind is missing"),
    (
        "List",
        r#","items":["x"]"#,
        "items[0] is a string, expected an object",
    ),
    (
        "List",
        r#","items":[{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":7}]}}]"#,
        "items[0].spec.containers[0].image is a number",
    ),
    (
        "List",
        r#","items":[{"apiVersion":"v1","kind":"List","items":[]}]"#,
        "items[0] is a list within a list",
    ),
    ("", "", "kind is missing"),
];

#[test]
fn images_that_cannot_be_known_are_an_error_that_says_where() {
    for (kind, rest, says) in UNREADABLE {
        let json = format!(r#"{{"apiVersion":"v1","kind":"{kind}"{rest}}}"#);
        let error = read(&json).expect_err(&json);
        assert!(
            error.starts_with(says),
            "{json}\n says: {error}\n wanted: {says}"
        );
    }
    assert_eq!(
        read("[]").unwrap_err(),
        "the object is a list, expected an object"
    );
    assert_eq!(
        read(r#"{"kind":"Pod","kind":"Pod"}"#).unwrap_err()[..18],
        *"kind appears twice"
    );
}

/// The names of types and what stands for a path were English ones.
#[test]
fn errors_are_of_one_language() {
    let pod = |rest: &str| format!(r#"{{"apiVersion":"v1","kind":"Pod",{rest}}}"#);
    let list = |rest: &str| format!(r#"{{"apiVersion":"v1","kind":"List","items":[{rest}]}}"#);
    let many = format!(
        r#""spec":{{"volumes":[{}{{}}]}}"#,
        "{},".repeat(ENTRIES_LIMIT)
    );
    for (json, english, chinese) in [
        (
            "[]".to_owned(),
            "the object is a list, expected an object",
            "该对象的类型不对(应为对象,实为列表)",
        ),
        (
            pod(r#""spec":{"containers":{}}"#),
            "spec.containers is an object, expected a list",
            "spec.containers的类型不对(应为列表,实为对象)",
        ),
        (
            pod(r#""spec":{"containers":[{"image":true}]}"#),
            "spec.containers[0].image is a boolean, expected a string",
            "spec.containers[0].image的类型不对(应为字符串,实为布尔值)",
        ),
        (
            pod(r#""spec":7"#),
            "spec is a number, expected an object",
            "spec的类型不对(应为对象,实为数字)",
        ),
        (pod(r#""spec":null"#), "spec is missing", "缺少spec"),
        (
            pod(r#""spec":{},"spec":{}"#),
            "spec appears twice, and readers differ on which one counts",
            "spec出现两次,不同程序取值不同",
        ),
        (
            pod(r#""Spec":{}"#),
            "spec is written \"Spec\", which only some readers take for it",
            "spec写作\"Spec\",只有部分程序认作同一字段",
        ),
        (
            list(&list("")),
            "items[0] is a list within a list; list its items one by one",
            "items[0]是列表中的列表;请逐项列出",
        ),
        (
            pod(&many),
            "spec.volumes has too many entries; at most 10000 are read",
            "spec.volumes的条目过多,最多读取10000个",
        ),
    ] {
        let manifest: Manifest<'_> = serde_json::from_str(&json).unwrap();
        let error = manifest.into_iter().next().unwrap().unwrap_err();
        let message = error.error().message();
        let texts = [Language::English, Language::Chinese].map(|language| message.text(language));
        assert_eq!(texts, [english, chinese]);
    }
}

#[test]
fn one_bad_item_does_not_hide_the_others() {
    let good = object("v1", "Pod", "spec", &pod_spec());
    let bad = object("v1", "Pod", "spec", &json!({"containers": 7}));
    let json = json!({"apiVersion": "v1", "kind": "List", "items": [bad, good]}).to_string();
    let manifest: Manifest<'_> = serde_json::from_str(&json).unwrap();
    let read: Vec<bool> = manifest.into_iter().map(|object| object.is_ok()).collect();
    assert_eq!(read, [false, true]);
}

/// kubectl creates what is in the `items` of any object, and the API server takes the object itself.
#[test]
fn whatever_has_items_is_a_list_too() {
    let pod = || {
        object(
            "v1",
            "Pod",
            "spec",
            &json!({"containers": [{"image": "nginx"}]}),
        )
    };
    let in_items = &["items[0].spec.containers[0].image"][..];
    // A document, the locations of its images, and how many of its objects can't be read.
    for (mut document, locations, unreadable) in [
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}),
            in_items,
            0,
        ),
        (json!({"apiVersion": "v1", "kind": "Secret"}), in_items, 0),
        (
            json!({"apiVersion": "v1", "kind": "ConfigMapList"}),
            in_items,
            0,
        ),
        (
            json!({"apiVersion": "example.com/v1", "kind": "Thing"}),
            in_items,
            0,
        ),
        (
            pod(),
            &[
                "spec.containers[0].image",
                "items[0].spec.containers[0].image",
            ],
            0,
        ),
        // Without a kind it is refused by everybody; what is in it is reported all the same.
        (json!({"apiVersion": "v1"}), in_items, 1),
    ] {
        document["items"] = json!([pod()]);
        let json = document.to_string();
        let manifest: Manifest<'_> = serde_json::from_str(&json).unwrap();
        let objects: Vec<_> = manifest.into_iter().collect();
        let readable = objects.iter().filter_map(|object| object.as_ref().ok());
        let found: Vec<String> = readable
            .flat_map(|object| {
                object
                    .images()
                    .map(|(_, location)| location.path().to_string())
            })
            .collect();
        assert_eq!(found, locations, "{json}");
        let errors = objects.iter().filter(|object| object.is_err());
        assert_eq!(errors.count(), unreadable, "{json}");
    }
    // The items may leave their kind out, and may be no lists themselves.
    let json = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": []},
        "items": [{"spec": {"containers": [{"image": "nginx"}]}}]})
    .to_string();
    let manifest: Manifest<'_> = serde_json::from_str(&json).unwrap();
    let images: usize = manifest
        .into_iter()
        .map(|object| object.unwrap().images().len())
        .sum();
    assert_eq!(images, 1, "{json}");
    let nested = json!({"apiVersion": "v1", "kind": "ConfigMap", "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "items": [pod()]}]})
    .to_string();
    let manifest: Manifest<'_> = serde_json::from_str(&nested).unwrap();
    let error = manifest.into_iter().find_map(Result::err).unwrap();
    assert_eq!(error.error().kind(), &ObjectErrorKind::NestedList);
    // To kubectl the name of a field has one case, and items that are no objects are refused.
    for other in [
        json!({"Items": [pod()]}),
        json!({"items": ["a"]}),
        json!({"items": "a"}),
    ] {
        let mut document = json!({"apiVersion": "example.com/v1", "kind": "Thing"});
        document
            .as_object_mut()
            .unwrap()
            .extend(other.as_object().unwrap().clone());
        let json = document.to_string();
        assert_eq!(read(&json).expect(&json).images().len(), 0);
    }
}

#[test]
fn objects_of_other_kinds_have_no_images_whatever_is_in_them() {
    for json in [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"image": "nginx"}}),
        object(
            "example.com/v1",
            "Deployment",
            "spec.template.spec",
            &pod_spec(),
        ),
        object("example.com/v1", "Pod", "spec", &json!({"containers": 7})),
        object("v1", "Deployment", "spec", &json!("text")),
        json!({"apiVersion": "example.com/v1", "kind": "Thing", "spec": [], "metadata": 7}),
        json!({"apiVersion": "example.com/v1", "kind": "AllowList", "items": ["a"]}),
    ] {
        let json = json.to_string();
        let object = read(&json).expect(&json);
        assert_eq!(object.images().len(), 0, "{json}");
        assert!(!object.is_known(), "{json}");
    }
}

fn path(text: &str) -> FieldPath {
    text.parse().unwrap()
}

/// Declarations as a policy may have them, after the documentation of each project.
fn custom_kinds() -> WorkloadKinds {
    let rollout = CustomResource::new("argoproj.io/*", "Rollout")
        .unwrap()
        .with_pod_spec(path("spec.template.spec"));
    let service = CustomResource::new("serving.knative.dev/v1", "Service")
        .unwrap()
        .with_pod_spec(path("spec.template.spec"));
    let task = CustomResource::new("tekton.dev/v1", "Task")
        .unwrap()
        .with_image(path("spec.steps[*].image"))
        .with_image(path("spec.sidecars[*].image"));
    let workflow = CustomResource::new("argoproj.io/v1alpha1", "Workflow")
        .unwrap()
        .with_image(path("spec.templates[*].container.image"))
        .with_image(path("spec.templates[*].script.image"));
    let cluster = CustomResource::new("example.com/v1", "Cluster")
        .unwrap()
        .with_pod_spec(path("spec.nodeSets[*].podTemplate.spec"))
        .with_image(path("spec.images[*]"));
    WorkloadKinds::new([rollout, service, task, workflow, cluster]).unwrap()
}

#[test]
fn custom_resources_are_looked_at_where_they_are_declared() {
    let kinds = custom_kinds();
    let at = |image: &str, path: &str| (image.to_owned(), path.to_owned(), Unknown, None);
    let cluster = json!({
        "images": ["a", "b"],
        "nodeSets": [{"podTemplate": {}}, {"podTemplate": {"spec": pod_spec()}}]
    });
    let mut cluster_images = expected("spec.nodeSets[1].podTemplate.spec");
    cluster_images.extend([at("a", "spec.images[0]"), at("b", "spec.images[1]")]);
    for (json, images) in [
        (
            object(
                "argoproj.io/v1alpha1",
                "Rollout",
                "spec.template.spec",
                &pod_spec(),
            ),
            expected("spec.template.spec"),
        ),
        // Without a template it refers to a Deployment, which is looked at itself.
        (
            object(
                "argoproj.io/v1beta1",
                "Rollout",
                "spec.workloadRef.name",
                &json!("web"),
            ),
            vec![],
        ),
        (
            object(
                "serving.knative.dev/v1",
                "Service",
                "spec.template.spec",
                &pod_spec(),
            ),
            expected("spec.template.spec"),
        ),
        (
            object("v1", "Service", "spec.template.spec", &pod_spec()),
            vec![],
        ),
        (
            object(
                "tekton.dev/v1",
                "Task",
                "spec",
                &json!({"steps": [{"image": "golang:1.25"}, {"ref": {}}, {"image": null}],
                        "sidecars": [{"image": "docker:27"}]}),
            ),
            vec![
                at("golang:1.25", "spec.steps[0].image"),
                at("docker:27", "spec.sidecars[0].image"),
            ],
        ),
        (
            object(
                "argoproj.io/v1alpha1",
                "Workflow",
                "spec.templates",
                &json!([{"container": {"image": "a"}}, {"script": {"image": "b"}}, {"steps": []}]),
            ),
            vec![
                at("a", "spec.templates[0].container.image"),
                at("b", "spec.templates[1].script.image"),
            ],
        ),
        (
            object("example.com/v1", "Cluster", "spec", &cluster),
            cluster_images,
        ),
        // The built-in kinds are still there.
        (object("v1", "Pod", "spec", &pod_spec()), expected("spec")),
    ] {
        let json = json.to_string();
        let manifest = kinds
            .deserialize(&mut serde_json::Deserializer::from_str(&json))
            .unwrap();
        assert_eq!(found(&only(manifest).expect(&json)), images, "{json}");
    }
}

#[test]
fn what_is_declared_and_is_something_else_is_an_error() {
    let kinds = custom_kinds();
    for (json, says) in [
        (
            object(
                "tekton.dev/v1",
                "Task",
                "spec.steps",
                &json!([{"image": {}}]),
            ),
            "spec.steps[0].image is an object, expected a string",
        ),
        (
            object(
                "tekton.dev/v1",
                "Task",
                "spec.steps",
                &json!({"image": "a"}),
            ),
            "spec.steps is an object, expected a list",
        ),
        (
            object(
                "tekton.dev/v1",
                "Task",
                "spec.steps",
                &json!([{"Image": "a"}]),
            ),
            "spec.steps[0].image is written \"Image\"",
        ),
    ] {
        let json = json.to_string();
        let manifest = kinds
            .deserialize(&mut serde_json::Deserializer::from_str(&json))
            .unwrap();
        let error = only(manifest).expect_err(&json);
        assert!(
            error.starts_with(says),
            "{json}\n says: {error}\n wanted: {says}"
        );
    }
}

#[test]
fn a_custom_resource_that_cannot_be_as_declared_is_refused() {
    let declare = |api_version: &str, kind: &str| {
        CustomResource::new(api_version, kind)
            .map(|resource| resource.with_image(path("spec.image")))
    };
    for (api_version, kind, says) in [
        (
            "v1",
            "Thing",
            "\"v1\" is no apiVersion of a custom resource",
        ),
        ("/v1", "Thing", "\"/v1\" is no apiVersion"),
        ("example.com/", "Thing", "\"example.com/\" is no apiVersion"),
        (
            "example.com/v1/x",
            "Thing",
            "\"example.com/v1/x\" is no apiVersion",
        ),
        (
            "example.com/v1",
            "",
            "the kind of a custom resource of \"example.com/v1\" is empty",
        ),
        ("apps/v1", "Deployment", "\"Deployment\" is built in"),
        ("apps/*", "Deployment", "\"Deployment\" is built in"),
    ] {
        let error = declare(api_version, kind)
            .and_then(|resource| WorkloadKinds::new([resource]))
            .expect_err(kind)
            .to_string();
        assert!(error.starts_with(says), "{api_version} {kind}: {error}");
    }
    let twice = ["example.com/v1", "example.com/v2", "example.com/v1"]
        .map(|api_version| declare(api_version, "Thing").unwrap());
    let error = WorkloadKinds::new(twice).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the custom resource \"Thing\" is declared twice; put its paths together"
    );
    let none = CustomResource::new("example.com/v1", "Thing").unwrap();
    let error = WorkloadKinds::new([none]).unwrap_err();
    assert!(
        error.to_string().contains("neither images nor pod specs"),
        "{error}"
    );
    for in_labels in [
        "metadata.annotations.image",
        "metadata.labels",
        "metadata.labels.a.b",
    ] {
        let thing = CustomResource::new("example.com/v1", "Thing").unwrap();
        let error = WorkloadKinds::new([thing.with_image(path(in_labels))]).unwrap_err();
        assert!(
            error.to_string().contains("is in labels or annotations"),
            "{error}"
        );
    }
}

/// Else its images would be reviewed twice, and the annotations would be those of the resource and not
/// those of its pods.
#[test]
fn what_a_version_and_every_version_declare_is_looked_at_once() {
    let rollout = |api_version| {
        CustomResource::new(api_version, "Rollout")
            .unwrap()
            .with_pod_spec(path("spec.template.spec"))
            .with_image(path("spec.image"))
    };
    let kinds = WorkloadKinds::new([rollout("example.com/v1"), rollout("example.com/*")]).unwrap();
    let json = r#"{"apiVersion": "example.com/v1", "kind": "Rollout",
        "metadata": {"name": "a", "annotations": {"from": "resource"}},
        "spec": {"image": "a:1", "template": {"metadata": {"annotations": {"from": "template"}},
            "spec": {"containers": [{"image": "b:1"}]}}}}"#;
    let manifest = kinds
        .deserialize(&mut serde_json::Deserializer::from_str(json))
        .unwrap();
    let workload = only(manifest).unwrap();
    assert_eq!(workload.images().len(), 2);
    assert_eq!(workload.annotations().get("from"), Some("template"));
}

#[test]
fn yaml_and_values_are_read_as_json_is() {
    let yaml = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - name: web
        image: web:1
      - {name: proxy, image: 'proxy:2'}
      initContainers:
      - image: \"migrate:3\"
";
    let expected = ["web:1", "proxy:2", "migrate:3"];
    let images = |object: &Workload<'_>| -> Vec<String> {
        object.images().map(|(image, _)| image.to_owned()).collect()
    };

    let value: Value = serde_saphyr::from_str(yaml).unwrap();
    assert_eq!(
        images(&only(Manifest::deserialize(&value).unwrap()).unwrap()),
        expected
    );

    let manifest = serde_saphyr::with_deserializer_from_str(yaml, |yaml| {
        WorkloadKinds::builtin().deserialize(yaml)
    });
    assert_eq!(images(&only(manifest.unwrap()).unwrap()), expected);
}

#[test]
fn a_large_object_is_read_and_what_is_skipped_is_never_recursed_into() {
    let container = json!({"name": "x", "image": "nginx:1.27", "args": ["x".repeat(250)]});
    let spec = json!({"containers": vec![container; ENTRIES_LIMIT]});
    let mut json = object("v1", "Pod", "spec", &spec).to_string();
    assert!(json.len() > 2 << 20);
    assert_eq!(read(&json).unwrap().images().len(), ENTRIES_LIMIT);

    let deep = format!(r#","x":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    json.truncate(json.len() - 1);
    json.push_str(&deep);
    assert_eq!(read(&json).unwrap().images().len(), ENTRIES_LIMIT);
}

/// Any JSON, with the names that are looked at among its keys.
fn any_json() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec![
        "Pod", "List", "PodList", "CronJob", "v1", "batch/v1", "nginx:1", "Foo/x", "", "é",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "apiVersion",
        "kind",
        "Kind",
        "metadata",
        "name",
        "labels",
        "annotations",
        "spec",
        "template",
        "jobTemplate",
        "items",
        "containers",
        "initContainers",
        "volumes",
        "image",
        "Image",
        "reference",
        "imagePullPolicy",
        "imagePullSecrets",
        "other",
    ]);
    leaf.prop_recursive(8, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(String::from), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(mut json in any_json(), kind in 0..KINDS.len()) {
        if let Some(object) = json.as_object_mut() {
            object.entry("apiVersion").or_insert(KINDS[kind].0.into());
            object.entry("kind").or_insert(KINDS[kind].1.into());
        }
        let json = json.to_string();
        let manifest: Manifest<'_> = serde_json::from_str(&json).unwrap();
        for object in manifest {
            match object {
                Ok(object) => prop_assert!(object.is_known() || object.images().len() == 0),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }

    #[test]
    fn any_object_of_a_request_is_decided(object in any_json(), old in any_json(), kind in 0..KINDS.len()) {
        let (group, version) = KINDS[kind].0.split_once('/').unwrap_or(("", KINDS[kind].0));
        for operation in ["CREATE", "UPDATE", "DELETE"] {
            let json = json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
                "uid": "u", "operation": operation, "object": object, "oldObject": old,
                "kind": {"group": group, "version": version, "kind": KINDS[kind].1},
            }});
            let json = json.to_string();
            let mut request = AdmissionReview::from_slice(json.as_bytes()).unwrap();
            let mutations = Mutations::new().with_rewrite(FullName::new());
            let patch = mutations.apply(&mut request, &Facts::new());
            let verdict = decide(&AllowAll, &request.review());
            let answer = AdmissionResponse::new(&request, &verdict, Language::English);
            let answer = serde_json::to_value(answer.with_patch(&patch)).unwrap();
            prop_assert_eq!(&answer["response"]["allowed"], &json!(verdict.is_allowed()));
            // The patch can be applied: one that cannot would reject the object.
            let mut patched = object.clone();
            prop_assert!(json_patch::patch(&mut patched, &patch).is_ok());
        }
    }

    #[test]
    fn every_image_is_found_where_its_path_says(
        kind in 0..KINDS.len(),
        lists in prop::collection::vec(prop::collection::vec("[a-z]{1,8}", 0..5), 4),
    ) {
        let (api_version, kind, path) = KINDS[kind];
        let containers = |index: usize| -> Value {
            lists[index].iter().map(|image| json!({"image": image})).collect()
        };
        let volumes: Value =
            lists[3].iter().map(|image| json!({"image": {"reference": image}})).collect();
        let spec = json!({
            "containers": containers(0), "initContainers": containers(1),
            "ephemeralContainers": containers(2), "volumes": volumes,
        });
        let value = object(api_version, kind, path, &spec);
        let json = value.to_string();
        let object = read(&json).unwrap();
        prop_assert_eq!(object.images().len(), lists.iter().map(Vec::len).sum::<usize>());
        for (image, location) in object.images() {
            let pointer = location.path().to_string().replace(['.', '['], "/").replace(']', "");
            prop_assert_eq!(&value.pointer(&format!("/{pointer}")).unwrap(), &image);
        }
    }
}

#[test]
fn a_manifest_is_read_from_bytes_as_its_siblings_are() {
    let kinds = WorkloadKinds::new([CustomResource::new("tekton.dev/v1", "Task")
        .unwrap()
        .with_image("spec.steps[*].image".parse().unwrap())])
    .unwrap();
    let task =
        br#"{"apiVersion":"tekton.dev/v1","kind":"Task","spec":{"steps":[{"image":"a:1"}]}}"#;
    let images = |manifest: Manifest<'_>| -> usize {
        let objects = manifest.into_iter();
        objects.map(|object| object.unwrap().images().len()).sum()
    };
    assert_eq!(images(Manifest::from_slice(task).unwrap()), 0);
    assert_eq!(images(Manifest::from_slice_with(task, &kinds).unwrap()), 1);
    for (bytes, expected) in [
        (&b"{}{}"[..], "trailing characters at line 1 column 3"),
        (
            b"{\"kind\":",
            "kind: EOF while parsing a value at line 1 column 8",
        ),
        (b"\"\xff\"", "the text is not UTF-8 at byte 1; JSON must be"),
    ] {
        let error = Manifest::from_slice(bytes).unwrap_err().to_string();
        assert_eq!(error, expected);
    }
}

/// Fields are found by their names, and no longer one after another.
#[test]
fn a_thousand_declared_paths_are_read_as_a_few_are() {
    let image = |n: usize| format!("spec.steps[*].image{n}").parse().unwrap();
    let mut resource = CustomResource::new("example.com/v1", "Steps").unwrap();
    for n in 0..1000 {
        resource = resource.with_image(image(n));
    }
    let kinds = WorkloadKinds::new([resource]).unwrap();
    let read = |step: &Value| {
        let text =
            json!({"apiVersion": "example.com/v1", "kind": "Steps", "spec": {"steps": [step]}});
        let text = text.to_string();
        let manifest = Manifest::from_slice_with(text.as_bytes(), &kinds).unwrap();
        let object = only(manifest)?;
        let images = object.images();
        Ok::<_, String>(
            images
                .map(|(image, _)| image.to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let all: Value = (0..1000)
        .map(|n| (format!("image{n}"), json!(format!("app:{n}"))))
        .collect();
    let expected: Vec<String> = (0..1000).map(|n| format!("app:{n}")).collect();
    assert_eq!(read(&all), Ok(expected));
    assert_eq!(
        read(&json!({"image999": "a", "other": 1})),
        Ok(vec!["a".to_owned()])
    );
    // What has two readings is refused, as it is among few fields.
    for (step, error) in [
        (json!({"Image7": "a"}), "Image7"),
        (json!({"image7": "a", "IMAGE7": "b"}), "IMAGE7"),
        (json!({"image7": 5}), "image7"),
    ] {
        let found = read(&step).unwrap_err();
        assert!(found.contains(error), "{found}");
    }
    let twice = r#"{"apiVersion":"example.com/v1","kind":"Steps","spec":{"steps":[{"image9":"a","image9":"b"}]}}"#;
    let manifest = Manifest::from_slice_with(twice.as_bytes(), &kinds).unwrap();
    let error = only(manifest).unwrap_err();
    assert!(error.contains("image9"), "{error}");
}

#[test]
fn a_kind_is_found_among_a_thousand_of_its_group_and_of_its_name() {
    let resource = |group: String, kind: String| {
        let resource = CustomResource::new(&format!("{group}/v1"), &kind).unwrap();
        resource.with_image(
            format!("spec.{}", kind.to_ascii_lowercase())
                .parse()
                .unwrap(),
        )
    };
    let of_group = (0..500).map(|n| resource("example.com".into(), format!("Kind{n}")));
    let of_name = (0..500).map(|n| resource(format!("g{n}.example.com"), "Same".into()));
    let kinds = WorkloadKinds::new(of_group.chain(of_name)).unwrap();
    for (api_version, kind, has_images) in [
        ("example.com/v1", "Kind499", true),
        ("example.com/v2", "Kind499", false),
        ("g499.example.com/v1", "Same", true),
        ("example.com/v1", "Same", false),
        ("g499.example.com/v1", "Kind499", false),
        ("apps/v1", "Deployment", true),
    ] {
        assert_eq!(
            kinds.has_images(api_version, kind),
            has_images,
            "{api_version} {kind}"
        );
    }
}
