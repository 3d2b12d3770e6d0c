//! The cases `univariate` of `nannyml.json`: drift of single columns by chunks, with thresholds learnt from those of the reference.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{ArrayRef, RecordBatch};
use lineal_drift::{Band, Categories, Method, NannymlMeasure, PairedCounts, Sample, Score, arrow};
use serde_json::Value;

use crate::acs_data::Acs;
use crate::compare::{Checks, Tolerance};

/// The reference and the chunks of both periods, with the period of each.
struct Periods {
    reference: RecordBatch,
    chunks: Vec<(&'static str, RecordBatch)>,
}

impl Periods {
    fn read<'a>(data: &Path, columns: impl Iterator<Item = &'a str>, size: usize) -> Self {
        let Acs { reference, analysis } = Acs::read(data, columns);
        let mut chunks = Vec::new();
        for (period, rows) in [("reference", &reference), ("analysis", &analysis)] {
            let starts = (0..rows.num_rows()).step_by(size);
            chunks.extend(starts.map(|at| (period, rows.slice(at, size.min(rows.num_rows() - at)))));
        }
        Self { reference, chunks }
    }
}

pub(crate) fn compare(checks: &mut Checks, case: &Value, data: &Path) {
    let names = |kind: &str| case["params"][kind].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let size = usize::try_from(case["params"]["chunk_size"].as_u64().unwrap()).unwrap();
    let periods = Periods::read(data, names("numeric").chain(names("categorical")), size);
    let expected = case["expected"].as_array().unwrap();
    checks.check("chunks", Some(periods.chunks.len() as f64), &Value::from(expected.len()), Tolerance::Value(0.0));
    let mut scores: BTreeMap<(&str, &str), Vec<Score>> = BTreeMap::new();
    for (column, measures) in columns(&expected[0]) {
        let sides = periods.sides(column, names("numeric").any(|name| name == column));
        for measure in measures.as_object().unwrap().keys() {
            match method(measure) {
                Some(method) => drop(scores.insert((column, measure), sides.scores(method))),
                None => checks.unknown(measure),
            }
        }
    }
    for ((column, measure), scores) in &scores {
        compare_measure(checks, &periods, expected, (column, measure), scores);
    }
}

fn columns(chunk: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = chunk.as_object().unwrap().iter();
    fields.map(|(name, value)| (name.as_str(), value)).filter(|(name, _)| !["period", "index"].contains(name))
}

/// Holds one measure of one column against the values, thresholds and alerts of every chunk.
fn compare_measure(
    checks: &mut Checks,
    periods: &Periods,
    expected: &[Value],
    (column, measure): (&str, &str),
    scores: &[Score],
) {
    let of_reference = periods.chunks.iter().zip(scores).filter(|((period, _), _)| *period == "reference");
    let values: Vec<f64> = of_reference.map(|(_, score)| score.value).collect();
    let band = Band::learn(&values, 3.0).unwrap().upper_only();
    for (at, (chunk, score)) in expected.iter().zip(scores).enumerate() {
        for (field, wanted) in chunk[column][measure].as_object().unwrap() {
            let name = format!("{column} {measure} {field} of chunk {at}");
            let by_p = score.p_value.is_some();
            match field.as_str() {
                "value" => checks.check(&name, Some(score.value), wanted, Tolerance::Value(1e-9)),
                // What a p-value decides has no threshold there.
                "upper_threshold" if by_p && wanted.is_null() => {}
                "upper_threshold" => checks.check(&name, band.upper, wanted, Tolerance::Value(1e-9)),
                "lower_threshold" => checks.check(&name, band.lower, wanted, Tolerance::Value(1e-9)),
                // The reference never alerts there: drift is looked for in the analysis.
                "alert" if periods.chunks[at].0 == "reference" => {}
                "alert" => {
                    let alert = score.p_value.map_or_else(|| band.is_beyond(score.value), |p| p < 0.05);
                    checks.check(
                        &name,
                        Some(f64::from(alert)),
                        &Value::from(i32::from(*wanted == true)),
                        Tolerance::Value(0.0),
                    );
                }
                other => checks.unknown(other),
            }
        }
    }
}

fn method(measure: &str) -> Option<Method> {
    serde_json::from_value::<NannymlMeasure>(measure.into()).ok().map(Method::Nannyml)
}

/// A column of the reference, and of every chunk.
enum Sides {
    Numbers(Sample, Vec<Sample>),
    Labels(Vec<PairedCounts>),
}

impl Sides {
    fn scores(&self, method: Method) -> Vec<Score> {
        match self {
            Self::Numbers(reference, chunks) => {
                chunks.iter().map(|chunk| method.score(reference, chunk).unwrap()).collect()
            }
            Self::Labels(chunks) => chunks.iter().map(|counts| method.score_counts(counts).unwrap()).collect(),
        }
    }
}

impl Periods {
    fn sides(&self, column: &str, is_number: bool) -> Sides {
        let array = |rows: &RecordBatch| ArrayRef::clone(rows.column_by_name(column).unwrap());
        let chunks = self.chunks.iter().map(|(_, chunk)| array(chunk));
        if is_number {
            let sample = |array: ArrayRef| Sample::from_array(&array).unwrap();
            return Sides::Numbers(sample(array(&self.reference)), chunks.map(sample).collect());
        }
        let reference = Categories::from_array(&array(&self.reference)).unwrap();
        Sides::Labels(chunks.map(|c| PairedCounts::pair(&reference, &Categories::from_array(&c).unwrap())).collect())
    }
}
