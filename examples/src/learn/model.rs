//! A logistic regression for `late15`, fitted by Newton's method.

use arrow::array::RecordBatch;
use lineal_core::Real;
use serde::{Deserialize, Serialize};

use crate::learn::{
    cholesky,
    features::{Encoder, Matrix, labels},
    learn_error::LearnError,
};

/// Encoder and coefficients: all that serving needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    format: String,
    encoder: Encoder,
    intercept: Real,
    weights: Vec<Real>,
}

/// How to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct FitSettings {
    /// Penalty `l2 / 2 · Σ w²` on the sum of the losses; the intercept goes free. Above zero, because the columns of
    /// one category sum to one and would leave the optimum undetermined.
    pub l2: f64,
    /// The fit has converged when no gradient per row is larger.
    pub tolerance: f64,
    /// Newton steps after which the fit gives up.
    pub max_steps: usize,
}

impl Default for FitSettings {
    fn default() -> Self {
        Self { l2: 1.0, tolerance: 1e-9, max_steps: 50 }
    }
}

/// One step of the optimiser, as it is told to the observer of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    pub number: usize,
    /// Mean log loss of the training rows with the penalty per row, in nats.
    pub objective: f64,
    /// Largest gradient per row.
    pub gradient: f64,
}

impl Model {
    /// Fits on rows that all have a label, and tells `observe` each step.
    ///
    /// Sums run in the order of the rows, so equal rows give equal bits on one machine (`exp` and `ln` are the
    /// platform's). O(rows · columns²) per step, usually six steps.
    pub fn fit(batch: &RecordBatch, settings: &FitSettings, mut observe: impl FnMut(Step)) -> Result<Self, LearnError> {
        let encoder = Encoder::fit(batch)?;
        let design = encoder.encode(batch)?;
        let labels = labels(batch)?;
        let mut weights = vec![0.0; encoder.width() + 1];
        // Starting at the base rate saves two steps and forbids a batch of one class, which has no optimum.
        weights[0] = log_odds(&labels)?;
        let mut current = Objective::at(&weights, &design, &labels, settings.l2);
        for number in 1..=settings.max_steps {
            let step = current.newton_step().ok_or(LearnError::NoConvergence { steps: number, gradient: f64::NAN })?;
            (weights, current) = shorten_until_better(&weights, step, &current, |trial| {
                Objective::at(trial, &design, &labels, settings.l2)
            });
            let gradient = current.largest_gradient();
            observe(Step { number, objective: current.value / labels.len() as f64, gradient });
            if gradient <= settings.tolerance {
                let weights = weights.into_iter().map(Real::from).collect::<Vec<_>>();
                let (intercept, weights) = weights.split_first().expect("the intercept is always there");
                return Ok(Self {
                    format: FORMAT.to_owned(),
                    encoder,
                    intercept: *intercept,
                    weights: weights.to_vec(),
                });
            }
        }
        Err(LearnError::NoConvergence { steps: settings.max_steps, gradient: current.largest_gradient() })
    }

    /// Returns the probability of `late15` for each row, `0.0..=1.0`; needs the fifteen inputs and no label.
    pub fn predict_proba(&self, batch: &RecordBatch) -> Result<Vec<f64>, LearnError> {
        let design = self.encoder.encode(batch)?;
        let weights: Vec<f64> = self.weights.iter().map(|weight| weight.get()).collect();
        Ok(design.rows().map(|row| sigmoid(score(self.intercept.get(), &weights, row))).collect())
    }

    /// Returns the coefficients by encoded column, in units of one standard deviation or of the category.
    pub fn coefficients(&self) -> Vec<(String, f64)> {
        self.encoder.column_names().into_iter().zip(self.weights.iter().map(|weight| weight.get())).collect()
    }

