//! Policies of 1 to 10,000 patterns: what it takes to compile one, and what it asks for each image.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use imagereview_benches::policies::{KINDS, compile, review, violations};

fn policy(criterion: &mut Criterion) {
    let review = review();
    for kind in KINDS {
        let mut group = criterion.benchmark_group(kind.name);
        for patterns in [1, 10, 1_000, 10_000] {
            let document = kind.document(patterns);
            let Ok(policy) = compile(&document) else {
                panic!("{document}");
            };
            group.throughput(Throughput::Elements(review.images().len() as u64));
            group.bench_function(BenchmarkId::new("decide", patterns), |b| {
                b.iter(|| violations(black_box(&policy), &review));
            });
            group.throughput(Throughput::Elements(patterns as u64));
            group.sample_size(10);
            group.bench_function(BenchmarkId::new("compile", patterns), |b| {
                b.iter(|| compile(black_box(&document)));
            });
            group.sample_size(100);
        }
        group.finish();
    }
}

criterion_group!(benches, policy);
criterion_main!(benches);
