//! How much is read of one review: as many entries as the limit, and not one more.

use super::support;
use imagereview_core::{
    AdmissionReview, AllowAll, ImageReview, Language, Review, StringMap, Verdict, decide,
    limits::ENTRIES_LIMIT,
    object::ObjectErrorKind,
    workload::{CustomResource, Manifest, WorkloadKinds},
};
use serde::{Deserialize, de::DeserializeSeed};
use serde_json::{Value, json};

/// A list of so many containers without an image.
fn containers(many: usize) -> Value {
    vec![json!({}); many].into()
}

/// A map of so many keys.
fn keys(many: usize) -> Value {
    (0..many).map(|key| (key.to_string(), json!(""))).collect()
}

fn reason(verdict: &Verdict) -> String {
    assert!(!verdict.is_allowed());
    verdict.reason(Language::English).into_owned()
}

fn too_many(path: &str) -> String {
    format!(
        "image check failed: the images cannot be known: {path} has too many entries; at most 10000 are read"
    )
}

fn image_review(spec: &Value) -> String {
    json!({"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview", "spec": spec})
        .to_string()
}

#[test]
fn an_image_review_has_as_many_entries_as_the_limit_or_is_denied() {
    for (field, entries) in [
        ("containers", &containers as &dyn Fn(usize) -> Value),
        ("annotations", &keys),
    ] {
        let with = |many| image_review(&json!({field: entries(many), "namespace": "shop"}));
        let full = with(ENTRIES_LIMIT);
        let request = ImageReview::from_slice(full.as_bytes()).unwrap();
        assert_eq!(request.unreadable(), None, "{field}");
        let read = request.images().len() + request.annotations().iter().len();
        assert_eq!(read, ENTRIES_LIMIT, "{field}");

        let path = format!("spec.{field}");
        for more in [1, 20_000] {
            let json = with(ENTRIES_LIMIT + more);
            let request = ImageReview::from_slice(json.as_bytes()).unwrap();
            let error = request.unreadable().expect(field);
            assert_eq!(error.path(), path);
            assert_eq!(error.kind(), &ObjectErrorKind::TooManyEntries);
            // As many images as the limit are decided by the rules too; annotations count as not told.
            let images = if field == "containers" {
                ENTRIES_LIMIT
            } else {
                0
            };
            assert_eq!(request.images().len(), images);
            assert_eq!(request.annotations().iter().len(), 0);
            // What follows is read, so that a policy finds its scope.
            assert_eq!(request.namespace(), Some("shop"));
            let reason = reason(&decide(&AllowAll, &request.review()));
            assert!(reason.starts_with(&too_many(&path)), "{reason}");
            // Whatever reads it.
            let value: Value = serde_json::from_str(&json).unwrap();
            let from_value = ImageReview::deserialize(&value).unwrap();
            assert_eq!(from_value, request);
        }
    }
}

#[test]
fn each_review_of_a_stream_has_a_budget_of_its_own() {
    let one = image_review(&json!({"containers": vec![json!({"image": "a:1"}); ENTRIES_LIMIT]}));
    let reviews = [
        &*one,
        &image_review(&json!({"containers": containers(ENTRIES_LIMIT + 1)})),
        &one,
    ];
    let text = reviews.concat();
    let allowed = ImageReview::stream(&text)
        .map(|request| decide(&AllowAll, &request.unwrap().review()).is_allowed());
    assert_eq!(allowed.collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn more_annotations_than_the_limit_are_an_error() {
    let read = |many| StringMap::deserialize(&keys(many)).map(|read| read.iter().len());
    assert_eq!(read(ENTRIES_LIMIT).unwrap(), ENTRIES_LIMIT);
    assert_eq!(
        read(ENTRIES_LIMIT + 1).unwrap_err().to_string(),
        "there are more than 10000 annotations"
    );
}

/// A Pod with these fields in its spec.
fn pod(spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "spec": spec})
}

fn admission_review(request: &Value) -> String {
    let mut request = request.clone();
    request["uid"] = json!("u");
    support::admission_review(&request)
}

