//! Counts between edges that are known beforehand.

use serde::{Deserialize, Serialize};

use super::codec::{Malformed, Reader, Writer};
use super::settings::MOST_EDGES;

/// Exact counts in bins (edge, next edge], the first and the last one open; one bin more than edges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FixedHistogram {
    /// Ascending and finite.
    pub edges: Vec<f64>,
    /// Finite values per bin.
    pub counts: Vec<u64>,
}

impl FixedHistogram {
    pub(super) fn new(edges: Vec<f64>) -> Self {
        Self { counts: vec![0; edges.len() + 1], edges }
    }

    pub(super) fn add_sorted(&mut self, values: &[f64]) {
        let mut rest = values;
        let open = [f64::INFINITY];
        for (edge, count) in self.edges.iter().chain(&open).zip(&mut self.counts) {
            let (here, after) = rest.split_at(rest.partition_point(|value| value <= edge));
            *count = count.saturating_add(here.len() as u64);
            rest = after;
        }
    }

    /// Adds other counts; `false` if they are over other edges.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        if self.edges != other.edges {
            return false;
        }
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*other);
        }
        true
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most 4096 edges")]
    pub(super) fn write(&self, to: &mut Writer) {
        to.u16(self.edges.len() as u16);
        self.edges.iter().for_each(|edge| to.f64(*edge));
        self.counts.iter().for_each(|count| to.u64(*count));
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let length = usize::from(from.u16()?);
        let edges = from.f64s(length)?;
        let is_sound = edges.iter().all(|edge| edge.is_finite()) && edges.is_sorted_by(|one, next| one < next);
        if !is_sound || length > MOST_EDGES {
            return Err(Malformed("the edges of a histogram do not ascend"));
        }
        let counts = (0..=length).map(|_| from.u64()).collect::<Result<_, _>>()?;
        Ok(Self { edges, counts })
    }
}
