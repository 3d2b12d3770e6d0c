//! Whether one model is better than another on the same rows, or only luckier.

use std::collections::BTreeMap;

use crate::{
    learn_error::LearnError,
    metrics::{check, log_losses, midranks},
    normal,
};

/// A difference of two models with its uncertainty; negative means that the candidate has the smaller number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) champion: f64,
    pub(crate) candidate: f64,
    /// Candidate minus champion.
    pub(crate) difference: f64,
    pub(crate) standard_error: f64,
    /// Difference in standard errors; zero if both are zero.
    pub(crate) z: f64,
    /// Chance of a difference this large in either direction if there is none, `0.0..=1.0`.
    pub(crate) p_value: f64,
}

impl Comparison {
    fn new(champion: f64, candidate: f64, variance: f64) -> Self {
        let difference = candidate - champion;
        let standard_error = variance.max(0.0).sqrt();
        let z = if difference == 0.0 { 0.0 } else { difference / standard_error };
        Self { champion, candidate, difference, standard_error, z, p_value: normal::two_sided(z) }
    }

    /// Returns the interval that holds the true difference with 95 % confidence.
    pub(crate) fn interval(&self) -> (f64, f64) {
        let reach = normal::QUANTILE_975 * self.standard_error;
        (self.difference - reach, self.difference + reach)
    }
}

/// Compares two areas under the ROC curve by DeLong's test; higher is better.
///
/// Takes rows as independent. O(rows · log rows). Source: Sun & Xu, Fast Implementation of DeLong's Algorithm, IEEE
/// Signal Processing Letters 21 (2014), after DeLong et al., Biometrics 44 (1988).
pub(crate) fn compare_auc(labels: &[bool], champion: &[f64], candidate: &[f64]) -> Result<Comparison, LearnError> {
    let (first, second) = (Placements::of(labels, champion)?, Placements::of(labels, candidate)?);
    let variance = first.covariance(&first) - 2.0 * first.covariance(&second) + second.covariance(&second);
    Ok(Comparison::new(first.auc, second.auc, variance))
}

/// Compares two mean log losses row by row; lower is better.
///
/// `blocks` names for each row what it belongs to (here the day): flights of one day share weather and queues, so
/// rows of one block may depend on each other and blocks may not. The standard error is the cluster-robust one,
/// `B / (B - 1) · Σ (sum over block of (d - mean d))² / rows²` with `B` blocks; at least two are needed, and some
/// tens for the normal approximation to hold.
pub(crate) fn compare_log_loss(
    labels: &[bool],
    champion: &[f64],
    candidate: &[f64],
    blocks: &[i64],
) -> Result<Comparison, LearnError> {
    let (first, second) = (log_losses(labels, champion)?, log_losses(labels, candidate)?);
    if blocks.len() != labels.len() {
        return Err(LearnError::Length { labels: labels.len(), predictions: blocks.len() });
    }
    let rows = labels.len() as f64;
    let (first_mean, second_mean) = (first.iter().sum::<f64>() / rows, second.iter().sum::<f64>() / rows);
    let mut sums = BTreeMap::<i64, f64>::new();
    for ((a, b), block) in first.iter().zip(&second).zip(blocks) {
        *sums.entry(*block).or_default() += (b - a) - (second_mean - first_mean);
    }
    if sums.len() < 2 {
        return Err(LearnError::NoRows { operation: "compare across blocks: two are needed" });
    }
    let count = sums.len() as f64;
    let squares: f64 = sums.values().map(|sum| sum * sum).sum();
    Ok(Comparison::new(first_mean, second_mean, count / (count - 1.0) * squares / (rows * rows)))
}

/// For each positive the share of negatives below it, for each negative the share of positives above it.
struct Placements {
    auc: f64,
    positives: Vec<f64>,
    negatives: Vec<f64>,
}

