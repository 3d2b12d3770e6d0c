//! Whether scores are better calibrated before they are taken for probabilities, and the calibrator.

use rayon::prelude::*;

use super::isotonic::IsotonicRegression;
use super::reliability::Reliability;

/// Returns the calibrator of scores with known outcomes (0 or 1), given by rising score; `None` if the scores are as good without.
///
/// Each tenth of the rows is predicted by a calibrator of the other nine tenths, and both sets of probabilities are held against the
/// outcomes in ten bins of equally many rows: scores whose error grows are left as they are. Outcomes of one class, and scores that
/// separate the classes, are left too. As `NannyML` does, except that its ten splits are drawn at random; here each class is dealt out
/// row by row, so the answer depends neither on a seed nor on the order of the rows.
pub(crate) fn calibrator(rising: &[(f64, f64)], roc_auc: Option<f64>) -> Option<IsotonicRegression> {
    if roc_auc.is_none_or(|auc| auc > SEPARATES) || !improves(rising) {
        return None;
    }
    Some(always(rising))
}

/// Returns the calibrator in any case.
pub(crate) fn always(rising: &[(f64, f64)]) -> IsotonicRegression {
    IsotonicRegression::of_rising(rising.iter().copied())
}

fn improves(rising: &[(f64, f64)]) -> bool {
    let dealt = deal(rising);
    let parts: Vec<Vec<(f64, f64)>> = (0..PARTS).into_par_iter().map(|part| unseen(rising, &dealt, part)).collect();
    let mut calibrated = parts.concat();
    calibrated.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let error = |rows: Vec<(f64, f64)>| Reliability::of_rising(rows, BINS).expected_error();
    error(rising.to_vec()) > error(calibrated)
}

/// Returns the part of each row.
fn deal(rising: &[(f64, f64)]) -> Vec<u8> {
    let mut next = [0_u8; 2];
    let part_of = |row: &(f64, f64)| {
        let [negative, positive] = &mut next;
        let next = if row.1 > 0.0 { positive } else { negative };
        std::mem::replace(next, (*next + 1) % PARTS)
    };
    rising.iter().map(part_of).collect()
}

/// Returns probabilities of the rows of a part by a calibrator that has not seen them.
fn unseen(rising: &[(f64, f64)], dealt: &[u8], part: u8) -> Vec<(f64, f64)> {
    let rows = |seen: bool| rising.iter().zip(dealt).filter(move |(_, of)| (**of != part) == seen).map(|(row, _)| *row);
    let calibrator = IsotonicRegression::of_rising(rows(true));
    rows(false).map(|(score, happened)| (calibrator.predict(score), happened)).filter(|row| !row.0.is_nan()).collect()
}

const PARTS: u8 = 10;
const BINS: usize = 10;
/// Area under the curve above which scores separate the classes.
const SEPARATES: f64 = 0.999;

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows whose event happens with probability `truth(score)`, as evenly as it can.
    fn rows(truth: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let mut owed = 0.5;
        let row = |i: u32| {
            let score = f64::from(i) / 4_000.0;
            owed += truth(score);
            let happened = owed >= 1.0;
            owed -= f64::from(u8::from(happened));
            (score, f64::from(u8::from(happened)))
        };
        (0..=4_000).map(row).collect()
    }

    #[test]
    fn only_scores_that_lie_are_calibrated() {
        assert!(calibrator(&rows(|score| score), Some(0.8)).is_none());
        let found = calibrator(&rows(|score| score * score), Some(0.8)).unwrap();
        assert!((found.predict(0.5) - 0.25).abs() < 0.02, "{}", found.predict(0.5));
        assert!(calibrator(&rows(|score| score * score), None).is_none());
        assert!(calibrator(&rows(|score| score * score), Some(0.9995)).is_none());
        assert!(calibrator(&[], None).is_none() && always(&[]).corners.is_empty());
    }
}
