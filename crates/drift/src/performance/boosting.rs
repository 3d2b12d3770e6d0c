//! Gradient boosting of small trees over binned features: the regressor behind direct loss estimation.

use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::math::moments::compensated_sum;

/// A sum of small regression trees, each fitted to what the ones before left over (squared loss).
///
/// Small on purpose: 100 trees of depth 4 over at most 64 bins a feature, learning rate 0.1, at least 20 rows a leaf, nothing random.
/// Missing features are below all others. Source: Friedman, Greedy function approximation (2001); bins as in LightGBM (Ke et al. 2017).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Boosting {
    base: f64,
    trees: Vec<Vec<Node>>,
}

/// A node of a tree; the children of a split stand side by side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Node {
    Split { feature: u32, threshold: f64, left: u32 },
    Leaf(f64),
}

/// Features as the number of their bin, column by column.
#[derive(Debug)]
pub(crate) struct Binned {
    codes: Vec<Vec<u8>>,
    /// Upper ends of the bins but the last, rising; code 0 is for missing values, code i + 1 for those up to end i.
    ends: Vec<Vec<f64>>,
}

impl Binned {
    /// Cuts each column at its quantiles. O(n log n) for each.
    pub(crate) fn new(features: ArrayView2<'_, f64>) -> Self {
        let columns: Vec<Vec<f64>> = features.columns().into_iter().map(|column| column.to_vec()).collect();
        let (codes, ends) = columns.par_iter().map(|column| bin(column)).unzip();
        Self { codes, ends }
    }
}

fn bin(column: &[f64]) -> (Vec<u8>, Vec<f64>) {
    let mut sorted: Vec<f64> = column.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |cut: usize| sorted.get(cut * sorted.len() / CUTS).copied();
    let mut ends: Vec<f64> = (1..CUTS).filter_map(at).collect();
    ends.dedup();
    let code = |v: &f64| if v.is_nan() { 0 } else { 1 + ends.partition_point(|end| end < v) };
    let codes = column.iter().map(|v| u8::try_from(code(v)).unwrap_or(u8::MAX)).collect();
    (codes, ends)
}

impl Boosting {
    /// Fits a target for each row. O(rows · features) for each level of each tree, features in parallel.
    pub(crate) fn fit(features: &Binned, target: &[f64]) -> Self {
        let base = compensated_sum(target.iter().copied()) / target.len().max(1) as f64;
        let mut left_over: Vec<f64> = target.iter().map(|value| value - base).collect();
        let mut trees = Vec::new();
        for _ in 0..TREES {
            let (tree, leaf_of) = grow(features, &left_over);
            if tree.len() < 2 {
                break;
            }
            for (rest, leaf) in left_over.iter_mut().zip(leaf_of) {
                if let Some(Node::Leaf(value)) = tree.get(leaf as usize) {
                    *rest -= value;
                }
            }
            trees.push(tree);
        }
        Self { base, trees }
    }

    /// Returns the prediction for a row of features.
    pub(crate) fn predict(&self, row: impl Fn(usize) -> f64) -> f64 {
        self.base + self.trees.iter().map(|tree| leaf(tree, &row)).sum::<f64>()
    }
}

/// Walks down; children stand behind their parent, so that no saved state makes it go round.
fn leaf(tree: &[Node], row: &impl Fn(usize) -> f64) -> f64 {
    let mut at = 0;
    loop {
        match tree.get(at) {
            Some(Node::Split { feature, threshold, left }) if *left as usize > at => {
                let goes_right = row(*feature as usize) > *threshold;
                at = *left as usize + usize::from(goes_right);
            }
            Some(Node::Leaf(value)) => return *value,
            _ => return 0.0,
        }
    }
}

/// Grows a tree level by level; returns it with the leaf of each row.
fn grow(features: &Binned, target: &[f64]) -> (Vec<Node>, Vec<u32>) {
    let mut tree = vec![Node::Leaf(0.0)];
    let mut node_of = vec![0_u32; target.len()];
    let mut open = 0..1_usize;
    for _ in 0..DEPTH {
        let splits = best_splits(features, target, &node_of, open.clone());
        let first_child = tree.len();
        // The code up to which rows go left, and the left child, of each open node.
        let mut children: Vec<Option<(usize, u8, u32)>> = vec![None; open.len()];
        for ((split, node), child) in splits.into_iter().zip(open.clone()).zip(&mut children) {
            let (Some(split), Ok(left)) = (split, u32::try_from(tree.len())) else { continue };
            let ends = features.ends.get(split.feature);
            let below = |code: u8| ends.and_then(|ends| ends.get(usize::from(code).checked_sub(1)?)).copied();
            let threshold = below(split.code).unwrap_or(f64::NEG_INFINITY);
            let feature = u32::try_from(split.feature).unwrap_or(u32::MAX);
            if let Some(node) = tree.get_mut(node) {
                *node = Node::Split { feature, threshold, left };
            }
            *child = Some((split.feature, split.code, left));
            tree.extend(split.values.map(|value| Node::Leaf(RATE * value)));
        }
        if tree.len() == first_child {
            break;
        }
        for (row, node) in node_of.iter_mut().enumerate() {
            let split = (*node as usize).checked_sub(open.start).and_then(|at| children.get(at).copied().flatten());
            if let Some((feature, code, left)) = split {
                let own = features.codes.get(feature).and_then(|codes| codes.get(row)).copied().unwrap_or_default();
                *node = left + u32::from(own > code);
            }
        }
        open = first_child..tree.len();
    }
    (tree, node_of)
}

