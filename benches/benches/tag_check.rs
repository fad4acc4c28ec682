//! The tag check beside other ways to do it.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use imagereview_benches::references::{
    BYTE_PASS, IMAGE_REF, OCI_SPEC, PEERS, SEARCHES, shuffled_corpus,
};

fn tag_check(criterion: &mut Criterion) {
    let corpus = shuffled_corpus();
    let mut group = criterion.benchmark_group("tag_check");
    group.throughput(Throughput::Elements(corpus.len() as u64));
    for contender in [BYTE_PASS, IMAGE_REF, OCI_SPEC]
        .into_iter()
        .chain(SEARCHES)
        .chain(PEERS)
    {
        group.bench_function(contender.name, |bencher| {
            bencher.iter(|| (contender.count_denied)(&corpus));
        });
    }
    group.finish();
}

criterion_group!(benches, tag_check);
criterion_main!(benches);
