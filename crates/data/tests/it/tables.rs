use std::sync::Arc;

use futures::TryStreamExt;
use lineal_core::ErrorKind;
use lineal_data::{
    Error, Evolution, EvolutionRules, Predicate, Repository, Resolve, RowMerge, Scan,
    arrow::{
        array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch},
        buffer::OffsetBuffer,
        compute::concat_batches,
        datatypes::{DataType, Field, Float64Type, Int64Type},
    },
};

use crate::support::{World, ana, changes, flights};

#[tokio::test]
async fn a_table_grows_by_appending() {
    let world = World::memory().await;
    let main = || world.repository.commit("main");
    main().append_table("t.parquet", &[flights(0, 10_000)]).commit(&ana()).await.unwrap();
    let more = [flights(10_000, 10_500), flights(10_500, 12_000)];
    main().append_table("t.parquet", &more).commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    assert_eq!(version.file("t.parquet").await.unwrap().rows(), Some(12_000));
    let read = version.read_table("t.parquet").await.unwrap();
    assert_eq!(concat_batches(&read[0].schema(), &read).unwrap(), flights(0, 12_000));
    let changes = changes(&world.repository, "main~1", "main").await;
    assert_eq!(changes[0].rows_added(), Some(2000));
    assert_eq!(version.data_ref_of("t.parquet").await.unwrap().rows, Some(12_000));

    main().put_table("whole.parquet", &[flights(0, 12_000)]).commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    let (grown, whole) = (version.file("t.parquet").await.unwrap(), version.file("whole.parquet").await.unwrap());
    assert_eq!(grown.digest, whole.digest, "equal rows are equal bytes");
}

#[tokio::test]
async fn columns_can_be_read_alone() {
    let world = World::memory().await;
    world.repository.commit("main").put_table("t", &[flights(0, 10)]).commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    let delays = version.read_table_with("t", &["delay"]).await.unwrap();
    assert_eq!(delays[0].num_columns(), 1);
    assert_eq!(delays[0].column_by_name("delay"), flights(0, 10).column_by_name("delay"));
    let missing = version.read_table_with("t", &["dealy"]).await.unwrap_err();
    assert!(matches!(missing, Error::NoSuchColumn { .. }));
    let columns = version.schema("t").await.unwrap();
    assert_eq!(columns.columns()[1].data_type, "float64");
}

#[tokio::test]
async fn a_table_without_rows_keeps_its_schema() {
    let world = World::memory().await;
    let main = || world.repository.commit("main");
    main().put_table("t", &[flights(0, 0)]).commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    let read = version.read_table("t").await.unwrap();
    assert_eq!((read.len(), read[0].num_rows(), read[0].schema()), (1, 0, flights(0, 0).schema()));
    let nothing = main().put_table("t", &[]).commit(&ana()).await.unwrap_err();
    assert!(matches!(nothing, Error::Invalid { .. }));
    main().append_table("t", &[flights(0, 3)]).commit(&ana()).await.unwrap();
    assert_eq!(world.repository.at("main").await.unwrap().file("t").await.unwrap().rows(), Some(3));
}

