//! What is allocated, counted exactly; in a binary of its own, since the counter is the global
//! allocator.

use allocation_counter::measure;
use imagereview_core::{
    AdmissionReview, ImageRef, ImageReview, ImageReviewResponse, Language, NoLatestTag, decide,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    input: String,
}

#[test]
fn reading_a_reference_and_checking_its_tag_allocates_nothing() {
    let mut accepted = 0;
    for line in include_str!("data/references.jsonl").lines() {
        let Case { input } = serde_json::from_str(line).expect(line);
        let mut is_accepted = false;
        let allocations = measure(|| {
            if let Ok(image) = ImageRef::parse(&input) {
                is_accepted = true;
                std::hint::black_box(image.pulled_tag() == Some("latest"));
            }
        });
        if is_accepted {
            accepted += 1;
            assert_eq!(allocations.count_total, 0, "{input:?}");
        }
    }
    assert!(accepted > 200, "only {accepted} cases were accepted");
}

/// What a whole review of so many allowed images allocates, from bytes to bytes.
fn allocations_of_a_review(images: usize) -> u64 {
    let containers = [r#"{"image":"registry.example.com:5000/team/app:1.2"}"#].repeat(images);
    let containers = containers.join(",");
    let question = format!(
        r#"{{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","metadata":{{"creationTimestamp":null}},"spec":{{"containers":[{containers}],"namespace":"shop"}},"status":{{"allowed":false}}}}"#
    );
    let answer = |question: &[u8]| {
        let question = ImageReview::from_slice(question).unwrap();
        let verdict = decide(&NoLatestTag, &question.review());
        ImageReviewResponse::new(&verdict, Language::English).to_json()
    };
    // The bytes of an approval are made once in a process.
    let expected = answer(question.as_bytes());
    assert!(expected.ends_with(br#""status":{"allowed":true,"reason":"image check passed"}}"#));
    let allocations = measure(|| assert_eq!(answer(question.as_bytes()), expected));
    allocations.count_total
}

/// The list of containers and the images of the review are one allocation each. JSON does not tell
/// how long a list is, so that of the containers doubles from four.
#[test]
fn an_allowed_image_allocates_nothing_of_its_own() {
    for (images, lists_and_doublings) in [
        (0, 1),
        (1, 2),
        (4, 2),
        (5, 2 + 1),
        (8, 2 + 1),
        (20, 2 + 3),
        (200, 2 + 6),
        (2_000, 2 + 9),
    ] {
        assert_eq!(
            allocations_of_a_review(images),
            lists_and_doublings,
            "{images} images"
        );
    }
}

/// Lists and maps of entries that each take many times their bytes once they are kept.
#[test]
fn what_is_kept_of_very_many_entries_does_not_grow_with_them() {
    let [image_review, admission_review] = [
        r#"{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":"#,
        r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","object":{"apiVersion":"v1","kind":"Pod","#,
    ];
    let rows = [
        (image_review, r#"{"containers":["#, "{},", "{}]}}"),
        (
            image_review,
            r#"{"annotations":{"#,
            r##""#":"","##,
            r#""x":""}}}"#,
        ),
        (
            admission_review,
            r#""spec":{"containers":["#,
            "{},",
            "{}]}}}}",
        ),
        (
            admission_review,
            r#""spec":{"volumes":["#,
            r#"{"image":{}},"#,
            "{}]}}}}",
        ),
        (
            admission_review,
            r#""spec":{"imagePullSecrets":["#,
            "{},",
            "{}]}}}}",
        ),
        (
            admission_review,
            r#""items":["#,
            "{},",
            r#"{}],"spec":{}}}}"#,
        ),
        (
            admission_review,
            r#""spec":{},"metadata":{"labels":{"#,
            r##""#":"","##,
            r#""x":""}}}}}"#,
        ),
        (
            admission_review,
            r#""spec":{}},"userInfo":{"groups":["#,
            r#""","#,
            r#"""]}}}"#,
        ),
        (
            admission_review,
            r#""spec":{}},"oldObject":{"apiVersion":"v1","kind":"Pod","spec":{"containers":["#,
            "{},",
            "{}]}}}}",
        ),
    ];
    for (document, begin, entry, end) in rows {
        let most = |many: usize| {
            let entries: String = (0..many)
                .map(|key| entry.replace('#', &key.to_string()))
                .collect();
            let json = [document, begin, &entries, end].concat();
            let is_image_review = document == image_review;
            let allocations = measure(|| {
                if is_image_review {
                    let question = ImageReview::from_slice(json.as_bytes()).unwrap();
                    decide(&NoLatestTag, &question.review());
                } else {
                    let question = AdmissionReview::from_slice(json.as_bytes()).unwrap();
                    decide(&NoLatestTag, &question.review());
                }
            });
            allocations.bytes_max
        };
        // What is made once in a process.
        most(1);
        let (few, many) = (most(20_000), most(400_000));
        // As many images as the limit are decided, and each of them is a violation here.
        assert!(few < 16 << 20, "{begin}: {few} bytes");
        assert_eq!(many, few, "{begin}");
    }
}
