//! SHA-256 of memory: the floor under everything content addressed.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lineal_core::Digest;

fn hash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core/sha256");
    for size in [64_usize, 4 << 10, 256 << 10, 8 << 20] {
        let bytes: Vec<u8> = (0..size).map(|at| (at as u8).wrapping_mul(31)).collect();
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &bytes, |bencher, bytes| {
            bencher.iter(|| Digest::of(bytes));
        });
    }
    group.finish();
}

criterion_group!(benches, hash);
criterion_main!(benches);