#[tokio::test]
async fn batches_of_another_schema_are_refused() {
    let world = World::memory().await;
    let main = || world.repository.commit("main");
    main().put_table("t", &[flights(0, 3)]).put("plain", "x").commit(&ana()).await.unwrap();
    let narrow = RecordBatch::try_from_iter([("flight", Arc::new(Int32Array::from(vec![1])) as _)]).unwrap();
    for draft in [
        main().append_table("t", std::slice::from_ref(&narrow)),
        main().put_table("u", &[flights(0, 1), narrow.clone()]),
        main().append_table("plain", &[flights(0, 1)]),
    ] {
        let refused = draft.commit(&ana()).await.unwrap_err();
        assert!(matches!(refused, Error::Schema { .. }) && refused.kind() == ErrorKind::Invalid, "{refused}");
    }
    // Put, not append: a table may be replaced by another one.
    main().put_table("t", &[narrow]).commit(&ana()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_parquet_is_not_a_table() {
    let world = World::memory().await;
    world.put("t", "not parquet").await;
    let version = world.repository.at("main").await.unwrap();
    assert!(matches!(version.read_table("t").await, Err(Error::NotATable { .. })));
    assert!(matches!(version.schema("t").await, Err(Error::Invalid { .. })));
    assert!(matches!(version.read_table("none").await, Err(Error::NoSuchPath { .. })));
}

#[tokio::test]
async fn edits_of_one_commit_apply_in_order() {
    let world = World::memory().await;
    let main = || world.repository.commit("main");
    let draft = main().put_table("t", &[flights(0, 3)]).append_table("t", &[flights(3, 5)]);
    draft
        .append_table("t", &[flights(5, 6)])
        .put_table("u", &[flights(0, 1)])
        .remove("u")
        .commit(&ana())
        .await
        .unwrap();
    let version = world.repository.at("main").await.unwrap();
    assert_eq!(version.file("t").await.unwrap().rows(), Some(6));
    assert!(version.file("u").await.is_err());
}

#[tokio::test]
async fn rows_are_updated_and_deleted_by_key() {
    let world = World::memory().await;
    let main = || world.repository.commit("main");
    main().update_rows("t", &["flight"], &[flights(0, 100)]).commit(&ana()).await.unwrap();
    let late = RecordBatch::try_new(
        flights(0, 1).schema(),
        vec![Arc::new(Int64Array::from(vec![200, 7])), Arc::new(Float64Array::from(vec![None, Some(99.0)]))],
    );
    main().update_rows("t", &["flight"], &[late.unwrap()]).commit(&ana()).await.unwrap();
    let gone = flights(10, 50).project(&[0]).unwrap();
    main().delete_rows("t", &gone).append_table("t", &[flights(201, 202)]).commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    let read = version.read_table("t").await.unwrap();
    let read = concat_batches(&read[0].schema(), &read).unwrap();
    assert_eq!((read.num_rows(), version.file("t").await.unwrap().rows()), (62, Some(62)));
    let ids: Vec<i64> = read.column(0).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(ids, (0..10).chain(50..100).chain([200, 201]).collect::<Vec<_>>());
    assert_eq!(read.column(1).as_primitive::<Float64Type>().value(7), 99.0);

    let missing = main().delete_rows("none", &gone).commit(&ana()).await.unwrap_err();
    assert!(matches!(missing, Error::NoSuchPath { .. }));
    let same = main().delete_rows("t", &gone).commit(&ana()).await.unwrap_err();
    assert!(matches!(same, Error::Unchanged { .. }), "{same}");
    let twice = main().update_rows("t", &["flight"], &[flights(1, 2), flights(1, 2)]).commit(&ana()).await.unwrap_err();
    assert!(matches!(twice, Error::DuplicateKey { place: "update", .. }) && twice.kind() == ErrorKind::Invalid);
}

#[tokio::test]
async fn statistics_are_known_without_reading() {
    let world = World::memory().await;
    let main = || world.repository.commit("main");
    main().put_table("t", &[flights(0, 1000)]).put("plain", "x").commit(&ana()).await.unwrap();
    let old = world.repository.at("main").await.unwrap().statistics("t").await.unwrap();
    let delay = old.column("delay").unwrap();
    assert_eq!((old.rows, delay.nulls, &delay.min, &delay.max), (1000, 200, &Some(0.25.into()), &Some(249.75.into())));
    assert!((700..=800).contains(&delay.distinct), "{}", delay.distinct);
    main().append_table("t", &[flights(1000, 1001)]).commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    let changed = old.diff(&version.statistics("t").await.unwrap());
    let new = |at: usize| changed[at].new.clone().unwrap();
    assert_eq!((new(0).max, new(1).nulls), (Some(1000.into()), 201));
    assert!(matches!(version.statistics("plain").await, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn two_versions_differ_in_rows_by_key() {
    let world = World::memory().await;
    let main = || world.repository.commit("main");
    main().put_table("t", &[flights(0, 100)]).put("plain", "x").commit(&ana()).await.unwrap();
    main().update_rows("t", &["flight"], &[flights(100, 101)]).commit(&ana()).await.unwrap();
    main().delete_rows("t", &flights(3, 5).project(&[0]).unwrap()).commit(&ana()).await.unwrap();
    let (old, new) = (world.repository.at("main~2").await.unwrap(), world.repository.at("main").await.unwrap());
    let diff = old.diff_rows("t", &new, &["flight"]).await.unwrap();
    assert_eq!((diff.added, diff.removed, diff.changed_new.num_rows()), (flights(100, 101), flights(3, 5), 0));
    assert!(old.diff_rows("t", &old, &["flight"]).await.unwrap().is_empty());
    let renamed = Evolution::default().with_name("flight", "number").with_name("delay", "late");
    main().evolve_table("t", &renamed).commit(&ana()).await.unwrap();
    let named = world.repository.at("main").await.unwrap();
    let diff = new.diff_rows("t", &named, &["number"]).await.unwrap();
    assert!(diff.is_empty() && diff.rows_read == 0 && diff.changed_cells.num_columns() == 2);
    assert!(matches!(named.diff_rows("t", &new, &["number"]).await, Err(Error::NoSuchColumn { .. })));
    assert!(matches!(old.diff_rows("plain", &new, &["flight"]).await, Err(Error::NotATable { .. })));
    assert!(matches!(old.diff_rows("t", &new, &[]).await, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn rows_are_scanned_and_sampled() {
    let world = World::memory().await;
    let main = || world.repository.commit("main");
    main().put_table("t", &[flights(0, 20_000)]).put("plain", "x").commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    let scan = Scan::default().with_columns(&["delay"]).with_predicate(Predicate::at_least("flight", 19_990));
    let late: Vec<RecordBatch> = version.scan("t", &scan).await.unwrap().try_collect().await.unwrap();
    assert_eq!(late, [flights(19_990, 20_000).project(&[1]).unwrap()]);
    // The same rows of a file that is known as nothing but bytes.
    main().put("bytes", version.read("t").await.unwrap()).commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    let same: Vec<RecordBatch> = version.scan("bytes", &scan).await.unwrap().try_collect().await.unwrap();
    assert_eq!(same, late);
    assert!(matches!(version.scan("plain", &scan).await.err(), Some(Error::NotATable { .. })));

    let some = version.sample("t", 50, 7).await.unwrap();
    assert_eq!((some.num_rows(), &some), (50, &version.sample("bytes", 50, 7).await.unwrap()));
    assert_ne!(some, version.sample("t", 50, 8).await.unwrap());
    let ids: Vec<i64> = some.column(0).as_primitive::<Int64Type>().values().to_vec();
    assert!(ids.is_sorted() && ids.iter().any(|id| *id > 10_000));
    assert_eq!(version.sample("t", 30_000, 7).await.unwrap(), flights(0, 20_000));
}

#[tokio::test]
async fn columns_are_added_widened_and_renamed() {
    let world = World::memory().await;
    let main = || world.repository.commit("main");
    main().put_table("t", &[flights(0, 100)]).put("plain", "x").commit(&ana()).await.unwrap();
    let short = main().put_table("s", &[int32("n", &[1, 2])]).commit(&ana()).await.unwrap();
    let evolution = Evolution::default().with_name("delay", "late").with_column("gate", DataType::Utf8);
    let wide = Evolution::default().with_type("n", DataType::Int64);
    let gone = flights(3, 5).project(&[0]).unwrap();
    main().evolve_table("t", &evolution).delete_rows("t", &gone).evolve_table("s", &wide).commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    let schema = version.schema("t").await.unwrap();
    let late = schema.column("late").unwrap();
    assert_eq!((late.identity(), schema.columns().len()), ("delay", 3));
    let read = version.read_table("t").await.unwrap();
    let left = concat_batches(flights(0, 1).schema_ref(), &[flights(0, 3), flights(5, 100)]).unwrap();
    assert_eq!((read[0].num_rows(), read[0].column(1)), (98, left.column(1)));
    assert_eq!((read[0].schema().field(2).name().as_str(), read[0].column(2).null_count()), ("gate", 98));
    assert_eq!(version.read_table("s").await.unwrap()[0].column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
    assert_eq!(version.statistics("t").await.unwrap().column("gate").unwrap().nulls, 98);
    // Rows of the new schema fit, of the old one not; a column stays what it was.
    main().append_table("t", &[read[0].slice(0, 1)]).commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    assert_eq!(version.schema("t").await.unwrap(), schema);
    let old = main().append_table("t", &[flights(0, 1)]).commit(&ana()).await.unwrap_err();
    assert!(matches!(old, Error::Schema { .. }));
    let before = world.repository.at(&short.id().to_string()).await.unwrap().schema("t").await.unwrap();
    assert_eq!(before.diff(&schema).len(), 2);

    let narrow = Evolution::default().with_type("n", DataType::Int32);
    for (path, evolution) in [("s", &narrow), ("t", &Evolution::default().with_column("late", DataType::Int8))] {
        let refused = main().evolve_table(path, evolution).commit(&ana()).await.unwrap_err();
        assert!(matches!(refused, Error::Evolution { .. }) && refused.kind() == ErrorKind::Invalid);
    }
    let missing = main().evolve_table("none", &narrow).commit(&ana()).await.unwrap_err();
    assert!(matches!(missing, Error::NoSuchPath { .. }));
    assert!(matches!(main().evolve_table("plain", &narrow).commit(&ana()).await, Err(Error::Schema { .. })));
}

#[tokio::test]
async fn rules_of_evolution_hold_for_tables_that_are_replaced() {
    let world = World::memory().await;
    let guarded = Repository::open(&world.store, "flights", world.blobs.clone()).await.unwrap();
    let guarded = guarded.with_hook(Arc::new(EvolutionRules::new("guarded/")));
    let main = || guarded.commit("main");
    let tables = [("guarded/t", flights(0, 3)), ("free", flights(0, 3))];
    tables
        .iter()
        .fold(main(), |draft, (path, rows)| draft.put_table(path, std::slice::from_ref(rows)))
        .commit(&ana())
        .await
        .unwrap();
    let narrow = int32("flight", &[1]);
    main().put_table("free", std::slice::from_ref(&narrow)).commit(&ana()).await.unwrap();
    for draft in [main().put_table("guarded/t", &[narrow]), main().put("guarded/t", "bytes")] {
        let refused = draft.commit(&ana()).await.unwrap_err();
        assert!(matches!(refused, Error::Refused { .. }), "{refused}");
    }
    let evolution = Evolution::default().with_name("flight", "number").with_column("gate", DataType::Utf8);
    main().evolve_table("guarded/t", &evolution).commit(&ana()).await.unwrap();
    main().remove("guarded/t").commit(&ana()).await.unwrap();
}

fn int32(name: &str, values: &[i32]) -> RecordBatch {
    RecordBatch::try_from_iter([(name, Arc::new(Int32Array::from(values.to_vec())) as _)]).unwrap()
}

/// Without rows it is so small that its bytes lie in the tree.
#[tokio::test]
async fn a_table_without_rows_is_begun_and_grows() {
    let world = World::memory().await;
    let column = |values: Vec<bool>| {
        let column: ArrayRef = Arc::new(BooleanArray::from(values));
        RecordBatch::try_from_iter([("b", column)]).unwrap()
    };
    let main = || world.repository.commit("main");
    main().put_table("t", &[column(vec![])]).commit(&ana()).await.unwrap();
    main().append_table("t", &[column(vec![true])]).commit(&ana()).await.unwrap();
    let read = world.repository.at("main").await.unwrap().read_table("t").await.unwrap();
    assert_eq!(read, [column(vec![true])]);
}

/// Other programs call the items of a list otherwise; their values count all the same.
#[tokio::test]
async fn lists_whose_items_have_other_names_are_compared_and_merged() {
    let world = World::memory().await;
    let lists = |item: &str, changed: Option<i64>| {
        let values = Int64Array::from_iter_values((0..20).map(|at| if changed == Some(at) { -1 } else { at }));
        let item = Arc::new(Field::new(item, DataType::Int64, true));
        let offsets = OffsetBuffer::from_lengths([1; 20]);
        let list: ArrayRef = Arc::new(ListArray::new(item, offsets, Arc::new(values), None));
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..20));
        RecordBatch::try_from_iter([("id", ids), ("list", list)]).unwrap()
    };
    let (repository, ana) = (&world.repository, ana());
    repository.commit("main").put_table("t", &[lists("item", None)]).commit(&ana).await.unwrap();
    repository.create_branch("side", "main", &ana).await.unwrap();
    repository.commit("side").put_table("t", &[lists("element", Some(3))]).commit(&ana).await.unwrap();
    let (old, new) = (repository.at("main").await.unwrap(), repository.at("side").await.unwrap());
    let diff = old.diff_rows("t", &new, &["id"]).await.unwrap();
    assert_eq!(diff.changed_columns(), [("list", 1)]);
    repository.commit("main").put_table("t", &[lists("item", Some(7))]).commit(&ana).await.unwrap();
    let by_id = Resolve::Rows(RowMerge::by(&["id"]));
    match repository.merge("main", "side").resolve(by_id).commit(&ana).await {
        Ok(_) => {
            let merged = repository.at("main").await.unwrap();
            assert_eq!(old.diff_rows("t", &merged, &["id"]).await.unwrap().changed_new.num_rows(), 2);
        }
        Err(error) => assert!(matches!(error, Error::Conflicts { .. } | Error::NotATable { .. }), "{error:?}"),
    }
}

#[tokio::test]
async fn values_are_compared_across_a_column_that_was_widened() {
    let world = World::memory().await;
    let column = |values: &[i32]| {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..values.len() as i64));
        let values: ArrayRef = Arc::new(Int32Array::from(values.to_vec()));
        RecordBatch::try_from_iter([("id", ids), ("n", values)]).unwrap()
    };
    let main = || world.repository.commit("main");
    main().put_table("t", &[column(&[1, 2, 3])]).commit(&ana()).await.unwrap();
    let wide = Evolution::default().with_type("n", DataType::Int64);
    main().update_rows("t", &["id"], &[column(&[1, 5])]).evolve_table("t", &wide).commit(&ana()).await.unwrap();
    let (old, new) = (world.repository.at("main~1").await.unwrap(), world.repository.at("main").await.unwrap());
    for (old, new) in [(&old, &new), (&new, &old)] {
        let diff = old.diff_rows("t", new, &["id"]).await.unwrap();
        assert_eq!((diff.changed_new.num_rows(), diff.changed_columns()), (1, vec![("n", 1)]));
    }
}
