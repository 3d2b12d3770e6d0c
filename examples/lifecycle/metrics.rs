//! How good probabilities were, once the labels are known.

use crate::learn_error::LearnError;

/// What one set of predictions scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scores {
    pub(crate) rows: usize,
    /// Share of positive labels, `0.0..=1.0`.
    pub(crate) base_rate: f64,
    pub(crate) mean_prediction: f64,
    /// Area under the ROC curve, `0.0..=1.0`, higher is better, 0.5 is chance.
    pub(crate) auc: f64,
    /// Mean log loss in nats, `0.0..`, lower is better.
    pub(crate) log_loss: f64,
    /// Mean squared error of the probability, `0.0..=1.0`, lower is better.
    pub(crate) brier: f64,
    /// Expected calibration error over [`BINS`] bins, `0.0..=1.0`, lower is better.
    pub(crate) ece: f64,
}

impl Scores {
    /// Scores predictions against labels of the same rows; needs both classes.
    pub(crate) fn of(labels: &[bool], predictions: &[f64]) -> Result<Self, LearnError> {
        let auc = auc(labels, predictions)?;
        let losses = log_losses(labels, predictions)?;
        let errors = labels.iter().zip(predictions).map(|(label, p)| (p - as_number(*label)).powi(2));
        Ok(Self {
            rows: labels.len(),
            base_rate: mean(labels.iter().map(|label| as_number(*label))),
            mean_prediction: mean(predictions.iter().copied()),
            auc,
            log_loss: mean(losses.into_iter()),
            brier: mean(errors),
            ece: calibration_error(&calibration(labels, predictions)?),
        })
    }
}

/// Returns the log loss of each row in nats, with the probability clipped to `1e-15..=1 - 1e-15`.
pub(crate) fn log_losses(labels: &[bool], predictions: &[f64]) -> Result<Vec<f64>, LearnError> {
    check(labels, predictions)?;
    Ok(labels
        .iter()
        .zip(predictions)
        .map(|(label, p)| {
            let p = p.clamp(CLIP, 1.0 - CLIP);
            // `ln_1p` keeps the digits of a small probability that did not come true.
            if *label { -p.ln() } else { -(-p).ln_1p() }
        })
        .collect())
}

/// Returns the area under the ROC curve: the chance that a positive row is ranked above a negative one, ties half.
pub(crate) fn auc(labels: &[bool], predictions: &[f64]) -> Result<f64, LearnError> {
    check(labels, predictions)?;
    let positives = labels.iter().filter(|label| **label).count();
    let negatives = labels.len() - positives;
    if positives == 0 || negatives == 0 {
        return Err(LearnError::OneClass { operation: "rank positives against negatives" });
    }
    let ranks = midranks(predictions);
    let sum: f64 = ranks.iter().zip(labels).filter(|(_, label)| **label).map(|(rank, _)| rank).sum();
    let (m, n) = (positives as f64, negatives as f64);
    Ok((sum - m * (m + 1.0) / 2.0) / (m * n))
}

/// Predictions of similar height, and what came true of them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Bin {
    pub(crate) rows: usize,
    /// Mean prediction of the bin's rows; zero for an empty bin.
    pub(crate) predicted: f64,
    /// Share of the bin's rows that came true; zero for an empty bin.
    pub(crate) observed: f64,
}

/// Returns [`BINS`] bins of equal width over `0.0..=1.0`; the last one holds 1.0 too.
pub(crate) fn calibration(labels: &[bool], predictions: &[f64]) -> Result<Vec<Bin>, LearnError> {
    check(labels, predictions)?;
    let mut bins = vec![Bin::default(); BINS];
    for (label, p) in labels.iter().zip(predictions) {
        let at = ((p * BINS as f64) as usize).min(BINS - 1);
        if let Some(bin) = bins.get_mut(at) {
            bin.rows += 1;
            bin.predicted += p;
            bin.observed += as_number(*label);
        }
    }
    for bin in bins.iter_mut().filter(|bin| bin.rows > 0) {
        bin.predicted /= bin.rows as f64;
        bin.observed /= bin.rows as f64;
    }
    Ok(bins)
}

