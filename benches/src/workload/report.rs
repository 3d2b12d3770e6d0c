use serde_json::{Map, Value, json};

use crate::meter::Reading;

/// Prints one step as a JSON line: `system`, `workload`, `step`, `wall_s`, `cpu_s`, `peak_rss_mb`, then `more`.
pub(crate) fn line(workload: &str, step: &str, reading: &Reading, more: Value) {
    let mut line = Map::new();
    let fixed = json!({
        "system": "lineal",
        "workload": workload,
        "step": step,
        "wall_s": round(reading.wall.as_secs_f64()),
        "cpu_s": round(reading.cpu.as_secs_f64()),
        "peak_rss_mb": round(reading.peak_rss_mb),
    });
    for part in [fixed, more] {
        if let Value::Object(part) = part {
            line.extend(part);
        }
    }
    println!("{}", Value::Object(line));
}

/// Keeps six significant decimals: more than any of these measurements has.
pub(crate) fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Renders an error with its causes.
pub(crate) fn text(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
