//! A whole review, bytes to bytes, beside `serde_json` that only reads the same bytes.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use imagereview_benches::reviews::{allowed, answer, denied, read_plainly};

fn review(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("review");
    for containers in [1, 3, 20, 200] {
        let bytes = allowed(containers);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_with_input(
            BenchmarkId::new("allowed", containers),
            &bytes,
            |b, bytes| {
                b.iter(|| answer(black_box(bytes)));
            },
        );
        group.bench_with_input(
            BenchmarkId::new("serde_json", containers),
            &bytes,
            |b, bytes| {
                b.iter(|| read_plainly(black_box(bytes)));
            },
        );
        group.bench_with_input(
            BenchmarkId::new("denied", containers),
            &denied(containers),
            |b, bytes| b.iter(|| answer(black_box(bytes))),
        );
    }
    group.finish();
}

criterion_group!(benches, review);
criterion_main!(benches);
