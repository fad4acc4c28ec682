//! What is allocated, counted exactly; in a binary of its own, since the counter is the global
//! allocator.

use allocation_counter::measure;
use imagereview_core::{ImageRef, ImageReview, ImageReviewAnswer, Language, NoLatestTag, decide};
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
    let mut answer = Vec::new();
    let allocations = measure(|| {
        let question = ImageReview::from_slice(question.as_bytes()).unwrap();
        let verdict = decide(&NoLatestTag, &question.review());
        answer = serde_json::to_vec(&ImageReviewAnswer::new(&verdict, Language::English)).unwrap();
    });
    assert!(answer.ends_with(br#""status":{"allowed":true,"reason":"image check passed"}}"#));
    allocations.count_total
}

/// The list of containers, the images of the review and the answer are one allocation each. JSON
/// does not tell how long a list is, so that of the containers doubles from four.
#[test]
fn an_allowed_image_allocates_nothing_of_its_own() {
    for (images, lists_answer_and_doublings) in [
        (0, 2),
        (1, 3),
        (4, 3),
        (5, 3 + 1),
        (8, 3 + 1),
        (20, 3 + 3),
        (200, 3 + 6),
        (2_000, 3 + 9),
    ] {
        assert_eq!(
            allocations_of_a_review(images),
            lists_answer_and_doublings,
            "{images} images"
        );
    }
}