/// Returns the mean distance of predicted and observed share, weighted by rows (Naeini et al. 2015).
pub(crate) fn calibration_error(bins: &[Bin]) -> f64 {
    let rows: usize = bins.iter().map(|bin| bin.rows).sum();
    bins.iter().map(|bin| bin.rows as f64 * (bin.predicted - bin.observed).abs()).sum::<f64>() / rows.max(1) as f64
}

/// Returns the rank of each value, from 1; equal values share the mean of their ranks.
pub(crate) fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        for (_, at) in tied {
            ranks[*at] = rank;
        }
        before += tied.len();
    }
    ranks
}

/// Checks that labels and predictions pair up, that there are any, and that each prediction is a probability.
pub(crate) fn check(labels: &[bool], predictions: &[f64]) -> Result<(), LearnError> {
    if labels.len() != predictions.len() {
        return Err(LearnError::Length { labels: labels.len(), predictions: predictions.len() });
    }
    if labels.is_empty() {
        return Err(LearnError::NoRows { operation: "score" });
    }
    match predictions.iter().enumerate().find(|(_, p)| !(0.0..=1.0).contains(*p)) {
        None => Ok(()),
        Some((row, value)) => Err(LearnError::NotProbability { row, value: *value }),
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn as_number(label: bool) -> f64 {
    f64::from(u8::from(label))
}

/// Number of calibration bins.
pub(crate) const BINS: usize = 10;

/// A prediction of exactly 0 or 1 that fails would cost infinity.
const CLIP: f64 = 1e-15;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A fixed sample with ties: 40 rows, predictions in steps of 0.05.
    pub(crate) fn sample() -> (Vec<bool>, Vec<f64>) {
        let labels = (0..40_u32).map(|row| row * 7 % 11 < 5).collect();
        let predictions = (0..40_u32).map(|row| f64::from(row * 13 % 20) / 20.0).collect();
        (labels, predictions)
    }

    #[test]
    fn equals_scikit_learn() {
        let (labels, predictions) = sample();
        let scores = Scores::of(&labels, &predictions).unwrap();
        // sklearn 1.9.1: roc_auc_score, log_loss (predictions clipped to 1e-15), brier_score_loss.
        for (found, expected) in [(scores.auc, AUC), (scores.log_loss, LOG_LOSS), (scores.brier, BRIER)] {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    #[test]
    fn ties_share_their_rank_and_count_half() {
        assert_eq!(midranks(&[0.3, 0.1, 0.3, 0.2]), [3.5, 1.0, 3.5, 2.0]);
        assert_eq!(midranks(&[0.0, -0.0]), midranks(&[-0.0, -0.0]));
        assert_eq!(auc(&[true, false], &[0.5, 0.5]).unwrap(), 0.5);
        // Pairs (positive, negative): .35 above .1, not .4; .8 above both: 3 of 4.
        assert_eq!(auc(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8]).unwrap(), 0.75);
    }

    #[test]
    fn calibration_by_hand() {
        let (labels, predictions) = ([true, false, false, true], [0.12, 0.18, 0.9, 1.0]);
        let bins = calibration(&labels, &predictions).unwrap();
        assert_eq!((bins[1].rows, bins[1].observed, bins[9].rows, bins[9].predicted), (2, 0.5, 2, 0.95));
        // |.15 - .5| and |.95 - .5|, half of the rows each.
        assert!((calibration_error(&bins) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_scored_is_a_typed_error() {
        assert!(matches!(Scores::of(&[], &[]), Err(LearnError::NoRows { .. })));
        assert!(matches!(Scores::of(&[true], &[0.1, 0.2]), Err(LearnError::Length { .. })));
        assert!(matches!(Scores::of(&[true, true], &[0.1, 0.2]), Err(LearnError::OneClass { .. })));
        for bad in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            assert!(matches!(Scores::of(&[true, false], &[0.1, bad]), Err(LearnError::NotProbability { row: 1, .. })));
        }
    }

    const AUC: f64 = 0.434_343_434_343_434_4;
    const LOG_LOSS: f64 = 1.811_985_100_670_020_5;
    const BRIER: f64 = 0.363_75;
}
