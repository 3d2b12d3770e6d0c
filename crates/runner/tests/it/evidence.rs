use lineal_core::{CodeRef, DataRef, Digest, EnvRef, EvidenceKind, Name, RunId, Subject};
use lineal_runner::{Error, Provenance, ProvenanceClaim};

use crate::support::{Named, RUN, actor, memory, named, open, walk, walking};

fn provenance(commit: &str) -> Provenance {
    let code = CodeRef {
        repository: Some("https://example.org/late15".into()),
        commit: commit.repeat(40),
        dirty: false,
        diff: None,
    };
    let env = EnvRef::new("rustc 1.95.0", "linux", "x86_64");
    Provenance::new(env).with_code(code).with_diff("+ one line\n").with_lock("# Cargo.lock\n")
}

fn data() -> DataRef {
    DataRef {
        repository: Name::new("flights").unwrap(),
        commit: Digest::of(b"january"),
        path: Some("2013/01.parquet".into()),
        rows: Some(27_004),
    }
}

#[tokio::test]
async fn provenance_is_stored_with_what_it_names() {
    let experiment = open(&memory()).await;
    walk(&experiment).provenance(provenance("a")).execute(&actor(), walking(None)).await.unwrap();
    let read = experiment.provenance(RUN).await.unwrap().unwrap();
    assert_eq!(read.code, provenance("a").code);
    assert_eq!(read.env, provenance("a").env);
    assert_eq!(read.code.unwrap().diff, Some(Digest::of(b"+ one line\n")));
    // Record, difference, lock file, 4 checkpoints, model (equal to the last of them), segments.
    let verified = experiment.verify(&lineal_core::NoProgress).await.unwrap();
    let segments = experiment.get(RUN).await.unwrap().attempts[0].segments.len() as u64;
    assert_eq!(verified.blobs, 3 + 4 + segments);
}

#[tokio::test]
async fn statements_have_the_shape_that_a_registry_reads() {
    let experiment = open(&memory()).await;
    let run = || walk(&experiment).provenance(provenance("a")).input(data());
    run().execute(&actor(), walking(Some(6))).await.unwrap_err();
    run().execute(&actor(), walking(None)).await.unwrap();
    let manifest = Subject::new("late15", Digest::of(b"manifest"));
    let statements = experiment.statements(RUN, &actor(), &[manifest]).await.unwrap();
    assert_eq!(statements.metrics.kind(), EvidenceKind::Metrics);
    assert_eq!(statements.provenance.kind(), EvidenceKind::Provenance);
    let loss = experiment.get(RUN).await.unwrap().metrics["loss"].last;
    assert_eq!(statements.metrics.predicate["metrics"]["loss"], loss.to_string());
    assert_eq!(statements.metrics.predicate["metrics"]["odd"], "NaN");
    assert_eq!(statements.metrics.predicate["run"]["experiment"], "late15");
    let names: Vec<&str> = statements.provenance.subjects.iter().map(|subject| subject.name.as_str()).collect();
    assert_eq!(names, ["late15", "model"]);
    let claim: ProvenanceClaim = statements.provenance.predicate_as().unwrap();
    assert_eq!(claim.run_details.attempts.len(), 2);
    let predicate = serde_json::to_string_pretty(&statements.provenance.predicate).unwrap();
    insta::assert_snapshot!(predicate);
    // Both can be written canonically, so both can be signed.
    statements.provenance.to_bytes().unwrap();
    statements.metrics.to_bytes().unwrap();
}

#[tokio::test]
async fn a_statement_needs_a_subject() {
    let experiment = open(&memory()).await;
    let run = experiment.run("empty").execute(&actor(), |_| Ok::<_, Error>(())).await.unwrap().run.run;
    let refused = experiment.statements(run, &actor(), &[]).await;
    assert!(matches!(refused, Err(Error::NoSubject { .. })));
    let stated = experiment.statements(run, &actor(), &[Subject::new("x", Digest::of(b"x"))]).await.unwrap();
    assert_eq!(stated.metrics.predicate["metrics"], serde_json::json!({}));
}

#[tokio::test]
async fn a_comparison_names_what_differs_and_nothing_else() {
    let experiment = open(&memory()).await;
    let (one, two, three) = (RUN, RunId::from_bytes([8; 16]), RunId::from_bytes([9; 16]));
    walk(&experiment).provenance(provenance("a")).input(data()).execute(&actor(), walking(None)).await.unwrap();
    let same = walk(&experiment).with_id(two).provenance(provenance("a")).input(data());
    same.execute(&actor(), walking(None)).await.unwrap();
    assert!(experiment.compare(&[one, two]).await.unwrap().is_same());

    let params = [("rate", 0.2), ("extra", 1.0)].map(named).into_iter().collect::<Named>();
    let other = walk(&experiment).with_id(three).params(&params).provenance(provenance("b"));
    other.execute(&actor(), walking(None)).await.unwrap();
    let compared = experiment.compare(&[one, two, three]).await.unwrap();
    assert_eq!(compared.params.keys().collect::<Vec<_>>(), ["extra", "rate"]);
    assert_eq!(compared.params["extra"].iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(compared.metrics.keys().collect::<Vec<_>>(), ["loss"]);
    assert_eq!(compared.inputs.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!(compared.code.len(), 3);
    assert!(compared.env.is_empty() && compared.seeds.is_empty() && compared.outputs.contains_key("model"));
}
