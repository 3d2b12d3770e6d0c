/// How well scores tell the current rows (true) from those of the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Auc {
    /// Probability that a current row has the greater score, ties counted half.
    pub(super) value: f64,
    /// Its variance, by DeLong, DeLong and Clarke-Pearson, Comparing the Areas Under Two or More Correlated ROC Curves (1988).
    pub(super) variance: f64,
    /// Its variance if scores had nothing to do with the sides: that of Mann and Whitney's U, corrected for ties.
    pub(super) null_variance: f64,
    /// Pairs of a current and a reference row.
    pub(super) pairs: f64,
}

impl Auc {
    /// Compares all pairs by sorting: O(n log n). `None` if a side has less than two rows.
    pub(super) fn of(mut scores: Vec<(f64, bool)>) -> Option<Self> {
        scores.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let m = scores.iter().filter(|(_, current)| *current).count() as f64;
        let n = scores.len() as f64 - m;
        if n < 2.0 || m < 2.0 {
            return None;
        }
        let (mut below, mut below_current) = (0.0, 0.0);
        let (mut of_current, mut of_reference, mut ties) = (Spread::default(), Spread::default(), 0.0);
        for equal in scores.chunk_by(|a, b| a.0 == b.0) {
            let current = equal.iter().filter(|(_, current)| *current).count() as f64;
            let all = equal.len() as f64;
            let reference = all - current;
            // Of the other side's rows, the share that each of these beats or is beaten by.
            of_current.add((below + 0.5 * reference) / n, current);
            of_reference.add((m - below_current - 0.5 * current) / m, reference);
            (below, below_current) = (below + reference, below_current + current);
            ties += all * (all - 1.0) * (all + 1.0);
        }
        let rows = n + m;
        Some(Self {
            value: of_current.mean(),
            variance: of_current.variance() / m + of_reference.variance() / n,
            null_variance: (rows + 1.0 - ties / (rows * (rows - 1.0))) / (12.0 * n * m),
            pairs: n * m,
        })
    }

    /// Returns the distance of the value from 1/2 in its deviations if scores had nothing to do with the sides.
    pub(super) fn z(&self) -> f64 {
        if self.null_variance > 0.0 { (self.value - 0.5) / self.null_variance.sqrt() } else { 0.0 }
    }
}

/// Mean and variance of shares between 0 and 1, of which nothing cancels that matters.
#[derive(Default)]
struct Spread {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Spread {
    fn add(&mut self, value: f64, times: f64) {
        self.count += times;
        self.sum += value * times;
        self.squares += (value - 0.5) * (value - 0.5) * times;
    }

    fn mean(&self) -> f64 {
        self.sum / self.count
    }

    fn variance(&self) -> f64 {
        let off = self.mean() - 0.5;
        ((self.squares - self.count * off * off) / (self.count - 1.0)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let scores = [(1.0, false), (2.0, true), (2.0, false), (3.0, true), (0.0, false)];
        let auc = Auc::of(scores.to_vec()).unwrap();
        // Of six pairs five are in order and one is tied.
        assert!((auc.value - 5.5 / 6.0).abs() < 1e-15);
        // Shares of the current rows 5/6 and 1; of the reference's 1, 3/4, 1.
        assert!((auc.variance - (1.0 / 72.0 / 2.0 + 1.0 / 48.0 / 3.0)).abs() < 1e-15, "{}", auc.variance);
        assert!((auc.null_variance - (6.0 - 6.0 / 20.0) / 72.0).abs() < 1e-15);
    }

    #[test]
    fn constants_say_nothing() {
        let auc = Auc::of(vec![(1.0, false), (1.0, true), (1.0, false), (1.0, true)]).unwrap();
        assert_eq!((auc.value, auc.z()), (0.5, 0.0));
        assert_eq!(Auc::of(vec![(1.0, false), (1.0, true)]), None);
    }
}
