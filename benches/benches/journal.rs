//! Journal appends without a disk: what the protocol itself costs.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;
use lineal_core::{Actor, Journal, Stamp, State, Store, Txn};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Count {
    events: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Noted {
    note: String,
}

impl State for Count {
    type Event = Noted;
    const KIND: &'static str = "bench.count";

    fn apply(&mut self, _: &Noted, _: &Stamp) {
        self.events += 1;
    }
}

fn append(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let mut group = criterion.benchmark_group("core/journal-append-memory");
    for appenders in [1_u64, 64] {
        let store = Store::open("memory:///").expect("memory opens");
        let journal = runtime
            .block_on(Journal::<Count>::builder(&store, &format!("bench/{appenders}")).open())
            .expect("the journal opens");
        let txn = Txn::by(Actor::new("bench").expect("a valid name"));
        group.throughput(Throughput::Elements(appenders));
        group.bench_function(BenchmarkId::from_parameter(appenders), |bencher| {
            bencher.iter(|| {
                let appends = (0..appenders)
                    .map(|_| journal.transact(&txn, |_| Ok::<_, ()>(vec![Noted { note: "x".repeat(64) }])));
                runtime.block_on(join_all(appends))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, append);
criterion_main!(benches);
