//! A whole review: the bytes of an `ImageReview` in, the bytes of the answer out.

use std::borrow::Cow;

use imagereview_core::{ImageReview, ImageReviewResponse, Language, NoLatestTag, decide};
use serde::Deserialize;

use crate::references::corpus;

/// An `ImageReview` as the API server sends it, of so many containers with pinned images, all of
/// which the built-in policy allows.
#[must_use]
pub fn allowed(containers: usize) -> Vec<u8> {
    let pinned = |text: &&str| {
        let reference = imagereview_core::ImageRef::parse(text);
        reference.is_ok_and(|image| image.pulled_tag() != Some("latest"))
    };
    let corpus: Vec<&str> = corpus().into_iter().filter(pinned).collect();
    // Begins in the middle of the corpus, so that three containers are not three short names.
    let images = corpus.iter().cycle().skip(corpus.len() / 2);
    document(images.take(containers).copied())
}

/// The same, with `nginx` in place of the first image.
#[must_use]
pub fn denied(containers: usize) -> Vec<u8> {
    let corpus = corpus();
    let images = ["nginx"]
        .into_iter()
        .chain(corpus.into_iter().cycle().skip(1));
    document(images.take(containers))
}

/// Three containers that the built-in policy, `examples/policies/trusted-registries.yaml` and every
/// server that is compared with ours approve.
#[must_use]
pub fn allowed_by_all() -> Vec<u8> {
    document(
        [
            "registry.example.com/shop/checkout:v3.18.0",
            "shared.example.org:5000/team/worker:2026.11.3",
            "docker.io/library/nginx:1.27.3-alpine",
        ]
        .into_iter(),
    )
}

fn document(images: impl Iterator<Item = &'static str>) -> Vec<u8> {
    let containers: Vec<String> = images
        .map(|image| format!(r#"{{"image":"{image}"}}"#))
        .collect();
    format!(
        r#"{{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1","metadata":{{"creationTimestamp":null}},"spec":{{"containers":[{}],"namespace":"default"}},"status":{{"allowed":false}}}}"#,
        containers.join(",")
    )
    .into_bytes()
}

/// The whole review with the built-in policy.
///
/// # Panics
///
/// If the bytes are no `ImageReview`.
#[must_use]
pub fn answer(bytes: &[u8]) -> Cow<'static, [u8]> {
    let question = ImageReview::from_slice(bytes).expect("the bench made it");
    let verdict = decide(&NoLatestTag, &question.review());
    ImageReviewResponse::new(&verdict, Language::English).to_json()
}

/// What serde's derive makes of the same document: the least that reading it can cost with
/// `serde_json`. It decides nothing and lets pass what could be read in two ways.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only reading it is measured")]
pub struct PlainReview<'a> {
    api_version: &'a str,
    kind: &'a str,
    #[serde(borrow)]
    spec: PlainSpec<'a>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only reading it is measured")]
struct PlainSpec<'a> {
    #[serde(borrow)]
    containers: Vec<PlainContainer<'a>>,
    namespace: &'a str,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only reading it is measured")]
struct PlainContainer<'a> {
    image: &'a str,
}

/// Reads the document into borrowed structs with `serde_json`, and does nothing more.
///
/// # Panics
///
/// If the bytes are no such document.
#[must_use]
pub fn read_plainly(bytes: &[u8]) -> PlainReview<'_> {
    serde_json::from_slice(bytes).expect("the bench made it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_allow_is_allowed_by_the_example_policy_too() {
        let text = include_str!("../../examples/policies/trusted-registries.yaml");
        let policy = crate::policies::compile(text).unwrap();
        let bytes = allowed_by_all();
        let question = ImageReview::from_slice(&bytes).unwrap();
        let review = question.review();
        assert_eq!(review.images().len(), 3);
        assert!(decide(&policy, &review).is_allowed());
        assert!(decide(&NoLatestTag, &review).is_allowed());
    }

    #[test]
    fn the_documents_are_what_they_say() {
        for containers in [1, 3, 20, 200] {
            for (bytes, is_allowed) in [(allowed(containers), true), (denied(containers), false)] {
                assert_eq!(read_plainly(&bytes).spec.containers.len(), containers);
                let answer: serde_json::Value = serde_json::from_slice(&answer(&bytes)).unwrap();
                assert_eq!(
                    answer["status"]["allowed"], is_allowed,
                    "{containers}: {answer}"
                );
            }
        }
    }
}
