//! What is kept of each column.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::frequent::{LEAST_CAPACITY, MOST_CAPACITY};
use super::kll::LEAST_K;
use super::table::TableProfile;
use crate::error::Error;

/// Settings of a profile; the defaults suit most columns.
///
/// ```
/// use lineal_drift::profile::ProfileSettings;
///
/// let settings = ProfileSettings::default().with_k(400).with_frequent(256).with_seed(7);
/// assert_eq!(settings.k, 400);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ProfileSettings {
    /// Size of the quantile sketch, 8 to 65535; 200 errs by 1.33 % of the ranks.
    pub k: u16,
    /// How many frequent values are kept, 8 to 4096; no count is off by more than rows / (this + 1).
    pub frequent: u16,
    /// Of the coins of the quantile sketch.
    pub seed: u64,
    /// Edges of a histogram by column, ascending and finite; bins are (edge, next edge] with open ends.
    pub edges: BTreeMap<String, Vec<f64>>,
}

impl Default for ProfileSettings {
    fn default() -> Self {
        Self { k: 200, frequent: 128, seed: 0, edges: BTreeMap::new() }
    }
}

impl ProfileSettings {
    /// Sets the size of the quantile sketch.
    #[must_use]
    pub fn with_k(self, k: u16) -> Self {
        Self { k, ..self }
    }

    /// Sets how many frequent values are kept.
    #[must_use]
    pub fn with_frequent(self, frequent: u16) -> Self {
        Self { frequent, ..self }
    }

    /// Sets the seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets the edges of the histogram of a numeric column.
    #[must_use]
    pub fn with_edges(mut self, column: impl Into<String>, edges: impl Into<Vec<f64>>) -> Self {
        self.edges.insert(column.into(), edges.into());
        self
    }

    /// Sets the edges of all numeric columns of a reference to its deciles ([`ColumnProfile::decile_edges`](super::ColumnProfile::decile_edges)),
    /// so that current rows are counted exactly in the bins that drift is measured over.
    #[must_use]
    pub fn with_edges_of(mut self, reference: &TableProfile) -> Self {
        for (name, column) in reference.columns() {
            if let Some(edges) = column.decile_edges() {
                self.edges.insert(name.to_owned(), edges);
            }
        }
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.k < LEAST_K {
            return Err(Error::Setting { name: "k", value: f64::from(self.k), rule: "8 to 65535" });
        }
        if !(LEAST_CAPACITY..=MOST_CAPACITY).contains(&self.frequent) {
            return Err(Error::Setting { name: "frequent", value: f64::from(self.frequent), rule: "8 to 4096" });
        }
        for edges in self.edges.values() {
            if let Some(edge) = edges.iter().find(|edge| !edge.is_finite()) {
                return Err(Error::Setting { name: "edges", value: *edge, rule: "finite" });
            }
            if let Some([_, edge]) = edges.windows(2).find(|pair| pair.first() >= pair.last()) {
                return Err(Error::Setting { name: "edges", value: *edge, rule: "greater than the edge before" });
            }
            if edges.len() > MOST_EDGES {
                return Err(Error::Setting { name: "edges", value: edges.len() as f64, rule: "at most 4096 edges" });
            }
        }
        Ok(())
    }
}

pub(super) const MOST_EDGES: usize = 4096;