impl Placements {
    fn of(labels: &[bool], predictions: &[f64]) -> Result<Self, LearnError> {
        check(labels, predictions)?;
        let side = |wanted: bool| -> Vec<usize> { (0..labels.len()).filter(|row| labels[*row] == wanted).collect() };
        let (positive_rows, negative_rows) = (side(true), side(false));
        let (m, n) = (positive_rows.len() as f64, negative_rows.len() as f64);
        if positive_rows.len() < 2 || negative_rows.len() < 2 {
            return Err(LearnError::OneClass {
                operation: "estimate the variance of an AUC: two rows of each are needed",
            });
        }
        let overall = midranks(predictions);
        // A row's rank among all less its rank among its own is the number of the others below it, ties half.
        let below = |rows: &[usize]| -> Vec<f64> {
            let own = midranks(&rows.iter().map(|row| predictions[*row]).collect::<Vec<_>>());
            rows.iter().zip(own).map(|(row, own)| overall[*row] - own).collect()
        };
        let positives: Vec<f64> = below(&positive_rows).into_iter().map(|count| count / n).collect();
        let negatives = below(&negative_rows).into_iter().map(|count| 1.0 - count / m).collect();
        let auc = positives.iter().sum::<f64>() / m;
        Ok(Self { auc, positives, negatives })
    }

    fn covariance(&self, other: &Self) -> f64 {
        let term = |a: &[f64], b: &[f64]| {
            let sum: f64 = a.iter().zip(b).map(|(x, y)| (x - self.auc) * (y - other.auc)).sum();
            sum / (a.len() as f64 - 1.0) / a.len() as f64
        };
        term(&self.positives, &other.positives) + term(&self.negatives, &other.negatives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::sample;

    fn other_predictions() -> Vec<f64> {
        (0..40_u32).map(|row| f64::from(row * 17 % 40) / 80.0 + if row * 7 % 11 < 5 { 0.25 } else { 0.1 }).collect()
    }

    #[test]
    fn equals_the_definition_of_delong_pair_by_pair() {
        let (labels, champion) = sample();
        let candidate = other_predictions();
        let found = compare_auc(&labels, &champion, &candidate).unwrap();
        // By numpy from the definition (means of the m × n kernel, covariances with ddof = 1), no ranks involved.
        for (value, expected) in [
            (found.champion, DELONG[0]),
            (found.candidate, DELONG[1]),
            (found.standard_error, DELONG[2]),
            (found.p_value, DELONG[3]),
        ] {
            assert!((value - expected).abs() < 1e-10, "{value} is not {expected}");
        }
    }

    #[test]
    fn a_model_does_not_differ_from_itself() {
        let (labels, predictions) = sample();
        let blocks: Vec<i64> = (0..40).map(|row| row / 4).collect();
        for same in [
            compare_auc(&labels, &predictions, &predictions).unwrap(),
            compare_log_loss(&labels, &predictions, &predictions, &blocks).unwrap(),
        ] {
            assert_eq!((same.difference, same.z, same.p_value), (0.0, 0.0, 1.0));
        }
    }

    #[test]
    fn log_loss_errors_are_clustered_by_block() {
        let (labels, _) = sample();
        let champion = vec![0.5; 40];
        let candidate = other_predictions();
        let single: Vec<i64> = (0..40).collect();
        let blocks: Vec<i64> = (0..40).map(|row| row / 4).collect();
        let alone = compare_log_loss(&labels, &champion, &candidate, &single).unwrap();
        let grouped = compare_log_loss(&labels, &champion, &candidate, &blocks).unwrap();
        // With one row per block it is the paired t statistic: scipy 1.x `ttest_rel`; grouped by numpy.
        assert!((alone.z - CLUSTER[0]).abs() < 1e-9, "{}", alone.z);
        assert!((grouped.standard_error - CLUSTER[1]).abs() < 1e-12, "{}", grouped.standard_error);
        let (low, high) = grouped.interval();
        assert!(low < grouped.difference && grouped.difference < high);
        assert!(matches!(compare_log_loss(&labels, &champion, &candidate, &[1; 40]), Err(LearnError::NoRows { .. })));
        assert!(matches!(compare_log_loss(&labels, &champion, &candidate, &[1]), Err(LearnError::Length { .. })));
    }

    #[test]
    fn too_few_rows_of_a_class_have_no_variance() {
        let compared = compare_auc(&[true, false, false], &[0.1, 0.2, 0.3], &[0.1, 0.2, 0.3]);
        assert!(matches!(compared, Err(LearnError::OneClass { .. })));
    }

    const DELONG: [f64; 4] =
        [0.434_343_434_343_434_36, 0.696_969_696_969_697, 0.126_055_272_115_832_7, 0.037_212_821_275_466_37];
    const CLUSTER: [f64; 2] = [-1.400_093_912_417_225_4, 0.032_213_969_048_916_28];
}
