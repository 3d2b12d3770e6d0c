//! The text of a scrape. Read by hand with prometheus_client 0.26's OpenMetrics parser: same names, labels and values.

use lineal_drift::monitor::{
    Monitor, MonitorReference, ReferenceSettings, ThresholdRule, Value, Windows, write_openmetrics,
};

use super::quick;
use crate::generators::{batch, floats, words};

#[test]
fn the_text_keeps_its_layout() {
    let numbers = floats((0..400).map(f64::from));
    let labels = words((0..400).map(|i| Some(["a", "b"][i % 2])));
    let data = batch([("plain", numbers), ("odd \"name\"\n\\", labels)]);
    let reference = MonitorReference::build(std::slice::from_ref(&data), &ReferenceSettings::default()).unwrap();
    let settings = quick().with_threshold(ThresholdRule::fixed(0.25)).with_missing(ThresholdRule::fixed(0.25));
    let mut monitor = Monitor::new(reference.clone(), Windows::of_chunks(), settings.clone()).unwrap();
    let recorder = monitor.recorder();
    recorder.record_batch(&data.slice(0, 200)).unwrap();
    (0..100).for_each(|_| drop(recorder.record(&[Value::Missing, Value::Label("new")])));
    assert!(recorder.record(&[]).is_err());
    monitor.close().unwrap();
    let fresh = Monitor::new(reference, Windows::of_chunks(), settings).unwrap();
    let mut text = String::new();
    write_openmetrics([("late\"15", &monitor), ("fresh", &fresh)], &mut text).unwrap();
    insta::assert_snapshot!(text);
}
