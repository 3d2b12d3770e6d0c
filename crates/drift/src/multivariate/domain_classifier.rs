use arrow::array::RecordBatch;
use lineal_core::Rng;
use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::auc::Auc;
use super::features::Features;
use super::logistic::{LabelledRows, Logistic};
use super::rows::Rows;
use super::table::Table;
use crate::error::{Error, Side};
use crate::math::normal::normal_survival;

/// Learns to tell current rows from those of the reference: the better it can, the more they differ.
///
/// A logistic regression, regularised and cross-fitted: each fold of the rows is scored by a classifier that has not seen it. It is
/// linear, so it finds shifts of columns, of labels, of missing values and of any sum of them, but not a change of shape or of
/// dependence alone; see [`mmd_test`](super::mmd_test) and [`Reconstruction`](super::Reconstruction) for these. O(n d) time for some
/// ten or hundred steps of each of about twice as many classifiers as folds, one copy of the columns. The same seed gives the same bits
/// on any number of threads.
///
/// ```
/// use lineal_drift::multivariate::DomainClassifier;
/// use ndarray::Array2;
///
/// let rows = |shift: f64| Array2::from_shape_fn((200, 2), |(i, j)| (i * (7 + j) % 200) as f64 / 200.0 + shift * j as f64);
/// let same = DomainClassifier::new(7).compare_rows(rows(0.0).view(), rows(0.0).view())?;
/// let shifted = DomainClassifier::new(7).compare_rows(rows(0.0).view(), rows(0.5).view())?;
/// assert!(same.p_value > 0.01 && shifted.p_value < 1e-6 && shifted.auc > 0.8);
/// assert_eq!(shifted.features[0].name, "1");
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DomainClassifier {
    /// Where the folds come from.
    pub seed: u64,
    /// Parts of the rows, at least 2; 5 by default.
    pub folds: u32,
    /// Strength of the penalty on the squared weights of standardised columns, above 0; 1 by default, as scikit-learn's `C`.
    pub l2: f64,
}

/// How well current rows can be told from those of the reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DomainClassification {
    /// Probability that a current row is taken for one rather than a row of the reference (area under the ROC curve): 1/2 for no drift,
    /// 1 for no doubt. Within folds, weighted by their pairs.
    pub auc: f64,
    /// Standard error of the AUC for these classifiers, by DeLong et al. (1988).
    pub standard_error: f64,
    /// Probability of classifiers at least as good if nothing differs.
    ///
    /// From folds in a row, each scored by a classifier of the folds before it: each is then a Mann-Whitney test of its own, and their
    /// z values add up. (Cross-fitted folds learn from each other; tested as if they did not, they reject a true hypothesis more than
    /// twice as often as they should.)
    pub p_value: f64,
    /// What the classifiers look at, greatest weight first.
    pub features: Vec<FeatureWeight>,
}

/// How much a column speaks for the current side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FeatureWeight {
    /// The column, with its label where labels have a weight each; the place of the column where rows have no names.
    pub name: String,
    /// Mean log odds of the current side for one deviation more.
    pub weight: f64,
}

