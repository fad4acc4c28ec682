//! `ImageReview` in and out: what the API server sends, and what someone else could.

use imagereview_core::{
    DecodeError, ImageReview, ImageReviewResponse, Language, Mode, NoLatestTag, Policy, StringMap,
    Verdict, decide,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn document(spec: &str) -> String {
    format!(
        r#"{{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","metadata":{{"creationTimestamp":null}},"spec":{spec},"status":{{"allowed":false}}}}"#
    )
}

fn images(json: &str) -> Vec<String> {
    let review = ImageReview::from_slice(json.as_bytes()).expect(json);
    review.images().map(str::to_owned).collect()
}

#[test]
fn fields_may_be_absent_null_or_unknown() {
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    for (spec, expected) in [
        (r"{}", &[][..]),
        (
            r#"{"containers":null,"annotations":null,"namespace":null}"#,
            &[],
        ),
        (r#"{"containers":[]}"#, &[]),
        (
            r#"{"containers":[{"image":"nginx"}],"namespace":"shop"}"#,
            &["nginx"],
        ),
        (
            r#"{"containers":[{"image":"a"},{"image":"b","extra":{"x":[1]}}]}"#,
            &["a", "b"],
        ),
        // An image that is not there is one that cannot be read, and so a denial.
        (
            r#"{"containers":[{}, null, {"image":null}]}"#,
            &["", "", ""],
        ),
        (r#"{"containers":[{"image":"ngin\u0078"}]}"#, &["nginx"]),
        (r#"{"futureField":{"deep":[{}]},"containers":[]}"#, &[]),
        // What is skipped is never recursed into.
        (&deep, &[]),
    ] {
        assert_eq!(images(&document(spec)), expected, "{spec}");
    }
}

#[test]
fn what_cannot_be_read_or_has_two_readings_is_an_error_that_says_where() {
    for (json, says) in [
        ("", "EOF while parsing"),
        ("nginx", "expected ident"),
        ("[]", "expected an object"),
        ("{}", "kind is missing, expected \"ImageReview\""),
        (r#"{"kind":"Pod","apiVersion":"v1"}"#, "kind is \"Pod\""),
        (
            r#"{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1","spec":{}}"#,
            "apiVersion is \"imagepolicy.k8s.io/v1\", expected \"imagepolicy.k8s.io/v1alpha1\"",
        ),
        (
            r#"{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1"}"#,
            "spec is missing",
        ),
        (&document("null"), "spec is missing"),
        (
            &document("7"),
            "spec: invalid type: integer `7`, expected an object",
        ),
        (
            &document(r#"{"containers":[{"image":"a"},{"image":5}]}"#),
            "spec.containers[1].image: invalid type: integer `5`, expected a string",
        ),
        (
            &document(r#"{"containers":{}}"#),
            "spec.containers: invalid type: map",
        ),
        (
            &document(r#"{"containers":[{"image":"a","image":"b"}]}"#),
            "duplicate field `image`",
        ),
        (
            &document(r#"{"containers":[{"Image":"a"}]}"#),
            "the field \"Image\" differs from \"image\" only in case",
        ),
        (
            &document(r#"{"containerſ":[]}"#),
            "the field \"containerſ\" differs from \"containers\" only in case",
        ),
        (
            &document(r#"{"annotations":{"a":"1","a":"2"}}"#),
            "the annotation \"a\" appears twice",
        ),
        (&format!("{} {{}}", document("{}")), "trailing characters"),
        (&format!("\u{feff}{}", document("{}")), "expected value"),
        (
            &document(r#"{"containers":[{"image":"\ud800"}]}"#),
            "spec.containers[0].image",
        ),
    ] {
        let error = ImageReview::from_slice(json.as_bytes()).expect_err(json);
        assert!(
            error.to_string().contains(says),
            "{json}\n says: {error}\n wanted: {says}"
        );
    }
    let error = ImageReview::from_slice(b"{\"kind\":\"\xff\"}").unwrap_err();
    assert!(
        matches!(error, DecodeError::NotUtf8 { valid_up_to: 9 }),
        "{error}"
    );
}

#[test]
fn a_stream_goes_on_after_another_kind_and_ends_at_what_is_no_json() {
    let good = document(r#"{"containers":[{"image":"a"}]}"#);
    let text = format!("{good}{good}\n{{\"kind\":\"Pod\"}}\n\n{good} {{\"kind\": oops {good}");
    let outcomes: Vec<bool> = ImageReview::stream(&text).map(|r| r.is_ok()).collect();
    assert_eq!(outcomes, [true, true, false, true, false]);
}

#[test]
fn the_response_is_what_the_api_server_reads() {
    let review = ImageReview::new(["nginx", "redis:7.4"]);
    let verdict = decide(&NoLatestTag, &review.review());
    let answer =
        serde_json::to_value(ImageReviewResponse::new(&verdict, Language::English)).unwrap();
    assert_eq!(
        answer,
        json!({
            "apiVersion": "imagepolicy.k8s.io/v1alpha1",
            "kind": "ImageReview",
            "status": {
                "allowed": false,
                "reason": "image check failed: image \"nginx\" (spec.containers[0].image) breaks rule \
                           \"no-latest-tag\": it has no tag, which means \"latest\"; write a fixed tag or a \
                           digest",
                "auditAnnotations": {"denied-by": "no-latest-tag"},
            },
        })
    );
}

#[test]
fn the_response_is_written_as_serde_writes_it() {
    for images in [&[][..], &["redis:7.4"], &["nginx"], &["redis:7.4", "Foo/x"]] {
        let review = ImageReview::new(images.iter().copied());
        for mode in [Mode::Audit, Mode::Warn, Mode::Enforce] {
            let verdict = decide(&NoLatestTag.in_mode(mode), &review.review());
            for language in [Language::English, Language::Chinese] {
                let answer = ImageReviewResponse::new(&verdict, language);
                assert_eq!(
                    String::from_utf8(answer.to_json().into_owned()).unwrap(),
                    serde_json::to_string(&answer).unwrap(),
                    "{images:?} {mode} {language}"
                );
            }
        }
    }
}

#[test]
fn the_bytes_of_an_approval_stand_only_for_an_approval_with_nothing_to_record() {
    for verdict in [
        Verdict::undecided("the policy failed"),
        Verdict::undecided("the policy failed").with_policy("prod@sha256:0f"),
        Verdict::allowed().with_policy("prod@sha256:0f"),
        Verdict::allowed(),
    ] {
        let answer = ImageReviewResponse::new(&verdict, Language::English);
        assert_eq!(
            String::from_utf8(answer.to_json().into_owned()).unwrap(),
            serde_json::to_string(&answer).unwrap(),
            "{verdict:?}"
        );
    }
}

#[test]
fn an_annotation_is_found_by_its_key() {
    let json = document(r#"{"annotations":{"x.image-policy.k8s.io/a":"1"},"namespace":"shop"}"#);
    let request = ImageReview::from_slice(json.as_bytes()).unwrap();
    let review = request.review();
    assert_eq!(review.annotation("x.image-policy.k8s.io/a"), Some("1"));
    assert_eq!(review.annotation("x.image-policy.k8s.io/b"), None);
    assert_eq!(review.namespace(), Some("shop"));
}

proptest! {
    #[test]
    fn a_review_survives_the_wire(
        images in prop::collection::vec(any::<String>(), 0..5),
        namespace in any::<String>(),
        annotations in prop::collection::btree_map(any::<String>(), any::<String>(), 0..4),
    ) {
        let review = ImageReview::new(images)
            .with_namespace(namespace)
            .with_annotations(annotations.into_iter().collect::<StringMap<'_>>());
        let json = serde_json::to_vec(&review).unwrap();
        prop_assert_eq!(ImageReview::from_slice(&json).unwrap(), review);
    }

    #[test]
    fn any_images_get_a_well_formed_response(images in prop::collection::vec(any::<String>(), 0..9)) {
        let review = ImageReview::new(images);
        let verdict = decide(&NoLatestTag, &review.review());
        for language in [Language::English, Language::Chinese] {
            let answer = serde_json::to_vec(&ImageReviewResponse::new(&verdict, language)).unwrap();
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            prop_assert_eq!(&answer["status"]["allowed"], &json!(verdict.is_allowed()));
            prop_assert!(!answer["status"]["reason"].as_str().unwrap().is_empty());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>()) {
        let _ = ImageReview::from_slice(&bytes).map(|review| review.images().count());
    }
}
