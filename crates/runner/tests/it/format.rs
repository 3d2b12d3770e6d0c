//! Stored formats: the bytes of events, and an experiment written by the first release.

use std::{path::Path, sync::Arc};

use lineal_core::{
    Actor, DataRef, Digest, LooseBlobs, Name, NoProgress, RunId, Stamp, State, Store, Timestamp, TxnId, Wide,
    from_canonical, to_canonical,
};
use lineal_runner::{Cause, Experiment, Outcome, Params, RunEvent, Runs, Status, Summary};
use proptest::prelude::*;

use crate::support::{RUN, actor, curves, host, open, undisturbed, walk, walking};

fn events() -> Vec<RunEvent> {
    let (run, digest, attempt) = (RUN, Digest::of(b"blob"), 1);
    let summary = r#"{"count":2,"first_step":"0","last":"NaN","last_step":"18446744073709551615",
        "max":{"step":"0","value":"0.1"},"min":{"step":"0","value":"0.1"}}"#;
    let summary: Summary = serde_json::from_str(summary).unwrap();
    let params = serde_json::json!({"lr": 0.1, "layers": [64], "opt": "adam", "none": null, "on": true, "list": []});
    let data = DataRef { repository: Name::new("flights").unwrap(), commit: digest, path: None, rows: Some(3) };
    let resumed =
        format!(r#"{{"attempt":2,"from":{{"attempt":1,"step":"4"}},"kind":"attempt-resumed","run":"{run}"}}"#);
    vec![
        RunEvent::RunStarted {
            inputs: vec![data],
            name: Name::new("walk").unwrap(),
            params: Params::of(&params).unwrap(),
            run,
            seed: u64::MAX.into(),
        },
        RunEvent::AttemptStarted { attempt, provenance: Some(digest), run },
        serde_json::from_str(&resumed).unwrap(),
        RunEvent::SegmentSealed {
            attempt,
            digest,
            metrics: [("loss".to_owned(), summary)].into(),
            rows: 2,
            run,
            seq: 0,
            size_bytes: 4,
        },
        RunEvent::Checkpointed { attempt, digest, run, size_bytes: 4, step: Wide::from(4) },
        RunEvent::OutputAdded {
            attempt,
            digest,
            media_type: "text/plain".into(),
            name: "model".into(),
            run,
            size_bytes: 4,
        },
        RunEvent::AttemptEnded { attempt, outcome: Outcome::Completed {}, run },
        RunEvent::AttemptEnded { attempt, outcome: Outcome::Interrupted {}, run },
        RunEvent::AttemptEnded {
            attempt,
            outcome: Outcome::Failed { cause: Cause::Panic, message: "boom".into() },
            run,
        },
        RunEvent::RunFinished { run },
    ]
}

#[test]
fn the_bytes_of_every_event_are_pinned() {
    let lines: Vec<String> =
        events().iter().map(|event| String::from_utf8(to_canonical(event).unwrap()).unwrap()).collect();
    insta::assert_snapshot!(lines.join("\n"));
    for (line, event) in lines.iter().zip(events()) {
        assert_eq!(from_canonical::<RunEvent>(line.as_bytes()).unwrap(), event);
    }
}

#[test]
fn the_encoding_of_the_state_is_pinned() {
    let mut state = Runs::default();
    for (seq, event) in (0..).zip(events()) {
        state.apply(&event, &stamp(seq));
    }
    let text = String::from_utf8(to_canonical(&state).unwrap()).unwrap();
    insta::assert_snapshot!(text);
    assert_eq!(from_canonical::<Runs>(text.as_bytes()).unwrap(), state);
}

fn stamp(seq: u64) -> Stamp {
    let time = Timestamp::from_unix_secs(1_357_000_000 + seq as i64).unwrap();
    Stamp::new(seq, time, TxnId::from_bytes([1; 16]), Actor::new("ana@example.org").unwrap())
}

proptest! {
    /// Any events in any order, also ones that this crate never writes, give a state that survives its encoding.
    #[test]
    fn the_fold_is_total(picks in prop::collection::vec((0_usize..10, 0_u32..4, 0_u8..3), 0..40)) {
        let mut state = Runs::default();
        for (seq, (pick, number, id)) in (0..).zip(picks) {
            let mut event = serde_json::to_value(&events()[pick]).unwrap();
            if let Some(attempt) = event.get_mut("attempt") {
                *attempt = number.into();
            }
            event["run"] = RunId::from_bytes([id; 16]).to_string().into();
            state.apply(&serde_json::from_value(event).unwrap(), &stamp(seq));
            let bytes = to_canonical(&state).unwrap();
            prop_assert_eq!(&from_canonical::<Runs>(&bytes).unwrap(), &state);
        }
        for run in state.iter() {
            let _status = run.status();
            prop_assert!(run.newest_checkpoint().is_none_or(|(from, _)| (from.attempt as usize) <= run.attempts.len()));
        }
    }
}

/// Copies a stored experiment, so that opening it cannot change it.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn fixture() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v1")
}

#[tokio::test]
async fn an_experiment_of_the_first_release_is_read_and_continued() {
    let directory = tempfile::tempdir().unwrap();
    copy(&fixture(), directory.path());
    let store = Store::open(&format!("file://{}", directory.path().display())).unwrap().with_host(host());
    let experiment = open(&store).await;
    experiment.verify(&NoProgress).await.unwrap();
    let run = experiment.get(RUN).await.unwrap();
    assert_eq!((run.status(), run.attempts.len(), run.started_by.clone()), (Status::Failed, 1, actor()));
    assert_eq!(run.metrics["loss"].count, 13);
    let expected = undisturbed().await;
    let stored = curves(&experiment, RUN).await;
    assert_eq!(stored[0].1, expected[0].1[..13]);
    walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
    assert_eq!(curves(&experiment, RUN).await, expected);
}

/// Writes the fixture; run once, when the format was new: `cargo test -p lineal-runner --test it -- --ignored write`.
#[tokio::test]
#[ignore = "writes the stored fixture that later releases must read"]
async fn write_fixture() {
    std::fs::create_dir_all(fixture()).unwrap();
    assert!(std::fs::read_dir(fixture()).unwrap().next().is_none(), "never overwritten");
    let directory = object_store::local::LocalFileSystem::new_with_prefix(fixture()).unwrap().with_fsync(true);
    let store = Store::new(Arc::new(directory), "fixture").with_host(host());
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    let experiment = Experiment::open(&store, "late15", Arc::new(blobs)).await.unwrap();
    walk(&experiment).execute(&actor(), walking(Some(12))).await.unwrap_err();
}