impl DomainClassifier {
    /// Returns a classifier with five folds and a penalty of 1.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, folds: 5, l2: 1.0 }
    }

    /// Sets the number of folds.
    #[must_use]
    pub fn with_folds(mut self, folds: u32) -> Self {
        self.folds = folds;
        self
    }

    /// Sets the strength of the penalty.
    #[must_use]
    pub fn with_l2(mut self, l2: f64) -> Self {
        self.l2 = l2;
        self
    }

    /// Compares the named columns of two tables: numbers and times, texts and booleans.
    ///
    /// A column of labels becomes a column for each of its 20 most frequent labels, one for the others, and one for missing.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings out of range; [`Error::Empty`] without columns or rows; [`Error::TooFew`] with less than two rows
    /// of each side for each fold; [`Error::Ambiguous`] for a column that is not there exactly once; [`Error::TypeChanged`],
    /// [`Error::UnsupportedType`] and [`Error::Infinite`] as their names say.
    pub fn compare<N: AsRef<str>>(
        &self,
        reference: &[RecordBatch],
        current: &[RecordBatch],
        columns: &[N],
    ) -> Result<DomainClassification, Error> {
        let names: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
        let (r, c) = (Table::read(reference, &names, Side::Reference)?, Table::read(current, &names, Side::Current)?);
        let sides = (r.rows, c.rows);
        self.check(sides)?;
        let features = Features::of_tables(&names, r, c)?;
        self.classify(features, sides)
    }

    /// Compares rows of numbers, such as embeddings, of shape (n, d) and (m, d).
    ///
    /// # Errors
    /// As [`mmd`](crate::mmd()) and [`DomainClassifier::compare`].
    pub fn compare_rows(
        &self,
        reference: ArrayView2<'_, f64>,
        current: ArrayView2<'_, f64>,
    ) -> Result<DomainClassification, Error> {
        let (x, y) = Rows::both(reference, current)?;
        let sides = (x.len(), y.len());
        self.check(sides)?;
        let rows = x.joined(&y);
        self.classify(Features::of_rows(&rows.values, rows.width), sides)
    }

    fn check(&self, (n, m): (usize, usize)) -> Result<(), Error> {
        if self.folds < 2 {
            return Err(Error::Setting { name: "folds", value: f64::from(self.folds), rule: "at least 2" });
        }
        if !(self.l2 > 0.0 && self.l2.is_finite()) {
            return Err(Error::Setting { name: "l2", value: self.l2, rule: "positive and finite" });
        }
        for (side, rows) in [(Side::Reference, n), (Side::Current, m)] {
            if rows == 0 {
                return Err(Error::Empty { what: WHAT, side });
            }
        }
        if n.min(m) as u64 >= 2 * u64::from(self.folds) {
            return Ok(());
        }
        Err(Error::TooFew { what: WHAT, needs: "two rows of each side for each fold" })
    }

    fn classify(&self, features: Features, (n, m): (usize, usize)) -> Result<DomainClassification, Error> {
        let width = features.width();
        if width == 0 {
            return Err(Error::Empty { what: WHAT, side: Side::Reference });
        }
        let current: Vec<bool> = (0..n + m).map(|row| row >= n).collect();
        let rows = LabelledRows { values: &features.values, width, current: &current };
        let folds = folds(self.seed, self.folds, n, m);
        // The last fold in a row has all others before it, so its classifier serves both.
        let last = self.folds - 1;
        let crossed = (0..=last).map(|fold| Job { fold, learns_from: |other, fold| other != fold });
        let in_a_row = (1..last).map(|fold| Job { fold, learns_from: |other, fold| other < fold });
        let jobs: Vec<Job> = crossed.chain(in_a_row).collect();
        let fitted: Vec<Fitted> = jobs.par_iter().map(|job| job.run(&rows, &folds, self.l2)).collect();
        let (crossed, in_a_row) = fitted.split_at(self.folds as usize);
        let pairs: f64 = crossed.iter().map(|fit| fit.auc.pairs).sum();
        let share = |fit: &Fitted| fit.auc.pairs / pairs;
        Ok(DomainClassification {
            auc: crossed.iter().map(|fit| share(fit) * fit.auc.value).sum(),
            standard_error: crossed.iter().map(|fit| share(fit).powi(2) * fit.auc.variance).sum::<f64>().sqrt(),
            p_value: normal_survival(combined(in_a_row.iter().chain(crossed.last()))),
            features: feature_weights(features.names, crossed),
        })
    }
}

/// One classifier: the fold that it scores and those it learns from.
struct Job {
    fold: u32,
    learns_from: fn(u32, u32) -> bool,
}

struct Fitted {
    auc: Auc,
    model: Logistic,
}

impl Job {
    fn run(&self, rows: &LabelledRows<'_>, folds: &[u32], l2: f64) -> Fitted {
        let learns_from = |fold: u32| (self.learns_from)(fold, self.fold);
        let chosen: Vec<usize> =
            (0..folds.len()).zip(folds).filter(|(_, fold)| learns_from(**fold)).map(|(row, _)| row).collect();
        let model = Logistic::fit(rows, &chosen, l2);
        let scored = rows.values.chunks_exact(rows.width).zip(rows.current).zip(folds);
        let scored =
            scored.filter(|(_, fold)| **fold == self.fold).map(|((row, current), _)| (model.score(row), *current));
        // Every fold has two rows of each side.
        let nothing = Auc { value: 0.5, variance: 0.0, null_variance: 0.0, pairs: 0.0 };
        Fitted { auc: Auc::of(scored.collect()).unwrap_or(nothing), model }
    }
}

/// Deals the rows of each side out to folds of equal sizes.
fn folds(seed: u64, folds: u32, n: usize, m: usize) -> Vec<u32> {
    let rng = Rng::new(seed, "domain classifier");
    let deal = |side: &str, rows: usize| {
        let mut dealt: Vec<u32> = (0..folds).cycle().take(rows).collect();
        rng.fork(side).shuffle(&mut dealt);
        dealt
    };
    [deal("reference", n), deal("current", m)].concat()
}

/// Adds z values, weighted by the root of how many folds were learnt from (Stouffer).
fn combined<'a>(in_a_row: impl Iterator<Item = &'a Fitted>) -> f64 {
    let (mut sum, mut squares, mut before) = (0.0, 0.0, 0.0_f64);
    for fit in in_a_row {
        before += 1.0;
        sum += before.sqrt() * fit.auc.z();
        squares += before;
    }
    sum / squares.sqrt()
}

fn feature_weights(names: Vec<String>, crossed: &[Fitted]) -> Vec<FeatureWeight> {
    let weight = |at: usize| {
        let weights = crossed.iter().filter_map(|fit| fit.model.weights().get(at));
        weights.sum::<f64>() / crossed.len() as f64
    };
    let mut features: Vec<FeatureWeight> =
        names.into_iter().enumerate().map(|(at, name)| FeatureWeight { name, weight: weight(at) }).collect();
    features.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
    features
}

const WHAT: &str = "domain classifier";

#[cfg(test)]
mod tests;
