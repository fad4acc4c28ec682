//! A whole admission review, bytes to bytes, beside `kube-core`'s types that only read the same
//! bytes, and beside the `ImageReview` of the same pod.
//!
//! The documents are those of `imagereview-core/tests/data/admission`, without white space, as the
//! API server sends them.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use imagereview_core::{
    AdmissionResponse, AdmissionReview, ImageReview, ImageReviewResponse, Language, NoLatestTag,
    decide,
    facts::Facts,
    mutation::{MirrorRule, Mirrors, Mutations},
};
use k8s_openapi::api::core::v1::Pod;
use kube_core::{DynamicObject, admission};
use serde::de::IgnoredAny;

const POD_CREATE: &str =
    include_str!("../../imagereview-core/tests/data/admission/pod-create.json");
const POD_UPDATE: &str =
    include_str!("../../imagereview-core/tests/data/admission/pod-ephemeralcontainers.json");

/// The document without the white space between its tokens.
fn compact(pretty: &str) -> Vec<u8> {
    let mut in_string = false;
    let mut escaped = false;
    let is_kept = |c: &char| {
        let was_in_string = in_string;
        in_string = in_string != (*c == '"' && !escaped);
        escaped = was_in_string && *c == '\\' && !escaped;
        was_in_string || !c.is_ascii_whitespace()
    };
    pretty
        .chars()
        .filter(is_kept)
        .collect::<String>()
        .into_bytes()
}

fn answer(bytes: &[u8]) -> Vec<u8> {
    let question = AdmissionReview::from_slice(bytes).expect("it is a sample");
    let verdict = decide(&NoLatestTag, &question.review());
    serde_json::to_vec(&AdmissionResponse::new(
        &question,
        &verdict,
        Language::English,
    ))
    .expect("it is written to memory")
}

fn answer_with_patch(mutations: &Mutations, bytes: &[u8]) -> Vec<u8> {
    let mut question = AdmissionReview::from_slice(bytes).expect("it is a sample");
    let patch = mutations.apply(&mut question, &Facts::new());
    let verdict = decide(&NoLatestTag, &question.review());
    let answer = AdmissionResponse::new(&question, &verdict, Language::English).with_patch(&patch);
    serde_json::to_vec(&answer).expect("it is written to memory")
}

/// What the API server sends of the same pod to an `ImagePolicyWebhook`.
fn image_review(bytes: &[u8]) -> Vec<u8> {
    let question = AdmissionReview::from_slice(bytes).expect("it is a sample");
    let review = question.review();
    let images = review.images().iter();
    let images = images.map(|image| image.reference().as_written());
    let question = ImageReview::new(images).with_namespace("shop");
    serde_json::to_vec(&question).expect("it is written to memory")
}

fn answer_image_review(bytes: &[u8]) -> Vec<u8> {
    let question = ImageReview::from_slice(bytes).expect("it was just made");
    let verdict = decide(&NoLatestTag, &question.review());
    serde_json::to_vec(&ImageReviewResponse::new(&verdict, Language::English))
        .expect("it is written to memory")
}

fn admission(criterion: &mut Criterion) {
    let mirror = MirrorRule::new("docker.io/**", "mirror.example.com/hub/**").expect("it is valid");
    let mutations = Mutations::new().with_rewrite(Mirrors::new([mirror]).expect("it applies"));
    let mut group = criterion.benchmark_group("admission");
    for (name, pretty) in [("pod-create", POD_CREATE), ("pod-update", POD_UPDATE)] {
        let bytes = compact(pretty);
        let bytes = bytes.as_slice();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let id = |contender| BenchmarkId::new(contender, name);
        group.bench_function(id("whole review"), |b| b.iter(|| answer(black_box(bytes))));
        group.bench_function(id("whole review with a patch"), |b| {
            b.iter(|| answer_with_patch(&mutations, black_box(bytes)));
        });
        group.bench_function(id("our types, read"), |b| {
            b.iter(|| AdmissionReview::from_slice(black_box(bytes)).expect("it is a sample"));
        });
        group.bench_function(id("kube-core and a Pod, read"), |b| {
            b.iter(|| {
                serde_json::from_slice::<admission::AdmissionReview<Pod>>(black_box(bytes))
                    .expect("it is a sample")
            });
        });
        group.bench_function(id("kube-core and any object, read"), |b| {
            b.iter(|| {
                serde_json::from_slice::<admission::AdmissionReview<DynamicObject>>(black_box(
                    bytes,
                ))
                .expect("it is a sample")
            });
        });
        // The least that any reader with serde_json costs.
        group.bench_function(id("serde_json, pass over"), |b| {
            b.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(bytes)).expect("it is JSON"));
        });
        let image_review = image_review(bytes);
        group.bench_function(id("ImageReview of the same pod"), |b| {
            b.iter(|| answer_image_review(black_box(&image_review)));
        });
    }
    group.finish();
}

criterion_group!(benches, admission);
criterion_main!(benches);