#[test]
fn an_object_has_as_many_entries_as_the_limit_or_is_denied() {
    type Row = (&'static str, fn(usize) -> Value);
    let rows: [Row; 7] = [
        ("spec.containers", |many| {
            pod(&json!({"containers": containers(many)}))
        }),
        ("spec.initContainers", |many| {
            pod(&json!({"initContainers": containers(many)}))
        }),
        ("spec.ephemeralContainers", |many| {
            pod(&json!({"ephemeralContainers": containers(many)}))
        }),
        // A volume without an image is an entry too.
        ("spec.volumes", |many| {
            pod(&json!({"volumes": containers(many)}))
        }),
        ("spec.imagePullSecrets", |many| {
            pod(&json!({"imagePullSecrets": containers(many)}))
        }),
        (
            "metadata.labels",
            |many| json!({"apiVersion": "v1", "kind": "Pod", "spec": {}, "metadata": {"labels": keys(many)}}),
        ),
        // They add up.
        ("spec.volumes", |many| {
            let half = many / 2;
            pod(
                &json!({"containers": vec![json!({"image": "a:1"}); half], "volumes": containers(many - half)}),
            )
        }),
    ];
    let denials = |request: &Value| {
        let json = admission_review(request);
        let request = AdmissionReview::from_slice(json.as_bytes()).unwrap();
        let verdict = decide(&AllowAll, &request.review());
        let mut reasons = verdict
            .violations()
            .iter()
            .map(|denial| denial.describe(Language::English));
        reasons.find(|reason| reason.contains("too many entries"))
    };
    for (path, object) in rows {
        let full = json!({"operation": "CREATE", "object": object(ENTRIES_LIMIT)});
        assert_eq!(denials(&full), None, "{path}");
        let more = object(ENTRIES_LIMIT + 1);
        let expected = too_many(path).replace("image check failed: ", "");
        let request = json!({"operation": "CREATE", "object": more});
        assert_eq!(denials(&request).as_deref(), Some(&*expected), "{path}");
        // Nobody asks how an object is that is going.
        let request = json!({"operation": "DELETE", "oldObject": more});
        assert_eq!(denials(&request), None, "{path}");
    }
}

#[test]
fn an_old_object_that_is_too_large_leaves_nothing_unchanged() {
    let old = pod(&json!({"containers": vec![json!({"image": "nginx"}); ENTRIES_LIMIT + 1]}));
    let new = pod(&json!({"containers": [{"image": "nginx"}]}));
    let json = admission_review(&json!({"operation": "UPDATE", "object": new, "oldObject": old}));
    let request = AdmissionReview::from_slice(json.as_bytes()).unwrap();
    assert!(!request.review().images()[0].is_unchanged());
}

/// What is not kept may have changed.
#[test]
fn an_update_of_an_object_that_is_too_large_is_denied_however_much_it_looks_like_the_one_before() {
    let with = |last: &str| {
        let mut containers = vec![json!({"image": "a:1"}); ENTRIES_LIMIT];
        containers.push(json!({"image": last}));
        pod(&json!({"containers": containers}))
    };
    for new in ["a:1", "nginx"] {
        let request = json!({"operation": "UPDATE", "object": with(new), "oldObject": with("a:1")});
        let json = admission_review(&request);
        let request = AdmissionReview::from_slice(json.as_bytes()).unwrap();
        let verdict = decide(&AllowAll, &request.review());
        assert_eq!(reason(&verdict), too_many("spec.containers"), "{new}");
    }
}

#[test]
fn a_user_in_more_groups_than_the_limit_is_denied_what_has_images() {
    let groups = |many| json!({"username": "ana", "groups": vec!["developers"; many]});
    let config_map = json!({"apiVersion": "v1", "kind": "ConfigMap"});
    for (many, object, is_denied) in [
        (ENTRIES_LIMIT, pod(&json!({})), false),
        (ENTRIES_LIMIT + 1, pod(&json!({})), true),
        (ENTRIES_LIMIT + 1, config_map, false),
    ] {
        let request = json!({"operation": "CREATE", "userInfo": groups(many), "object": object});
        let json = admission_review(&request);
        let request = AdmissionReview::from_slice(json.as_bytes()).unwrap();
        assert_eq!(request.user().name(), "ana");
        let verdict = decide(&AllowAll, &request.review());
        assert_eq!(!verdict.is_allowed(), is_denied, "{object}");
        if is_denied {
            assert_eq!(reason(&verdict), too_many("request.userInfo.groups"));
        }
    }
}

/// The objects of a document, each with how many images it has or why those cannot be known.
fn objects(kinds: &WorkloadKinds, document: &Value) -> Vec<Result<usize, String>> {
    let text = document.to_string();
    let of = |manifest: Manifest<'_>| -> Vec<Result<usize, String>> {
        manifest
            .into_iter()
            .map(|object| object.map(|object| object.images().len()))
            .map(|object| object.map_err(|object| object.error().to_string()))
            .collect()
    };
    let json = of(kinds
        .deserialize(&mut serde_json::Deserializer::from_str(&text))
        .unwrap());
    let options = serde_saphyr::options! { budget: None };
    let yaml = serde_saphyr::with_deserializer_from_str_with_options(&text, options, |yaml| {
        kinds.deserialize(yaml)
    });
    assert_eq!(of(yaml.unwrap()), json);
    json
}

