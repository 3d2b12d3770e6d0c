//! What is saved keeps its layout, and is checked when it is read.

use lineal_drift::Error;
use lineal_drift::monitor::{Monitor, MonitorReference, MonitorState, PaneCounts, ReferenceSettings, Value, Windows};
use serde_json::{Value as Json, json};

use super::{Rows, quick, reference};
use crate::generators::{batch, optional, words};

fn small_reference() -> MonitorReference {
    let rows = [Some(0.1), Some(0.2), None, Some(0.3), Some(0.3), Some(0.3)];
    let labels = ["b", "a", "b", "b", "a", "c"].map(Some);
    let batch = batch([("x", optional(rows)), ("y", words(labels))]);
    let settings = ReferenceSettings::default().with_bins(3).with_max_labels(2).with_chunk_rows(3);
    MonitorReference::build(&[batch], &settings).unwrap()
}

fn small_state() -> MonitorState {
    let mut monitor = Monitor::new(small_reference(), Windows::of_chunks().with_sliding(2), quick()).unwrap();
    monitor.recorder().record(&[Value::Number(0.15), Value::Label("new")]).unwrap();
    monitor.close().unwrap();
    monitor.recorder().record(&[Value::Number(f64::INFINITY), Value::Label("a")]).unwrap();
    monitor.state()
}

#[test]
fn layouts_are_pinned() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&small_reference()).unwrap());
    insta::assert_snapshot!(serde_json::to_string_pretty(&small_state()).unwrap());
}

#[test]
fn a_reference_reads_back_to_the_bit() {
    for reference in [reference(), small_reference()] {
        let read: MonitorReference = serde_json::from_str(&serde_json::to_string(&reference).unwrap()).unwrap();
        assert_eq!(read, reference);
        assert_eq!(read.digest(), reference.digest());
    }
}

/// Changes one place of a document.
fn changed(document: &Json, path: &str, value: Json) -> Json {
    let mut changed = document.clone();
    *changed.pointer_mut(path).unwrap_or_else(|| panic!("no {path}")) = value;
    changed
}

#[test]
fn a_reference_with_nonsense_is_refused() {
    let good = serde_json::to_value(small_reference()).unwrap();
    for (path, value) in [
        ("/version", json!(2)),
        ("/rows", json!(7)),
        ("/features/0/bins/edges/0", json!("NaN")),
        ("/features/0/bins/edges/0", json!("1e300")),
        ("/features/0/bins/edges", json!([])),
        ("/features/0/bins/edges", json!((0..65).map(|edge| edge.to_string()).collect::<Vec<_>>())),
        ("/features/0/counts", json!([])),
        ("/features/0/counts/0", json!(u64::MAX)),
        ("/features/0/missing", json!(u64::MAX)),
        ("/features/1/bins/labels/labels/0", json!("z")),
        ("/features/1/bins/labels/singletons", json!(u64::MAX)),
        ("/features/1/name", json!("x")),
        ("/features/1", json!({"surprise": 1})),
    ] {
        assert!(serde_json::from_value::<MonitorReference>(changed(&good, path, value)).is_err(), "{path}");
    }
    assert!(serde_json::from_value::<MonitorReference>(good).is_ok());
}

#[test]
fn a_state_with_nonsense_is_refused() {
    let good = serde_json::to_value(small_state()).unwrap();
    let windows = || Windows::of_chunks().with_sliding(2);
    let restore = |state: &MonitorState| Monitor::restore(small_reference(), windows(), quick(), state).map(drop);
    for (path, value) in [
        ("/version", json!(2)),
        ("/reference", json!("0".repeat(64))),
        ("/windows/panes_per_window", json!(3)),
        ("/floor", json!(0)),
        ("/floor", json!(u64::MAX)),
        ("/tickets", json!(1)),
        ("/open/0/pane", json!(0)),
        ("/open/0/pane", json!(u64::MAX)),
        ("/open/0/version", json!(0)),
        ("/open/0/counts/cells", json!([])),
        ("/open/0/counts/cells/0", json!(u64::MAX)),
        ("/open/0/counts/rows", json!(2)),
        ("/open/0/counts/new_labels", json!({"0": ["a"]})),
        ("/open/0/counts/new_labels", json!({"7": ["a"]})),
        ("/open/0/counts/new_labels", json!({"1": [("a".repeat(65))]})),
        ("/open/0/counts/new_labels", json!({"1": (0..17).map(|i| i.to_string()).collect::<Vec<_>>()})),
        ("/ended", json!([good["ended"][0], good["ended"][0]])),
        ("/ended/0/pane", json!(9)),
        ("/alarms", json!([])),
    ] {
        let state: MonitorState =
            serde_json::from_value(changed(&good, path, value)).unwrap_or_else(|e| panic!("{path}: {e}"));
        let error = restore(&state).unwrap_err();
        assert!(matches!(error, Error::Saved { .. }), "{path}: {error}");
    }
    let state: MonitorState = serde_json::from_value(good.clone()).unwrap();
    assert!(restore(&state).is_ok());
    assert!(Monitor::restore(reference(), windows(), quick(), &state).is_err());
    assert!(Monitor::restore(small_reference(), Windows::of_chunks(), quick(), &state).is_err());
    let mut surprising = good;
    surprising["surprise"] = json!(1);
    assert!(serde_json::from_value::<MonitorState>(surprising).is_err());
}

#[test]
fn a_pane_of_another_reference_is_refused() {
    let mut other = Monitor::new(reference(), Windows::of_chunks(), quick()).unwrap();
    other.recorder().record_batch(&Rows::new(1, 10, 0.0).batch()).unwrap();
    let pane: PaneCounts = other.take().unwrap().remove(0);
    assert_eq!((pane.pane(), pane.rows()), (0, 10));
    let mut monitor = Monitor::new(small_reference(), Windows::of_chunks(), quick()).unwrap();
    let error = monitor.add(&pane).unwrap_err();
    insta::assert_snapshot!(error, @"the saved pane does not fit: it was counted by another reference");
}
