//! Any bytes as an `ImageReview`: a typed error, or a well-formed answer about the images that
//! every other reader of JSON finds in them too.

#![no_main]

use imagereview_core::{ImageReview, ImageReviewResponse, Language, NoLatestTag, decide};
use imagereview_fuzz::verdict::check_own_reasons;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let streamed: Vec<_> = match std::str::from_utf8(bytes) {
        Ok(text) => ImageReview::stream(text).collect(),
        Err(_) => Vec::new(),
    };
    let question = match ImageReview::from_slice(bytes) {
        Ok(question) => question,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    match streamed.as_slice() {
        [Ok(streamed)] => assert_eq!(*streamed, question, "a stream of one is that one"),
        other => panic!("a stream of one is {other:?}"),
    }
    let images: Vec<&str> = question.images().collect();
    // A document that is nested too deeply for serde_json's tree is read by us all the same.
    if let Ok(document) = serde_json::from_slice::<Value>(bytes) {
        assert_eq!(images, read_as_go_does(&document));
    }

    let verdict = decide(&NoLatestTag, &question.review());
    let denied = images.iter().any(|image| !is_pinned(image));
    assert_eq!(verdict.is_allowed(), !denied, "{images:?}");
    check_own_reasons(&verdict);
    for language in [Language::English, Language::Chinese] {
        let answer = ImageReviewResponse::new(&verdict, language).to_json();
        let answer: Value = serde_json::from_slice(&answer).expect("the answer is JSON");
        let status = &answer["status"];
        assert_eq!(status["allowed"], Value::Bool(!denied));
        assert!(
            status["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty())
        );
    }

    let wire = serde_json::to_vec(&question).unwrap();
    assert_eq!(
        ImageReview::from_slice(&wire).unwrap(),
        question,
        "it survives the wire"
    );
});

/// What the built-in policy promises, said in another way.
fn is_pinned(image: &str) -> bool {
    let Ok(image) = imagereview_core::ImageRef::parse(image) else {
        return false;
    };
    match (image.digest(), image.tag()) {
        (Some(_), _) => true,
        (None, Some(tag)) => !tag.eq_ignore_ascii_case("latest"),
        (None, None) => false,
    }
}

/// The images that a reader finds which matches names without regard to case, as Go's
/// `encoding/json` does.
fn read_as_go_does(document: &Value) -> Vec<&str> {
    let containers = field(field(document, "spec"), "containers").as_array();
    containers
        .into_iter()
        .flatten()
        .map(|container| field(container, "image").as_str().unwrap_or_default())
        .collect()
}

fn field<'v>(object: &'v Value, name: &str) -> &'v Value {
    let fold = |key: &str| {
        key.replace('ſ', "s")
            .replace('\u{212a}', "k")
            .to_ascii_lowercase()
    };
    let mut fields = object
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| fold(key) == name)
        .map(|(_, value)| value);
    let found = fields.next().unwrap_or(&Value::Null);
    assert!(fields.next().is_none(), "two fields could be {name:?}");
    found
}