#[test]
fn a_list_has_any_number_of_items_and_each_has_a_budget_of_its_own() {
    let small = pod(&json!({"containers": containers(1)}));
    let items = vec![small.clone(); ENTRIES_LIMIT + 1];
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let counted = objects(WorkloadKinds::builtin(), &list);
    assert_eq!(counted, vec![Ok(1); ENTRIES_LIMIT + 1]);

    let full = pod(&json!({"containers": containers(ENTRIES_LIMIT)}));
    let more = pod(&json!({"containers": containers(ENTRIES_LIMIT + 1)}));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [full, more, full, small]});
    let counted = objects(WorkloadKinds::builtin(), &list);
    let error = "items[1].spec.containers has too many entries; at most 10000 are read".to_owned();
    assert_eq!(
        counted,
        [Ok(ENTRIES_LIMIT), Err(error), Ok(ENTRIES_LIMIT), Ok(1)]
    );
}

#[test]
fn lists_within_lists_count_together() {
    let matrix = CustomResource::new("example.com/v1", "Matrix").unwrap();
    let matrix = matrix.with_image("spec.rows[*].images[*]".parse().unwrap());
    let kinds = WorkloadKinds::new([matrix]).unwrap();
    let of = |rows: usize, columns: usize| {
        let rows = vec![json!({"images": vec!["a:1"; columns]}); rows];
        json!({"apiVersion": "example.com/v1", "kind": "Matrix", "spec": {"rows": rows}})
    };
    // A row is an entry, and so is each of its images.
    assert_eq!(objects(&kinds, &of(100, 99)), [Ok(9_900)]);
    let error = "spec.rows[99].images has too many entries; at most 10000 are read".to_owned();
    assert_eq!(objects(&kinds, &of(100, 100)), [Err(error)]);
    let error = "spec.rows has too many entries; at most 10000 are read".to_owned();
    assert_eq!(objects(&kinds, &of(101, 99)), [Err(error)]);
    // Of a kind without images nothing is asked.
    assert_eq!(objects(WorkloadKinds::builtin(), &of(200, 100)), [Ok(0)]);
}

#[test]
fn items_of_what_is_no_list_are_not_objects_of_their_own() {
    let set = CustomResource::new("example.com/v1", "ImageSet").unwrap();
    let set = set.with_image("items[*].image".parse().unwrap());
    let kinds = WorkloadKinds::new([set]).unwrap();
    for (many, is_denied) in [(ENTRIES_LIMIT, false), (ENTRIES_LIMIT + 1, true)] {
        let items = vec![json!({"image": "a:1"}); many];
        let object = json!({"apiVersion": "example.com/v1", "kind": "ImageSet", "items": items});
        let json = admission_review(&json!({"operation": "CREATE", "object": object}));
        let request = AdmissionReview::from_slice_with(json.as_bytes(), &kinds).unwrap();
        let verdict = decide(&AllowAll, &request.review());
        assert_eq!(!verdict.is_allowed(), is_denied, "{many}");
        assert_eq!(objects(&kinds, &object)[0].is_err(), is_denied, "{many}");
    }
}

/// Whoever makes a review by hand says how many images it has.
#[test]
fn a_review_made_by_hand_has_any_number_of_images() {
    let review: Review<'_> = vec!["a:1"; ENTRIES_LIMIT + 1].into_iter().collect();
    assert!(decide(&AllowAll, &review).is_allowed());
}
