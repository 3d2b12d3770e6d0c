//! `nannyml_multiclass.json`: performance of three classes estimated without labels, and realised.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, StringArray};
use lineal_drift::arrow;
use lineal_drift::performance::Predictions;
use serde_json::Value;

use crate::cbpe::compare_chunks;
use crate::compare::{Checks, cases, conclude};
use crate::recipe;

const FILE: &str = "nannyml_multiclass.json";

#[test]
fn nannyml_multiclass() {
    let results = cases(FILE).iter().map(compare).collect();
    conclude(FILE, results, 400);
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let classes = case["params"]["classes"].as_array().unwrap();
    let classes: Vec<&str> = classes.iter().map(|class| class.as_str().unwrap()).collect();
    let part = |name: &str| predictions(&classes, &case["inputs"][name]);
    let rows = usize::try_from(case["params"]["chunk_size"].as_u64().unwrap()).unwrap();
    compare_chunks(&mut checks, case, rows, &part("reference"), &part("analysis"));
    checks
}

/// Probabilities follow the weights, the predicted class is the most probable one, and what happens follows the squares of the weights.
fn predictions(classes: &[&str], input: &Value) -> Predictions {
    let weights: Vec<Vec<f64>> = input["weights"].as_array().unwrap().iter().map(recipe::values).collect();
    let draws = recipe::values(&input["draw"]);
    let row = |at: usize| -> Vec<f64> { weights.iter().map(|column| column[at]).collect() };
    let shares = |row: &[f64]| -> Vec<f64> {
        let sum: f64 = row.iter().sum();
        row.iter().map(|weight| weight / sum).collect()
    };
    let (mut predicted, mut actual) = (Vec::new(), Vec::new());
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); classes.len()];
    for (at, draw) in draws.iter().enumerate() {
        let probabilities = shares(&row(at));
        let best = (1..classes.len()).fold(0, |best, c| if probabilities[c] > probabilities[best] { c } else { best });
        predicted.push(classes[best]);
        let squares: Vec<f64> = row(at).iter().map(|weight| weight * weight).collect();
        let mut edge = 0.0;
        let likely = shares(&squares);
        let beyond = likely.iter().take(classes.len() - 1).filter(|share| {
            edge += **share;
            *draw > edge
        });
        actual.push(classes[beyond.count()]);
        columns.iter_mut().zip(probabilities).for_each(|(column, p)| column.push(p));
    }
    let columns: Vec<ArrayRef> = columns.into_iter().map(|c| Arc::new(Float64Array::from(c)) as ArrayRef).collect();
    let named = classes.iter().zip(&columns).map(|(class, column)| (*class, column.as_ref() as &dyn Array));
    let predictions = Predictions::multiclass(named).unwrap().with_predicted(&StringArray::from(predicted)).unwrap();
    predictions.with_actual(&StringArray::from(actual)).unwrap()
}
