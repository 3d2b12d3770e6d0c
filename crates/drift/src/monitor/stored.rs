//! The stored form of a reference.

use std::collections::BTreeMap;

use lineal_core::Real;
use serde::{Deserialize, Serialize};

use super::edges::Edges;
use super::labels::Labels;
use super::reference::{Bins, Feature, MonitorReference};
use crate::band::Band;
use crate::error::Error;
use crate::method::Method;

/// What a reference is written as; nothing in it is believed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredReference {
    version: u32,
    rows: u64,
    chunk_rows: Option<u64>,
    features: Vec<StoredFeature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredFeature {
    name: String,
    bins: StoredBins,
    counts: Vec<u64>,
    missing: u64,
    usual: BTreeMap<Method, (Option<Real>, Option<Real>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoredBins {
    Edges(Vec<Real>),
    Labels { labels: Vec<Box<str>>, singletons: u64 },
}

impl From<MonitorReference> for StoredReference {
    fn from(reference: MonitorReference) -> Self {
        let features = reference.features().iter().map(StoredFeature::from).collect();
        Self { version: VERSION, rows: reference.rows(), chunk_rows: reference.chunk_rows(), features }
    }
}

impl From<&Feature> for StoredFeature {
    fn from(feature: &Feature) -> Self {
        let bins = match &feature.bins {
            Bins::Numbers(edges) => StoredBins::Edges(edges.iter().map(Real::from).collect()),
            Bins::Labels { labels, singletons } => {
                StoredBins::Labels { labels: labels.labels().to_vec(), singletons: *singletons }
            }
        };
        let limits = |band: &Band| (band.lower.map(Real::from), band.upper.map(Real::from));
        Self {
            name: feature.name.clone(),
            bins,
            counts: feature.counts.clone(),
            missing: feature.missing,
            usual: feature.usual.iter().map(|(method, band)| (*method, limits(band))).collect(),
        }
    }
}

impl TryFrom<StoredReference> for MonitorReference {
    type Error = Error;

    fn try_from(stored: StoredReference) -> Result<Self, Error> {
        if stored.version != VERSION {
            return Err(Error::Saved { what: "reference", reason: "its version is unknown" });
        }
        let rows = stored.rows;
        let features = stored.features.into_iter().map(|feature| feature.restored(rows)).collect::<Result<_, _>>()?;
        Self::laid_out(rows, stored.chunk_rows, features)
    }
}

impl StoredFeature {
    fn restored(self, rows: u64) -> Result<Feature, Error> {
        let bins = match self.bins {
            StoredBins::Edges(edges) => {
                let edges: Vec<f64> = edges.into_iter().map(Real::get).collect();
                Bins::Numbers(Box::new(Edges::from_stored(&edges)?))
            }
            StoredBins::Labels { labels, singletons } if singletons <= rows => {
                Bins::Labels { labels: Labels::from_stored(labels)?, singletons }
            }
            StoredBins::Labels { .. } => {
                return Err(Error::Saved { what: "reference", reason: "more labels than rows" });
            }
        };
        let cells = match &bins {
            Bins::Numbers(edges) => edges.cells(),
            Bins::Labels { labels, .. } => labels.cells(),
        };
        let counted: u128 = self.counts.iter().chain([&self.missing]).map(|count| u128::from(*count)).sum();
        if self.counts.len() != cells || counted != u128::from(rows) {
            return Err(Error::Saved {
                what: "reference",
                reason: "the counts of a feature do not fit its bins or rows",
            });
        }
        let usual = self
            .usual
            .into_iter()
            .map(|(method, (lower, upper))| (method, Band::new(lower.map(Real::get), upper.map(Real::get))));
        Ok(Feature::new(self.name, bins, self.counts, self.missing, usual.collect()))
    }
}

const VERSION: u32 = 1;