/// Rows with codes up to `code` go left.
#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    feature: usize,
    code: u8,
    /// Means of both sides.
    values: [f64; 2],
}

/// Returns the best split of each open node; of equally good ones the first.
fn best_splits(features: &Binned, target: &[f64], node_of: &[u32], open: std::ops::Range<usize>) -> Vec<Option<Split>> {
    let of_feature = |(feature, codes): (usize, &Vec<u8>)| -> Vec<Option<Split>> {
        let mut sums = vec![(0.0_f64, 0_u32); open.len() * CODES];
        for ((code, node), value) in codes.iter().zip(node_of).zip(target) {
            let slot = (*node as usize).checked_sub(open.start).map(|at| at * CODES + usize::from(*code));
            if let Some((sum, rows)) = slot.and_then(|slot| sums.get_mut(slot)) {
                *sum += value;
                *rows += 1;
            }
        }
        sums.chunks(CODES).map(|of_node| best_split(feature, of_node)).collect()
    };
    let found: Vec<Vec<Option<Split>>> = features.codes.par_iter().enumerate().map(of_feature).collect();
    let mut best: Vec<Option<Split>> = vec![None; open.len()];
    for of_feature in found {
        for (best, other) in best.iter_mut().zip(of_feature) {
            let gain = |split: &Option<Split>| split.map_or(0.0, |split| split.gain);
            if gain(&other) > gain(best) {
                *best = other;
            }
        }
    }
    best
}

fn best_split(feature: usize, sums: &[(f64, u32)]) -> Option<Split> {
    let all = sums.iter().fold((0.0, 0_u32), |all, bin| (all.0 + bin.0, all.1 + bin.1));
    let score = |sum: f64, rows: u32| sum * sum / f64::from(rows.max(1));
    let mut best: Option<Split> = None;
    let mut left = (0.0, 0_u32);
    for (code, bin) in (0_u8..).zip(sums) {
        left = (left.0 + bin.0, left.1 + bin.1);
        let right = (all.0 - left.0, all.1 - left.1);
        if left.1 < LEAF_ROWS || right.1 < LEAF_ROWS {
            continue;
        }
        let gain = score(left.0, left.1) + score(right.0, right.1) - score(all.0, all.1);
        if gain > best.map_or(0.0, |best| best.gain) {
            let values = [left, right].map(|(sum, rows)| sum / f64::from(rows));
            best = Some(Split { gain, feature, code, values });
        }
    }
    best
}

const TREES: usize = 100;
const DEPTH: usize = 4;
const RATE: f64 = 0.1;
const LEAF_ROWS: u32 = 20;
const CUTS: usize = 64;
/// A bin for missing values, and one beyond the last cut.
const CODES: usize = CUTS + 1;

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn steps_and_missing_values_are_learnt() {
        let features = Array2::from_shape_fn((4_000, 3), |(row, column)| match column {
            0 => (row % 100) as f64,
            1 if row % 7 == 0 => f64::NAN,
            1 => 1.0,
            _ => (row * 31 % 57) as f64,
        });
        let truth = |x: f64, y: f64| if x > 49.0 { 3.0 } else { 1.0 } + if y.is_nan() { 5.0 } else { 0.0 };
        let target: Vec<f64> = features.rows().into_iter().map(|row| truth(row[0], row[1])).collect();
        let fitted = Boosting::fit(&Binned::new(features.view()), &target);
        for (x, y) in [(10.0, 1.0), (90.0, 1.0), (10.0, f64::NAN), (90.0, f64::NAN)] {
            let found = fitted.predict(|feature| [x, y, 3.0][feature]);
            assert!((found - truth(x, y)).abs() < 0.02, "{x} {y}: {found}");
        }
    }

    #[test]
    fn nothing_to_learn_and_saved_nonsense() {
        let none = Boosting::fit(&Binned::new(Array2::zeros((0, 2)).view()), &[]);
        assert_eq!(none.predict(|_| 1.0), 0.0);
        let constant = Boosting::fit(&Binned::new(Array2::zeros((50, 1)).view()), &[4.0; 50]);
        assert_eq!((constant.predict(|_| 1.0), constant.trees.len()), (4.0, 0));
        let round = vec![Node::Split { feature: 9, threshold: 0.0, left: 0 }];
        assert_eq!(leaf(&round, &|_| 1.0), 0.0);
        assert_eq!(leaf(&[Node::Split { feature: 0, threshold: 0.0, left: 7 }], &|_| 1.0), 0.0);
    }
}
