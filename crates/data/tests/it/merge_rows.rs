//! Tables merged row by row, against a plain model of maps.

use std::{collections::BTreeMap, sync::Arc};

use lineal_core::NoProgress;
use lineal_data::{
    Error, Level, Repository, Resolve, RowMerge,
    arrow::{
        array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch},
        datatypes::Int64Type,
    },
};
use proptest::prelude::*;

use crate::support::{World, ana};

/// Rows by key: two cells, of which one may be null.
type Rows = BTreeMap<i64, (i64, Option<i64>)>;

fn batch(rows: &Rows) -> RecordBatch {
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("id", Arc::new(Int64Array::from_iter_values(rows.keys().copied())), false),
        ("one", Arc::new(Int64Array::from_iter_values(rows.values().map(|row| row.0))), false),
        ("two", Arc::new(rows.values().map(|row| row.1).collect::<Int64Array>()), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

async fn read(repository: &Repository, revision: &str) -> Rows {
    let mut rows = Rows::new();
    for batch in repository.at(revision).await.unwrap().read_table("t").await.unwrap() {
        let column = |at: usize| batch.column(at).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let two = (!column(2).is_null(row)).then(|| column(2).value(row));
            rows.insert(column(0).value(row), (column(1).value(row), two));
        }
    }
    rows
}

async fn set(repository: &Repository, branch: &str, rows: &Rows) {
    match repository.commit(branch).put_table("t", &[batch(rows)]).commit(&ana()).await {
        Ok(_) | Err(Error::Unchanged { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// What a merge makes of the rows, with `ours` where both sides changed one, and the keys of those.
fn model(base: &Rows, ours: &Rows, theirs: &Rows) -> (Rows, Vec<i64>) {
    let (mut merged, mut conflicts) = (ours.clone(), Vec::new());
    for key in base.keys().chain(theirs.keys()) {
        let (before, own, other) = (base.get(key), ours.get(key), theirs.get(key));
        if other == before || own == other {
            continue;
        }
        if own != before {
            conflicts.push(*key);
            continue;
        }
        match other {
            Some(row) => merged.insert(*key, *row),
            None => merged.remove(key),
        };
    }
    conflicts.sort_unstable();
    conflicts.dedup();
    (merged, conflicts)
}

async fn check(base: &Rows, ours: &Rows, theirs: &Rows) {
    let (world, ana) = (World::memory().await, ana());
    let repository = &world.repository;
    set(repository, "main", base).await;
    repository.create_branch("side", "main", &ana).await.unwrap();
    set(repository, "main", ours).await;
    set(repository, "side", theirs).await;
    let (expected, conflicts) = model(base, ours, theirs);
    let merge = |by: RowMerge| repository.merge("main", "side").resolve(Resolve::Rows(by)).commit(&ana);
    match merge(RowMerge::by(&["id"])).await {
        Ok(_) | Err(Error::Unchanged { .. }) => assert!(conflicts.is_empty(), "{conflicts:?} passed"),
        Err(Error::Conflicts { conflicts: found, .. }) => {
            let rows = found[0].rows.as_ref().unwrap();
            assert_eq!(rows.num_columns(), 1, "only the key");
            let mut keys = rows.column(0).as_primitive::<Int64Type>().values().to_vec();
            keys.sort_unstable();
            assert_eq!(keys, conflicts);
            merge(RowMerge::by(&["id"]).keep_ours()).await.unwrap();
        }
        Err(error) => panic!("{error}"),
    }
    assert_eq!(read(repository, "main").await, expected);
    assert!(repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
}

fn rows() -> impl Strategy<Value = Rows> {
    prop::collection::btree_map(0..12_i64, (0..3_i64, prop::option::of(0..2_i64)), 0..10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn rows_are_merged_as_maps_are(base in rows(), ours in rows(), theirs in rows()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            check(&base, &ours, &theirs).await;
            // Nothing on one side, the same on both, and the sides the other way round.
            check(&base, &ours, &base).await;
            check(&base, &ours, &ours).await;
            check(&base, &theirs, &ours).await;
        });
    }
}

#[tokio::test]
async fn what_is_no_table_of_one_schema_stays_in_conflict() {
    let world = World::memory().await;
    let repository = &world.repository;
    let rows = Rows::from([(1, (1, None))]);
    set(repository, "main", &rows).await;
    repository.commit("main").put("notes", "a").commit(&ana()).await.unwrap();
    repository.create_branch("side", "main", &ana()).await.unwrap();
    let other = batch(&rows).project(&[0]).unwrap();
    repository.commit("side").put_table("t", &[other]).put("notes", "b").commit(&ana()).await.unwrap();
    set(repository, "main", &Rows::from([(1, (2, None))])).await;
    repository.commit("main").put("notes", "c").commit(&ana()).await.unwrap();
    let by_id = Resolve::Rows(RowMerge::by(&["id"]).keep_theirs());
    let Err(Error::Conflicts { conflicts, .. }) = repository.merge("main", "side").resolve(by_id).commit(&ana()).await
    else {
        panic!("neither can be merged by rows")
    };
    assert_eq!(conflicts.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["notes", "t"]);
    let unknown = Resolve::Rows(RowMerge::by(&["nothing"]));
    set(repository, "side", &Rows::from([(1, (3, None))])).await;
    let refused = repository.merge("main", "side").resolve(unknown).commit(&ana()).await.unwrap_err();
    assert!(matches!(refused, Error::NoSuchColumn { .. }), "{refused}");
}
