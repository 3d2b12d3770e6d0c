//! Holds one actual value against one expected value, and counts.

use std::path::PathBuf;

use serde_json::Value;

use crate::recipe::number;

/// What the crate answered: a number, or that there is none (a typed error, or `None`).
pub(crate) type Answer = Option<f64>;

/// How close is equal.
#[derive(Clone, Copy)]
pub(crate) enum Tolerance {
    /// Statistics and distances: relative, or absolute 1e-12.
    Value(f64),
    /// Where the oracle itself is no better.
    Absolute(f64),
    /// P-values: relative 1e-6, below 1e-12 the logarithms to 1e-3.
    P,
}

/// Collects disagreements of one case, so that one run shows all of them.
#[derive(Default)]
pub(crate) struct Checks {
    pub(crate) case: String,
    pub(crate) compared: usize,
    pub(crate) wrong: Vec<String>,
    /// The largest error so far, in units of what is tolerated.
    pub(crate) largest: f64,
    /// What a case with an empty side gives is undefined, whatever the oracle makes of it.
    pub(crate) has_empty_side: bool,
}

impl Checks {
    pub(crate) fn new(case: &Value) -> Self {
        Self { case: case["id"].as_str().unwrap().to_owned(), ..Self::default() }
    }

    /// Compares. Where the oracle has no number (`null`) or refuses (`{"error"}`), ours refuses, too, or has a number of its own that is
    /// documented; never NaN.
    pub(crate) fn check(&mut self, field: &str, actual: Answer, expected: &Value, tolerance: Tolerance) {
        if expected.is_null() || expected["error"].is_string() {
            return self.undefined(field, actual);
        }
        self.compared += 1;
        if let Some(actual) = actual.filter(|_| expected.is_number()) {
            self.largest = self.largest.max(error(actual, number(expected), tolerance));
        }
        let equal = match actual.filter(|v| !v.is_nan()) {
            None => expected == "inf" || expected == "-inf",
            Some(actual) => close(actual, number(expected), tolerance),
        };
        if !equal {
            self.fail(&format!("{field}: {actual:?} instead of {expected}"));
        }
    }

    pub(crate) fn fail(&mut self, what: &str) {
        self.wrong.push(format!("{}: {what}", self.case));
    }

    /// Fails on a field that nothing is compared with.
    pub(crate) fn unknown(&mut self, field: &str) {
        self.fail(&format!("unknown field {field}"));
    }

    /// The oracle has no number; ours may refuse, or have one that is finite.
    pub(crate) fn undefined(&mut self, field: &str, actual: Answer) {
        self.compared += 1;
        if actual.is_some_and(f64::is_nan) {
            self.fail(&format!("{field} is NaN"));
        }
    }
}

/// Returns whether two numbers agree within a tolerance.
pub(crate) fn close(actual: f64, expected: f64, tolerance: Tolerance) -> bool {
    error(actual, expected, tolerance) <= 1.0
}

/// Returns the error in units of what is tolerated.
fn error(actual: f64, expected: f64, tolerance: Tolerance) -> f64 {
    if actual == expected {
        return 0.0;
    }
    let off = (actual - expected).abs();
    match tolerance {
        Tolerance::Value(relative) => off / (relative * expected.abs()).max(1e-12),
        Tolerance::Absolute(most) => off / most,
        Tolerance::P if expected >= 1e-12 => off / (1e-6 * expected),
        Tolerance::P if expected > 0.0 => (actual.ln() - expected.ln()).abs() / 1e-3,
        Tolerance::P => actual / 1e-300,
    }
}

/// Reads the cases of a fixture; a file of that name in the folder `LINEAL_DRIFT_REFERENCE` replaces the bundled one.
pub(crate) fn cases(file: &str) -> Vec<Value> {
    fixture(file)["cases"].as_array().unwrap().clone()
}

/// Returns the path of a file of the fixtures; one of that name in the folder `LINEAL_DRIFT_REFERENCE` replaces the bundled one.
pub(crate) fn path_of(file: &str) -> PathBuf {
    let bundled = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file);
    let other = std::env::var_os("LINEAL_DRIFT_REFERENCE").map(|folder| PathBuf::from(folder).join(file));
    other.filter(|path| path.exists()).unwrap_or(bundled)
}

/// Reads a whole fixture, as [`cases`] does.
pub(crate) fn fixture(file: &str) -> Value {
    let path = path_of(file);
    println!("reading {}", path.display());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Prints the count and fails with every disagreement; a run that compared next to nothing fails too.
pub(crate) fn conclude(file: &str, results: Vec<Checks>, at_least_per_case: usize) {
    let compared: usize = results.iter().map(|r| r.compared).sum();
    let cases = results.len();
    let largest = results.iter().map(|r| r.largest).fold(0.0, f64::max);
    let wrong: Vec<String> = results.into_iter().flat_map(|r| r.wrong).collect();
    println!(
        "{file}: {cases} cases, {compared} values compared, {} differ, largest error {largest:.1e} of what is tolerated",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases > 0 && compared >= cases * at_least_per_case, "only {compared} values compared");
}
