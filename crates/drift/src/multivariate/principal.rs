use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::math::symmetric::Eigen;

/// Directions of the greatest variance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Principal {
    /// Vectors of length one, greatest variance first.
    directions: Vec<Vec<f64>>,
    explained: f64,
}

impl Principal {
    /// Keeps directions until they explain more than `share` of the variance.
    pub(super) fn of(eigen: Eigen, share: f64) -> Self {
        let mut pairs = eigen.pairs;
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let total: f64 = pairs.iter().map(|(value, _)| value.max(0.0)).sum();
        let (mut kept, mut directions) = (0.0, Vec::new());
        for (value, vector) in pairs {
            if total > 0.0 && kept / total > share {
                break;
            }
            kept += value.max(0.0);
            directions.push(vector);
        }
        Self { directions, explained: if total > 0.0 { kept / total } else { 1.0 } }
    }

    pub(super) fn components(&self) -> usize {
        self.directions.len()
    }

    pub(super) fn explained(&self) -> f64 {
        self.explained
    }

    pub(super) fn is_finite(&self) -> bool {
        self.explained.is_finite() && self.directions.iter().flatten().all(|value| value.is_finite())
    }
}

/// Returns the length of what the directions leave of each row.
pub(super) fn reconstruction_errors(principal: &Principal, rows: &[f64], width: usize) -> Vec<f64> {
    let error = |row: &[f64]| {
        let mut rest = row.to_vec();
        for direction in &principal.directions {
            let along: f64 = row.iter().zip(direction).map(|(a, b)| a * b).sum();
            rest.iter_mut().zip(direction).for_each(|(value, part)| *value -= along * part);
        }
        rest.iter().map(|v| v * v).sum::<f64>().sqrt()
    };
    rows.par_chunks(width.max(1)).map(error).collect()
}
