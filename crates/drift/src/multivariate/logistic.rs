use std::collections::VecDeque;

use rayon::prelude::*;

use crate::math::dot::dot;

/// Rows with the side they come from.
pub(super) struct LabelledRows<'a> {
    pub(super) values: &'a [f64],
    pub(super) width: usize,
    /// Whether a row belongs to the current side.
    pub(super) current: &'a [bool],
}

/// A linear classifier.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Logistic {
    /// One for each column, then the intercept.
    weights: Vec<f64>,
}

impl Logistic {
    /// Minimises Σ log loss + l2 / 2 |weights|² over some of the rows; the intercept is free.
    ///
    /// Limited-memory BFGS (Liu and Nocedal, 1989) from zero: O(rows × columns) for each of some ten or hundred steps. Rows are summed
    /// in parts of a fixed size in order, so the result does not depend on threads.
    pub(super) fn fit(rows: &LabelledRows<'_>, chosen: &[usize], l2: f64) -> Self {
        let mut at = Point::new(rows, chosen, l2, vec![0.0; rows.width + 1]);
        let mut memory = Memory::new(4.0 / (chosen.len() as f64 + 4.0 * l2));
        let enough = GRADIENT * chosen.len() as f64;
        for _ in 0..MOST_STEPS {
            if at.gradient.iter().all(|g| g.abs() <= enough) {
                break;
            }
            let Some(next) = at.step(&memory.direction(&at.gradient), |w| Point::new(rows, chosen, l2, w)) else {
                break;
            };
            memory.remember(&at, &next);
            at = next;
        }
        Self { weights: at.weights }
    }

    pub(super) fn weights(&self) -> &[f64] {
        self.weights.split_last().map_or(&[], |(_, weights)| weights)
    }

    pub(super) fn score(&self, row: &[f64]) -> f64 {
        self.weights.last().copied().unwrap_or_default() + dot(&self.weights, row)
    }
}

/// A place of the search.
struct Point {
    weights: Vec<f64>,
    loss: f64,
    gradient: Vec<f64>,
}

impl Point {
    fn new(rows: &LabelledRows<'_>, chosen: &[usize], l2: f64, weights: Vec<f64>) -> Self {
        let model = Logistic { weights };
        let parts: Vec<(f64, Vec<f64>)> = chosen.par_chunks(PART_ROWS).map(|part| losses(rows, part, &model)).collect();
        let mut weights = model.weights;
        let (mut loss, mut gradient) = (0.0, vec![0.0; weights.len()]);
        for (more, slope) in parts {
            loss += more;
            gradient.iter_mut().zip(slope).for_each(|(sum, value)| *sum += value);
        }
        let intercept = weights.pop();
        loss += 0.5 * l2 * dot(&weights, &weights);
        gradient.iter_mut().zip(&weights).for_each(|(slope, weight)| *slope += l2 * weight);
        weights.extend(intercept);
        Self { weights, loss, gradient }
    }

    /// Goes along a direction until the loss has sunk as far as the slope promises (Armijo); `None` at the limits of `f64`.
    fn step(&self, direction: &[f64], evaluate: impl Fn(Vec<f64>) -> Self) -> Option<Self> {
        let slope = dot(direction, &self.gradient);
        let mut length = 1.0;
        for _ in 0..MOST_HALVINGS {
            let next = evaluate(self.weights.iter().zip(direction).map(|(w, d)| w + length * d).collect());
            if next.loss <= self.loss + 1e-4 * length * slope && next.loss < self.loss {
                return Some(next);
            }
            length *= 0.5;
        }
        None
    }
}

fn losses(rows: &LabelledRows<'_>, part: &[usize], model: &Logistic) -> (f64, Vec<f64>) {
    let (mut loss, mut gradient) = (0.0, vec![0.0; rows.width + 1]);
    for &at in part {
        let from = at * rows.width;
        let row = rows.values.get(from..from + rows.width).unwrap_or_default();
        let score = model.score(row);
        let small = (-score.abs()).exp();
        let probability = if score >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
        let is_current = rows.current.get(at).copied().unwrap_or_default();
        loss += small.ln_1p() + if is_current { (-score).max(0.0) } else { score.max(0.0) };
        let off = probability - f64::from(u8::from(is_current));
        gradient.iter_mut().zip(row).for_each(|(slope, value)| *slope += off * value);
        if let Some(intercept) = gradient.last_mut() {
            *intercept += off;
        }
    }
    (loss, gradient)
}

/// The last steps and how the gradient changed with them, which stand for the matrix of second derivatives.
struct Memory {
    steps: VecDeque<(Vec<f64>, Vec<f64>, f64)>,
    scale: f64,
}

impl Memory {
    fn new(scale: f64) -> Self {
        Self { steps: VecDeque::new(), scale }
    }

    fn remember(&mut self, from: &Point, to: &Point) {
        let difference = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
        let (step, change) = (difference(&to.weights, &from.weights), difference(&to.gradient, &from.gradient));
        let (along, square) = (dot(&step, &change), dot(&change, &change));
        if along <= 0.0 || square <= 0.0 {
            return;
        }
        if self.steps.len() == REMEMBERED {
            self.steps.pop_front();
        }
        self.scale = along / square;
        self.steps.push_back((step, change, along));
    }

    /// Two loops over the memory turn the gradient into a direction down.
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut parts = Vec::with_capacity(self.steps.len());
        for (step, change, along) in self.steps.iter().rev() {
            let part = dot(step, &direction) / along;
            direction.iter_mut().zip(change).for_each(|(d, c)| *d -= part * c);
            parts.push(part);
        }
        direction.iter_mut().for_each(|d| *d *= self.scale);
        for ((step, change, along), part) in self.steps.iter().zip(parts.into_iter().rev()) {
            let correction = part - dot(change, &direction) / along;
            direction.iter_mut().zip(step).for_each(|(d, s)| *d += correction * s);
        }
        direction
    }
}

const PART_ROWS: usize = 2048;
const REMEMBERED: usize = 10;
const MOST_STEPS: usize = 300;
const MOST_HALVINGS: u32 = 40;

/// The search ends where no part of the gradient exceeds this for each row.
const GRADIENT: f64 = 1e-9;