    /// Writes the model as canonical JSON; floats are strings that read back to the same bits.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LearnError> {
        lineal_core::to_canonical(self).map_err(|error| LearnError::Format { reason: error.to_string() })
    }

    /// Reads what [`Model::to_bytes`] wrote, and refuses anything that could not have been written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearnError> {
        let refuse = |reason: String| LearnError::Format { reason };
        let model: Self = lineal_core::from_canonical(bytes).map_err(|error| refuse(error.to_string()))?;
        model.encoder.check().map_err(refuse)?;
        if model.format != FORMAT {
            return Err(refuse(format!("format {:?} is not {FORMAT:?}", model.format)));
        }
        if model.weights.len() != model.encoder.width() {
            return Err(refuse(format!("{} weights for {} columns", model.weights.len(), model.encoder.width())));
        }
        if !model.weights.iter().chain([&model.intercept]).all(|weight| weight.get().is_finite()) {
            return Err(refuse("a weight is not finite".to_owned()));
        }
        Ok(model)
    }
}

/// The penalised loss with its first two derivatives at one point; index 0 is the intercept.
struct Objective {
    value: f64,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
    rows: usize,
}

impl Objective {
    fn at(weights: &[f64], design: &Matrix, labels: &[bool], l2: f64) -> Self {
        let n = weights.len();
        let mut this = Self { value: 0.0, gradient: vec![0.0; n], hessian: vec![0.0; n * n], rows: labels.len() };
        let mut present = Vec::with_capacity(n);
        for (row, label) in design.rows().zip(labels) {
            let score = score(weights[0], &weights[1..], row);
            let probability = sigmoid(score);
            this.value += softplus(if *label { -score } else { score });
            present.clear();
            present.push((0, 1.0));
            // Most encoded columns are the zeros of other categories.
            present.extend(row.iter().enumerate().filter(|(_, x)| **x != 0.0).map(|(at, x)| (at + 1, *x)));
            this.add_row(&present, probability - f64::from(u8::from(*label)), probability * (1.0 - probability));
        }
        for (at, weight) in weights.iter().enumerate().skip(1) {
            this.value += 0.5 * l2 * weight * weight;
            this.gradient[at] += l2 * weight;
            this.hessian[at * n + at] += l2;
        }
        this
    }

    fn add_row(&mut self, present: &[(usize, f64)], residual: f64, curvature: f64) {
        let n = self.gradient.len();
        for (nth, (i, x)) in present.iter().enumerate() {
            self.gradient[*i] += residual * x;
            let weighted = curvature * x;
            for (j, y) in &present[..=nth] {
                self.hessian[i * n + j] += weighted * y;
            }
        }
    }

    fn newton_step(&self) -> Option<Vec<f64>> {
        let mut step = self.gradient.clone();
        cholesky::solve(&mut self.hessian.clone(), &mut step)?;
        Some(step)
    }

    fn largest_gradient(&self) -> f64 {
        self.gradient.iter().fold(0.0, |largest: f64, value| largest.max(value.abs())) / self.rows as f64
    }
}

/// Takes the whole Newton step, or a half, a quarter … of it, whichever first does not raise the objective.
fn shorten_until_better(
    from: &[f64],
    mut step: Vec<f64>,
    current: &Objective,
    at: impl Fn(&[f64]) -> Objective,
) -> (Vec<f64>, Objective) {
    let mut halvings = 0;
    loop {
        let trial: Vec<f64> = from.iter().zip(&step).map(|(weight, step)| weight - step).collect();
        let objective = at(&trial);
        // At the optimum rounding may raise the sum in its last digits: not a reason to shorten.
        if objective.value <= current.value * (1.0 + 1e-12) || halvings == 30 {
            return (trial, objective);
        }
        step.iter_mut().for_each(|part| *part *= 0.5);
        halvings += 1;
    }
}

fn log_odds(labels: &[bool]) -> Result<f64, LearnError> {
    let positive = labels.iter().filter(|label| **label).count();
    if labels.is_empty() {
        return Err(LearnError::NoRows { operation: "fit the model" });
    }
    if positive == 0 || positive == labels.len() {
        return Err(LearnError::OneClass { operation: "fit the model" });
    }
    Ok((positive as f64 / (labels.len() - positive) as f64).ln())
}

fn score(intercept: f64, weights: &[f64], row: &[f64]) -> f64 {
    row.iter().zip(weights).fold(intercept, |sum, (value, weight)| sum + value * weight)
}

