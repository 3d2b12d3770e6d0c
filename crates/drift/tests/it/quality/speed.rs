//! Values per second, to be run by hand: `cargo test --release -p lineal-drift --test it quality::speed -- --ignored --nocapture`.

use std::sync::Arc;

use lineal_drift::arrow::array::{ArrayRef, Float64Array, RecordBatch};
use lineal_drift::quality::{CheckSettings, Comparison, Constraint, Constraints, InferSettings, Rule};

use super::data::{dictionary, integers, millis, texts};
use crate::generators::{batch, floats};

const ROWS: usize = 16_000_000;

fn report(what: &str, values: usize, mut run: impl FnMut()) {
    // The clock ticks every few milliseconds.
    let (started, mut runs) = (cpu_seconds(), 0);
    while cpu_seconds() - started < 1.0 {
        run();
        runs += 1;
    }
    let each = (cpu_seconds() - started) / f64::from(runs);
    println!("{what:<40} {:>8.0} M values/s", values as f64 / each / 1e6);
}

/// Seconds that this thread has run, so that others on the machine do not count: Linux only.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn rule_over(what: &str, rule: Rule, table: &RecordBatch) {
    let constraints = Constraints::default().with(Constraint::new("c", rule));
    let settings = CheckSettings::default();
    report(what, table.num_rows(), || {
        assert_eq!(constraints.check(std::slice::from_ref(table), &settings).unwrap().results.len(), 1);
    });
}

#[test]
#[ignore = "a measurement"]
fn values_per_second_of_one_core() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(measure);
}

fn measure() {
    let noise = |at: usize| (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11;
    let unit = move |at: usize| noise(at) as f64 / (1_u64 << 53) as f64;
    let x = || floats((0..ROWS).map(unit));
    let with_nulls: ArrayRef = Arc::new((0..ROWS).map(|at| (at % 10 > 0).then(|| unit(at))).collect::<Float64Array>());
    let table = batch([
        ("x", x()),
        ("y", floats((0..ROWS).map(|at| unit(at) + 1.0))),
        ("nulls", with_nulls),
        ("i", integers((0..ROWS).map(|at| (noise(at) % 1000) as i64))),
        ("id", integers((0..ROWS).map(|at| at as i64))),
        ("at", millis((0..ROWS).map(|at| at as i64))),
        ("w", texts((0..ROWS).map(|at| ["UA", "AA", "DL", "WN"][at % 4]))),
        ("d", dictionary((0..ROWS).map(|at| Some(["UA", "AA", "DL", "WN"][at % 4])))),
    ]);
    rule_over("f64 range", Rule::between("x", 0.0, 1.0), &table);
    rule_over("f64 range, 1% violate it", Rule::between("x", 0.0, 0.99), &table);
    rule_over("f64 range, a tenth null", Rule::between("nulls", 0.0, 1.0), &table);
    rule_over("f64 range, a tenth null, 0 outside", Rule::between("nulls", 1e-9, 1.0), &table);
    rule_over("f64 not null", Rule::not_null("x"), &table);
    rule_over("f64 not null, a tenth is", Rule::not_null("nulls"), &table);
    rule_over("i64 range", Rule::between("i", 0, 1000), &table);
    rule_over("i64 one of 3", Rule::none_of("i", [1000, 1001, 1002]), &table);
    rule_over("time range", Rule::at_least("at", "1970-01-01"), &table);
    rule_over("time increasing", Rule::strictly_increasing("at"), &table);
    rule_over("f64 <= f64", Rule::compare("x", Comparison::LessOrEqual, "y"), &table);
    rule_over("i64 <= f64", Rule::compare("i", Comparison::LessOrEqual, "x"), &table);
    rule_over("text one of 4", Rule::one_of("w", ["UA", "AA", "DL", "WN"]), &table);
    rule_over("dictionary one of 4", Rule::one_of("d", ["UA", "AA", "DL", "WN"]), &table);
    rule_over("text length", Rule::length("w", 2..=2), &table);
    #[cfg(feature = "regex")]
    rule_over("text pattern", Rule::pattern("w", "[A-Z]{2}"), &table);
    rule_over("text constant, violated", Rule::constant("w"), &table);
    let few = table.slice(0, 4_000_000);
    rule_over("i64 unique, 4 million", Rule::unique(["id"]), &few);
    rule_over("i64 and text unique, 4 million", Rule::unique(["id", "w"]), &few);
    let million = table.slice(0, 1_000_000);
    report("infer, 8 columns", 8_000_000, || {
        assert!(Constraints::infer(std::slice::from_ref(&million), &InferSettings::default()).is_ok());
    });
}
