//! An object of which not everything can be read: what could be read is decided like that of any other,
//! and the object counts for what the whole document does.

use imagereview_core::{
    AdmissionReview, ImagePolicy, ImageReview, Mode, PolicySource, Verdict, Violation, decide,
    limits::ENTRIES_LIMIT,
};
use serde_json::{Map, Value, json};

use crate::support;

/// A document that is lenient with references, and with nothing else.
fn policy(fields: &str) -> ImagePolicy {
    let text = format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\n{fields}\n\
         customResources: [{{apiVersion: example.com/v1, kind: Task, images: ['spec.steps[*].image']}}]\n\
         rules: [{{name: tags, tags: {{deny: [latest]}}}}]\n"
    );
    ImagePolicy::compile([PolicySource::new("p.yaml", &text)]).unwrap()
}

fn create(policy: &ImagePolicy, object: &Value) -> Verdict {
    let request = json!({"uid": "u", "operation": "CREATE", "object": object});
    let json = support::admission_review(&request);
    let review = AdmissionReview::from_slice_with(json.as_bytes(), policy.kinds()).unwrap();
    decide(policy, &review.review())
}

/// The rules of a verdict's violations that count for so much, with the paths.
fn found(verdict: &Verdict, mode: Mode) -> Vec<String> {
    let violations = verdict.violations().iter();
    let of_mode = violations.filter(|violation| violation.mode() == mode);
    of_mode
        .map(|violation: &Violation| {
            format!("{} {}", violation.rule(), violation.location().path())
        })
        .collect()
}

fn pod(mut fields: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod"});
    let spec = fields.as_object_mut().unwrap();
    spec.entry("containers")
        .or_insert(json!([{"name": "web", "image": "nginx"}]));
    pod["spec"] = fields;
    pod
}

fn very_many() -> Map<String, Value> {
    let keys = 0..=ENTRIES_LIMIT;
    keys.map(|key| (key.to_string(), json!(""))).collect()
}

#[test]
fn an_object_that_cannot_be_read_hides_no_image_that_can() {
    let mut labelled = pod(json!({}));
    labelled["metadata"] = json!({"labels": very_many()});
    let mut annotated = pod(json!({}));
    annotated["metadata"] = json!({"annotations": {"a": 7}});
    let secrets: Vec<Value> = very_many()
        .keys()
        .map(|name| json!({"name": name}))
        .collect();
    let task = |step: Value| {
        json!({"apiVersion": "example.com/v1", "kind": "Task",
            "spec": {"steps": [step, {"image": "nginx"}]}})
    };
    let web = "tags spec.containers[0].image";
    let step = "tags spec.steps[1].image";
    let rows = [
        (labelled, web, "metadata.labels"),
        (annotated, web, "metadata.annotations.a"),
        (
            pod(json!({"imagePullSecrets": secrets})),
            web,
            "spec.imagePullSecrets",
        ),
        (
            pod(json!({"initContainers": [{"image": 7}]})),
            web,
            "spec.initContainers[0].image",
        ),
        (pod(json!({"volumes": "none"})), web, "spec.volumes"),
        (task(json!({"Image": "a:1"})), step, "spec.steps[0].image"),
        (task(json!({"image": 7})), step, "spec.steps[0].image"),
        (task(json!("a")), step, "spec.steps[0]"),
    ];
    for lenient in ["warn", "audit"] {
        let policy = policy(&format!("unreadableReferences: {lenient}"));
        for (object, image, wrong) in &rows {
            let verdict = create(&policy, object);
            let expected = [format!("unreadable-object {wrong}"), (*image).to_owned()];
            assert_eq!(found(&verdict, Mode::Enforce), expected);
        }
    }
    // A document that only warns does so of objects too.
    let warning = policy("mode: warn");
    for (object, image, wrong) in &rows {
        let verdict = create(&warning, object);
        assert!(verdict.is_allowed());
        let expected = [format!("unreadable-object {wrong}"), (*image).to_owned()];
        assert_eq!(found(&verdict, Mode::Warn), expected);
    }
}

/// What takes the room of others is named, and not the others.
#[test]
fn the_list_with_too_many_entries_is_the_one_that_is_named() {
    let mut object = pod(json!({"initContainers": [{"name": "a", "image": "a:1"}]}));
    object["metadata"] = json!({"labels": very_many(), "annotations": {"a": "b"}});
    let verdict = create(&policy(""), &object);
    let expected = [
        "unreadable-object metadata.labels",
        "tags spec.containers[0].image",
    ];
    assert_eq!(found(&verdict, Mode::Enforce), expected);
}

#[test]
fn containers_beyond_the_limit_hide_none_of_those_before() {
    let policy = policy("unreadableReferences: audit");
    let mut images = vec!["a:1"; ENTRIES_LIMIT + 1];
    images[0] = "nginx";
    let json = serde_json::to_string(&ImageReview::new(images.clone())).unwrap();
    let review = ImageReview::from_slice(json.as_bytes()).unwrap();
    let containers: Vec<Value> = images.iter().map(|image| json!({"image": image})).collect();
    for verdict in [
        decide(&policy, &review.review()),
        create(&policy, &pod(json!({"containers": containers}))),
    ] {
        let expected = [
            "unreadable-object spec.containers",
            "tags spec.containers[0].image",
        ];
        assert_eq!(found(&verdict, Mode::Enforce), expected);
    }
}

/// What cannot be read is not told, so it leaves no rule out.
#[test]
fn unreadable_annotations_leave_no_rule_out_of_scope() {
    let text = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\n\
        unreadableReferences: audit\n\
        scope: {annotations: {x.image-policy.k8s.io/strict: 'yes'}}\n\
        rules: [{name: tags, tags: {deny: [latest]}}]\n";
    let policy = ImagePolicy::compile([PolicySource::new("p.yaml", text)]).unwrap();
    let readable = create(&policy, &pod(json!({})));
    assert_eq!(readable.violations(), []);
    let mut object = pod(json!({}));
    object["metadata"] = json!({"annotations": very_many()});
    let expected = [
        "unreadable-object metadata.annotations",
        "tags spec.containers[0].image",
    ];
    assert_eq!(found(&create(&policy, &object), Mode::Enforce), expected);
    let annotations: Map<String, Value> = very_many();
    let json = json!({"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview",
        "spec": {"containers": [{"image": "nginx"}], "annotations": annotations}})
    .to_string();
    let review = ImageReview::from_slice(json.as_bytes()).unwrap();
    let expected = [
        "unreadable-object spec.annotations",
        "tags spec.containers[0].image",
    ];
    assert_eq!(
        found(&decide(&policy, &review.review()), Mode::Enforce),
        expected
    );
}

/// A terminating pod can lose its finalizers, however it came to be.
#[test]
fn an_update_that_changes_nothing_of_an_unreadable_object_only_warns() {
    let object = pod(json!({"initContainers": [{"image": 7}]}));
    let request =
        json!({"uid": "u", "operation": "UPDATE", "object": object.clone(), "oldObject": object});
    let json = support::admission_review(&request);
    let review = AdmissionReview::from_slice(json.as_bytes()).unwrap();
    let verdict = decide(&policy(""), &review.review());
    assert!(verdict.is_allowed(), "{:?}", verdict.violations());
    assert_eq!(verdict.warnings().count(), 2);
}