/// `1 / (1 + exp(-x))` without overflow.
fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// `ln(1 + exp(x))` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Names the layout of the stored bytes.
const FORMAT: &str = "lineal-example/logistic-regression/1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::features::tests::batch;

    /// Temperature and carrier UA or AA against the label, 200 rows by a fixed rule.
    fn rows() -> RecordBatch {
        let rows: Vec<_> = (0..200_u32)
            .map(|row| {
                let temp = (row * 37 % 101) as f32;
                let late = row * 61 % 100 < 20 + row * 37 % 101 / 2;
                (Some(temp), Some(if row % 3 == 0 { "UA" } else { "AA" }), Some(late))
            })
            .collect();
        batch(&rows)
    }

    #[test]
    fn finds_the_optimum_that_scikit_learn_finds() {
        let mut steps = Vec::new();
        let model = Model::fit(&rows(), &FitSettings::default(), |step| steps.push(step)).unwrap();
        // sklearn 1.9.1: LogisticRegression(C=1, tol=1e-12) on the standardised temperature and the one-hot columns.
        let by_name: std::collections::BTreeMap<_, _> = model.coefficients().into_iter().collect();
        for (name, expected) in SKLEARN {
            assert!((by_name[name] - expected).abs() < 1e-6, "{name}: {} is not {expected}", by_name[name]);
        }
        assert!((model.intercept.get() - SKLEARN_INTERCEPT).abs() < 1e-6, "{}", model.intercept.get());
        assert!(steps.len() < 10 && steps.windows(2).all(|pair| pair[1].objective <= pair[0].objective + 1e-12));
    }

    #[test]
    fn bytes_read_back_to_the_same_predictions() {
        let model = Model::fit(&rows(), &FitSettings::default(), |_| ()).unwrap();
        let bytes = model.to_bytes().unwrap();
        let read = Model::from_bytes(&bytes).unwrap();
        assert_eq!(read, model);
        assert_eq!(read.to_bytes().unwrap(), bytes);
        let (before, after) = (model.predict_proba(&rows()).unwrap(), read.predict_proba(&rows()).unwrap());
        assert!(before.iter().zip(&after).all(|(a, b)| a.to_bits() == b.to_bits()));
        assert!(before.iter().all(|p| (0.0..=1.0).contains(p)));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let model = Model::fit(&rows(), &FitSettings::default(), |_| ()).unwrap();
        let text = String::from_utf8(model.to_bytes().unwrap()).unwrap();
        for (from, to) in
            [("regression/1", "regression/2"), ("\"AA\"", "\"ZZ\""), ("\"scale\":\"1\"", "\"scale\":\"0\"")]
        {
            assert!(text.contains(from), "{from} in {text}");
            assert!(matches!(Model::from_bytes(text.replacen(from, to, 1).as_bytes()), Err(LearnError::Format { .. })));
        }
        let mut short = model;
        short.weights.pop();
        assert!(matches!(Model::from_bytes(&short.to_bytes().unwrap()), Err(LearnError::Format { .. })));
        assert!(matches!(Model::from_bytes(b"{"), Err(LearnError::Format { .. })));
    }

    #[test]
    fn labels_of_one_class_have_no_model() {
        let rows = batch(&[(Some(1.0), None, Some(true)), (Some(2.0), None, Some(true))]);
        let fitted = Model::fit(&rows, &FitSettings::default(), |_| ());
        assert!(matches!(fitted, Err(LearnError::OneClass { .. })));
    }

    #[test]
    fn extreme_scores_stay_probabilities() {
        assert_eq!((sigmoid(1e4), sigmoid(-1e4), sigmoid(0.0)), (1.0, 0.0, 0.5));
        assert_eq!((softplus(1e4), softplus(-1e4)), (1e4, 0.0));
    }

    const SKLEARN_INTERCEPT: f64 = -0.245_501_95;
    const SKLEARN: [(&str, f64); 5] = [
        ("temp", 0.510_341_994),
        ("carrier=AA", 0.031_446_908),
        ("carrier=UA", -0.031_446_908),
        ("origin=JFK", 0.0),
        ("weekday=3", 0.0),
    ];
}
