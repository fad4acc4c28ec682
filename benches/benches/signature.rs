//! One signature of each kind, verified with a trust that was read before. Nothing is cached.
//!
//! The evidence is that of the tests of `imagereview-signature`: what cosign, notation's library and public instances of
//! Sigstore have made.

use std::{hint::black_box, time::SystemTime};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use imagereview_core::facts::{ContentDigest, Evidence, Format, NotationLevel, TimeProof, Trust};
use imagereview_signature::Verifier;
use serde_json::Value;

const COSIGN: &str = include_str!("../../imagereview-signature/tests/data/cosign-3.1.3.json");
const NOTATION: &str =
    include_str!("../../imagereview-signature/tests/data/notation-core-go-1.3.0.json");
const ROOT: &str =
    include_str!("../../imagereview-signature/tests/data/sigstore/public-good-root.json");
const REKOR_1: &str = include_str!("../../imagereview-signature/tests/data/sigstore/rekor-1.json");

/// What is verified, with what.
struct Case {
    name: String,
    trust: Trust,
    evidence: Evidence,
    image: ContentDigest,
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn cases() -> Vec<Case> {
    let cosign: Vec<Value> = serde_json::from_str(COSIGN).expect("JSON");
    let notation: Vec<Value> = serde_json::from_str(NOTATION).expect("JSON");
    let keyed = cosign
        .iter()
        .filter(|case| case["key"] != "P-521" && case["key"] != "Ed25519");
    let keyed = keyed.map(|case| Case {
        name: format!("{}, {}", text(&case["key"]), text(&case["way"])),
        trust: Trust::key(text(&case["public"]), None),
        evidence: serde_json::from_value(case["evidence"][0].clone()).expect("evidence"),
        image: ContentDigest::parse(text(&case["image"])).expect("a digest"),
    });
    let notation = notation.iter().filter(|case| case["key"] != "P-521");
    let notation = notation.map(|case| Case {
        name: text(&case["name"]).to_owned(),
        trust: Trust::notation(text(&case["roots"]), None, None, NotationLevel::Strict),
        evidence: serde_json::from_value(case["evidence"].clone()).expect("evidence"),
        image: ContentDigest::parse(text(&case["image"])).expect("a digest"),
    });
    let time = TimeProof {
        trusted_root: ROOT.into(),
        log: true,
        timestamp: false,
    };
    let keyless = Case {
        name: "keyless, Rekor 1".to_owned(),
        trust: Trust::keyless(time, true),
        evidence: Evidence::new(
            "application/vnd.dev.sigstore.bundle.v0.3+json",
            REKOR_1.as_bytes(),
        ),
        // That of the package in the statement.
        image: ContentDigest::parse(
            "sha256:54303491a8418fbed24344b513546182c29b43bf282ceb433af65e2299f9271f",
        )
        .expect("a digest"),
    };
    keyed.chain(notation).chain([keyless]).collect()
}

fn verify(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for case in cases() {
        let verifier = Verifier::new(&case.trust).expect("usable");
        let format = Format::of_media_type(&case.evidence.media_type).expect("a signature");
        let now = SystemTime::now();
        group.bench_function(BenchmarkId::from_parameter(&case.name), |bencher| {
            bencher.iter(|| {
                verifier
                    .verify(format, black_box(&case.evidence), &case.image, now)
                    .expect("it is signed")
            });
        });
    }
    group.finish();
}

/// Reading what is trusted, which is done once for each change of a policy.
fn trust(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("trust");
    for case in cases()
        .into_iter()
        .filter(|case| ["P-256, bundle", "keyless, Rekor 1"].contains(&&*case.name))
    {
        group.bench_function(BenchmarkId::from_parameter(&case.name), |bencher| {
            bencher.iter(|| Verifier::new(black_box(&case.trust)).expect("usable"));
        });
    }
    group.finish();
}

criterion_group!(benches, verify, trust);
criterion_main!(benches);
