use std::sync::Arc;

use lineal_core::ErrorKind;
use lineal_data::{
    CommitHook, Error, Proposal, Refusal, SchemaContract, SizeLimit, StatisticsContract,
    arrow::{
        array::{Float64Array, Int64Array, RecordBatch, StringArray},
        datatypes::{DataType, Field, Schema},
    },
};

use crate::support::{World, ana, flights};

#[tokio::test]
async fn a_contract_lets_only_good_tables_pass() {
    let world = World::memory().await;
    let contract = SchemaContract::new("clean/", &flights(0, 0).schema()).unwrap();
    let repository = world.repository.with_hook(Arc::new(contract));
    let main = || repository.commit("main");
    main().put_table("clean/01", &[flights(0, 9)]).put("notes", "x").commit(&ana()).await.unwrap();

    let missing = RecordBatch::try_from_iter([("flight", Arc::new(Int64Array::from(vec![1])) as _)]).unwrap();
    let retyped = RecordBatch::try_from_iter_with_nullable([
        ("flight", Arc::new(Int64Array::from(vec![1])) as _, false),
        ("delay", Arc::new(StringArray::from(vec!["late"])) as _, true),
    ])
    .unwrap();
    for bad in [missing, retyped] {
        let bad = [bad];
        let refused = main().put_table("clean/02", &bad).commit(&ana()).await.unwrap_err();
        assert!(matches!(refused, Error::Refused { .. }) && refused.kind() == ErrorKind::Denied);
        main().put_table("raw/02", &bad).commit(&ana()).await.unwrap();
    }
    let bytes = main().put("clean/03", "not a table").commit(&ana()).await;
    assert!(matches!(bytes, Err(Error::Refused { .. })));

    let wider = RecordBatch::try_new(
        Arc::new(Schema::new(vec![
            Field::new("carrier", DataType::Utf8, true),
            Field::new("delay", DataType::Float64, false),
            Field::new("flight", DataType::Int64, false),
        ])),
        vec![
            Arc::new(StringArray::from(vec![None::<&str>])),
            Arc::new(Float64Array::from(vec![1.0])),
            Arc::new(Int64Array::from(vec![1])),
        ],
    )
    .unwrap();
    main().put_table("clean/02", &[wider]).commit(&ana()).await.unwrap();
    main().remove("clean/01").commit(&ana()).await.unwrap();
}

/// Wants a message of everybody.
#[derive(Debug)]
struct WantsMessage;

impl CommitHook for WantsMessage {
    fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal> {
        match proposal.message {
            "" => Err(Refusal::new("message", format!("{} changes without a word", proposal.changes.len()))),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_refused_commit_leaves_no_trace() {
    let world = World::memory().await;
    let repository = world.another().await.with_hook(Arc::new(WantsMessage));
    let refused = repository.commit("main").put("a", "1").commit(&ana()).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }));
    assert!(world.repository.branches().await.unwrap().is_empty());
    repository.commit("main").put("a", "1").message("why not").commit(&ana()).await.unwrap();
}

#[tokio::test]
async fn sizes_and_statistics_are_guarded() {
    let world = World::memory().await;
    let limit = SizeLimit::default().of_file(100_000).of_commit(150_000);
    let contract = StatisticsContract::new("t/").rows_at_least(5).nulls_at_most("delay", 0.5).within("flight", 0, 99);
    let repository = world.repository.with_hook(Arc::new(limit)).with_hook(Arc::new(contract));
    let main = || repository.commit("main");
    main().put_table("t/1", &[flights(0, 9)]).put("a", vec![1; 100_000]).commit(&ana()).await.unwrap();

    let table = |flight: Vec<i64>, delay: Vec<Option<f64>>| {
        let (flight, delay) = (Arc::new(Int64Array::from(flight)) as _, Arc::new(Float64Array::from(delay)) as _);
        RecordBatch::try_from_iter_with_nullable([("flight", flight, false), ("delay", delay, true)]).unwrap()
    };
    let refused = [
        (main().put("a", vec![2; 100_001]), "a: it has 100001 bytes, at most 100000 are allowed"),
        (main().put("a", vec![2; 90_000]).put("b", vec![3; 90_000]), "180000 bytes in one commit"),
        (main().put_table("t/2", &[flights(0, 4)]), "t/2: it has 4 rows, at least 5 are demanded"),
        (main().append_table("t/1", &[flights(90, 101)]), "values from 0 to 100, 0 to 99 are allowed"),
        (main().put_table("t/2", &[table(vec![1; 6], vec![None; 6])]), "100.0 % of column \"delay\" are null"),
        (main().put_table("t/2", &[flights(0, 9).project(&[1]).unwrap()]), "column \"flight\" is missing"),
    ];
    for (draft, why) in refused {
        let error = draft.commit(&ana()).await.unwrap_err();
        let Error::Refused { source, .. } = &error else { panic!("{error:?}") };
        assert!(source.to_string().contains(why), "{source} instead of {why}");
    }
    main()
        .append_table("t/1", &[flights(9, 99)])
        .put_table("other", &[flights(500, 501)])
        .commit(&ana())
        .await
        .unwrap();
}
