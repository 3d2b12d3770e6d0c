use std::sync::Arc;

use lineal_core::ErrorKind;
use lineal_data::{
    CommitHook, Error, Proposal, Refusal, SchemaContract,
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
