//! How far a metric of a sample strays from that of the population, learnt from the reference.

use super::classes::MISSING;
use super::confusion::OneClass;
use super::metric::Metric;
use super::predictions::Rows;
use super::ranked::Falling;
use crate::math::moments::std_population;

/// Returns the sampling error of a metric of one row; that of n rows is this divided by √n. `None` where the reference cannot tell.
///
/// Every metric is a mean, or nearly so, of something of some rows: the deviation of that in the reference, divided by the root of
/// the share of such rows, is the answer. For the area under the curve it is the share of negative rows below each positive one (of
/// the rarer class). These are the definitions that `NannyML` documents, with its factor of 1.2 for the area under the curve of more
/// than two classes. For average precision `NannyML` resamples the reference at random; here it is the deviation of the influence of
/// each row, to which such resampling tends. Log loss and Brier score are means of the losses of the rows.
pub(crate) fn of_one_row(metric: Metric, reference: &Rows<'_>, orders: &[Falling]) -> Option<f64> {
    let variance = match metric {
        Metric::RocAuc => {
            let factor = if orders.len() > 1 { 1.2 * 1.2 } else { 1.0 };
            macro_variance(classes(reference).zip(orders).map(|(class, order)| auc_variance(reference, class, order)))?
                * factor
        }
        Metric::AveragePrecision => {
            let of_class = |(class, order)| average_precision_variance(reference, class, order);
            let variances: Vec<f64> = classes(reference).zip(orders).map(of_class).collect::<Option<_>>()?;
            variances.iter().sum::<f64>() / variances.len() as f64
        }
        Metric::Accuracy => {
            let cells = reference.realised_cells()?;
            bernoulli(cells.diag().sum(), cells.sum(), cells.sum())?
        }
        Metric::LogLoss | Metric::Brier => {
            let losses: Vec<f64> = reference.losses(metric).collect();
            (!losses.is_empty()).then(|| std_population(&losses).powi(2))?
        }
        _ => label_variance(metric, reference)?,
    };
    variance.is_finite().then(|| variance.sqrt())
}

fn classes(reference: &Rows<'_>) -> impl Iterator<Item = u32> {
    reference.problems().map(|(class, _)| class).collect::<Vec<_>>().into_iter()
}

/// The variance of a mean over classes that are taken for independent.
fn macro_variance(variances: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let variances: Vec<f64> = variances.collect::<Option<_>>()?;
    let classes = variances.len() as f64;
    (classes > 0.0).then(|| variances.iter().sum::<f64>() / (classes * classes))
}

/// The variance of a share of `part` of `whole` rows, per row of all.
fn bernoulli(part: f64, whole: f64, all: f64) -> Option<f64> {
    let share = part / whole;
    (whole > 0.0).then(|| share * (1.0 - share) / (whole / all))
}

fn label_variance(metric: Metric, reference: &Rows<'_>) -> Option<f64> {
    let cells = reference.realised_cells()?;
    let (all, binary) = (cells.sum(), cells.nrows() == 2);
    let of_class = |class: u32| {
        let one = OneClass::of(cells.view(), class as usize);
        let whole = match metric {
            Metric::Precision => one.true_positive + one.false_positive,
            Metric::Recall => one.true_positive + one.false_negative,
            Metric::Specificity => one.true_negative + one.false_positive,
            Metric::F1 => one.true_positive + one.false_positive + one.false_negative,
            _ => return None,
        };
        let part = if metric == Metric::Specificity { one.true_negative } else { one.true_positive };
        let variance = bernoulli(part, whole, all)?;
        // F1 is a share of fewer rows than it looks at; of several classes the oracle leaves that out.
        let scale = whole / (one.true_positive + 0.5 * (one.false_positive + one.false_negative));
        Some(if metric == Metric::F1 && binary { variance * scale * scale } else { variance })
    };
    macro_variance(classes(reference).map(of_class))
}

/// Rows of known class in falling order of score: the score, and whether the row is positive.
fn known<'a>(reference: &'a Rows<'_>, class: u32, order: &'a Falling) -> Vec<(f64, bool)> {
    let actual = reference.actual();
    let row = |(score, row): (f64, usize)| {
        let actual = actual.get(row).filter(|actual| **actual != MISSING)?;
        Some((score, *actual == class))
    };
    order.rows().filter_map(row).collect()
}

fn auc_variance(reference: &Rows<'_>, class: u32, order: &Falling) -> Option<f64> {
    let mut rows = known(reference, class, order);
    let positives = rows.iter().filter(|row| row.1).count() as f64;
    let all = rows.len() as f64;
    if !(positives > 0.0 && positives < all) {
        return None;
    }
    let rare = if 2.0 * positives > all { all - positives } else { positives };
    // Of the rarer class the places among the others; seen from either end, which does not change their deviation.
    if rare != positives {
        rows.iter_mut().for_each(|row| row.1 = !row.1);
    }
    let (mut others, mut places) = (0.0, Vec::with_capacity(rows.len()));
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        let of_rare = tied.iter().filter(|row| row.1).count();
        let of_others = (tied.len() - of_rare) as f64;
        places.resize(places.len() + of_rare, (others + 0.5 * of_others) / (all - rare));
        others += of_others;
    }
    Some(std_population(&places).powi(2) / (rare / all))
}

/// The variance of the influence of a row on average precision.
///
/// With P the share of positives and A the average precision, a row with score s and label y adds
/// (y (precision(s) - A) + Σ over positive rows at or below s of (y - precision) / rank) / P, where a rank counts the rows down to it.
fn average_precision_variance(reference: &Rows<'_>, class: u32, order: &Falling) -> Option<f64> {
    let rows = known(reference, class, order);
    let all = rows.len() as f64;
    let groups = tied_groups(&rows);
    let positives: f64 = groups.iter().map(|group| group.positives).sum();
    if positives == 0.0 {
        return None;
    }
    let average = groups.iter().map(|group| group.positives * group.precision).sum::<f64>() / positives;
    // Sums over this group and those below.
    let (mut of_ranks, mut of_precision) = (0.0, 0.0);
    let mut squares = 0.0;
    for group in groups.iter().rev() {
        of_ranks += group.positives / group.rank;
        of_precision += group.positives * group.precision / group.rank;
        let influence = |y: f64| (y * (group.precision - average) + y * of_ranks - of_precision) / (positives / all);
        squares += group.positives * influence(1.0).powi(2);
        squares += (group.rows - group.positives) * influence(0.0).powi(2);
    }
    Some(squares / all)
}

struct Tied {
    rows: f64,
    positives: f64,
    /// Rows down to the end of the group.
    rank: f64,
    precision: f64,
}

fn tied_groups(rows: &[(f64, bool)]) -> Vec<Tied> {
    let (mut rank, mut hits) = (0.0, 0.0);
    let group = |tied: &[(f64, bool)]| {
        let positives = tied.iter().filter(|row| row.1).count() as f64;
        rank += tied.len() as f64;
        hits += positives;
        Tied { rows: tied.len() as f64, positives, rank, precision: hits / rank }
    };
    rows.chunk_by(|a, b| a.0 == b.0).map(group).collect()
}
