//! What is known to be good, as counts.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};
use lineal_core::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use super::chunks;
use super::edges::Edges;
use super::labels::Labels;
use super::stored::StoredReference;
use super::value::Value;
use crate::arrays::{self, Nature};
use crate::band::Band;
use crate::error::{Error, Side, excerpt};
use crate::method::Method;
use crate::sample::Sample;
use crate::settings::ColumnKind;

/// The reference of a [`Monitor`](super::Monitor): bins and counts per feature, instead of the rows.
///
/// Made once, for example after training, and kept with the model. A few hundred bytes per feature. Numbers are binned by quantiles, so that
/// each bin holds about as many rows, with a bin of its own for frequent values and one beyond either end; labels are listed.
/// Serialised with a version; edges are text, so that any JSON library gives back the same bits.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Float64Array, RecordBatch, StringArray};
/// use lineal_drift::monitor::{MonitorReference, ReferenceSettings};
///
/// let temp = Float64Array::from_iter_values((0..1000).map(f64::from));
/// let carrier = StringArray::from_iter_values((0..1000).map(|i| ["UA", "AA"][i % 2]));
/// let batch = RecordBatch::try_from_iter([("temp", Arc::new(temp) as _), ("carrier", Arc::new(carrier) as _)])?;
/// let reference = MonitorReference::build(&[batch], &ReferenceSettings::default())?;
/// assert_eq!(reference.feature_names().collect::<Vec<_>>(), ["temp", "carrier"]);
/// assert_eq!(reference.rows(), 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StoredReference", into = "StoredReference")]
pub struct MonitorReference {
    rows: u64,
    chunk_rows: Option<u64>,
    features: Vec<Feature>,
    cells: usize,
    digest: Digest,
}

/// How a reference is made of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReferenceSettings {
    /// Bins of a feature of numbers besides those beyond the ends, 2 to 60; 32 by default.
    pub bins: u32,
    /// Labels listed per feature, 1 to 65,536; 256 by default. Rarer ones share a cell with those never seen.
    pub max_labels: u32,
    /// Only these columns, in this order; all in the order of the schema if not set.
    pub only: Option<Vec<String>>,
    /// Learn the usual scores from chunks of so many consecutive rows, each held against all the others; see
    /// [`ThresholdRule::ReferenceChunks`](super::ThresholdRule::ReferenceChunks). Not by default. Choose the rows of a window.
    pub chunk_rows: Option<u64>,
    /// Standard deviations above the mean score of a chunk that are still usual; 3 by default.
    pub chunk_deviations: f64,
}

impl Default for ReferenceSettings {
    fn default() -> Self {
        Self { bins: 32, max_labels: 256, only: None, chunk_rows: None, chunk_deviations: 3.0 }
    }
}

impl ReferenceSettings {
    /// Sets the number of bins.
    #[must_use]
    pub fn with_bins(mut self, bins: u32) -> Self {
        self.bins = bins;
        self
    }

    /// Sets how many labels are listed.
    #[must_use]
    pub fn with_max_labels(mut self, labels: u32) -> Self {
        self.max_labels = labels;
        self
    }

    /// Takes only these columns, in this order.
    #[must_use]
    pub fn with_only<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.only = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Learns from chunks of so many rows.
    #[must_use]
    pub fn with_chunk_rows(mut self, rows: u64) -> Self {
        self.chunk_rows = Some(rows);
        self
    }

    fn check(&self) -> Result<(), Error> {
        let setting = |name, value: f64, rule| Err(Error::Setting { name, value, rule });
        if !(2..=60).contains(&self.bins) {
            return setting("bins", f64::from(self.bins), "from 2 to 60");
        }
        if !(1..=Labels::MAX).contains(&(self.max_labels as usize)) {
            return setting("max_labels", f64::from(self.max_labels), "from 1 to 65536");
        }
        if self.chunk_rows == Some(0) {
            return setting("chunk_rows", 0.0, "1 or more");
        }
        if !(self.chunk_deviations.is_finite() && self.chunk_deviations >= 0.0) {
            return setting("chunk_deviations", self.chunk_deviations, "finite and not negative");
        }
        Ok(())
    }
}

impl MonitorReference {
    /// Bins and counts the rows of some batches. O(n log n) per feature of numbers, and one copy of the values of one feature.
    ///
    /// Integers, floats, decimals and times are numbers; booleans and texts are labels.
    ///
    /// # Errors
    /// [`Error::NoReference`] without a batch, [`Error::Empty`] without a row; [`Error::UnsupportedType`], [`Error::TypeChanged`] and
    /// [`Error::Columns`] for a column that cannot be monitored: leave it out by [`ReferenceSettings::with_only`].
    /// [`Error::Setting`] for a setting out of range; [`Error::TooFew`] for chunks that are fewer than two.
    pub fn build(batches: &[RecordBatch], settings: &ReferenceSettings) -> Result<Self, Error> {
        settings.check()?;
        let first = batches.first().ok_or(Error::NoReference)?;
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        if rows == 0 {
            return Err(Error::Empty { what: "monitor reference", side: Side::Reference });
        }
        let names: Vec<String> = match &settings.only {
            Some(only) => only.clone(),
            None => first.schema_ref().fields().iter().map(|field| field.name().clone()).collect(),
        };
        let features = names.into_iter().map(|name| Feature::build(name, batches, settings));
        let mut reference = Self::laid_out(rows, None, features.collect::<Result<_, _>>()?)?;
        if let Some(chunk_rows) = settings.chunk_rows {
            let usual = chunks::usual_scores(&reference, batches, chunk_rows, settings.chunk_deviations)?;
            reference.features.iter_mut().zip(usual).for_each(|(feature, usual)| feature.usual = usual);
            reference.chunk_rows = Some(chunk_rows);
            reference.digest = reference.computed_digest();
        }
        Ok(reference)
    }

    /// Numbers the features and their cells.
    pub(crate) fn laid_out(rows: u64, chunk_rows: Option<u64>, mut features: Vec<Feature>) -> Result<Self, Error> {
        let mut cells = 0;
        for (feature, position) in features.iter_mut().zip(0..) {
            (feature.position, feature.offset) = (position, cells);
            cells += feature.width();
        }
        let mut names: Vec<&str> = features.iter().map(|feature| feature.name.as_str()).collect();
        names.sort_unstable();
        if let Some(name) = names.windows(2).find_map(|pair| pair.first().filter(|first| pair.get(1) == Some(first))) {
            return Err(not_once(name));
        }
        let mut reference = Self { rows, chunk_rows, features, cells, digest: Digest::of(b"") };
        reference.digest = reference.computed_digest();
        Ok(reference)
    }

    /// Returns the rows it was made of.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the names of the features, in the order in which rows have their values.
    pub fn feature_names(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|feature| feature.name.as_str())
    }

    /// Returns what identifies the reference: equal digests count alike.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the rows of the chunks that usual scores were learnt from.
    #[must_use]
    pub fn chunk_rows(&self) -> Option<u64> {
        self.chunk_rows
    }

    pub(crate) fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Returns the number of cells of all features.
    pub(crate) fn cells(&self) -> usize {
        self.cells
    }

    fn computed_digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(b"lineal-monitor-reference\0");
        let number = |hasher: &mut Hasher, number: u64| hasher.update(&number.to_le_bytes());
        let text = |hasher: &mut Hasher, text: &str| {
            number(hasher, text.len() as u64);
            hasher.update(text.as_bytes());
        };
        number(&mut hasher, self.rows);
        for feature in &self.features {
            text(&mut hasher, &feature.name);
            match &feature.bins {
                Bins::Numbers(edges) => {
                    text(&mut hasher, "numbers");
                    edges.iter().for_each(|edge| number(&mut hasher, edge.to_bits()));
                }
                Bins::Labels { labels, singletons } => {
                    text(&mut hasher, "labels");
                    number(&mut hasher, *singletons);
                    labels.labels().iter().for_each(|label| text(&mut hasher, label));
                }
            }
            feature.counts.iter().for_each(|count| number(&mut hasher, *count));
        }
        hasher.finish()
    }
}

/// One feature: its cells, and how many rows of the reference lie in each.
///
/// Behind the cells of the bins stand two more: missing values, and values of the wrong kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Feature {
    pub(crate) name: String,
    pub(crate) bins: Bins,
    /// Rows per cell of the bins.
    pub(crate) counts: Vec<u64>,
    pub(crate) missing: u64,
    /// Scores of chunks of the reference, by method.
    pub(crate) usual: BTreeMap<Method, Band>,
    position: u32,
    offset: usize,
}

/// How values find their cells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bins {
    Numbers(Box<Edges>),
    Labels {
        labels: Labels,
        /// Labels that one row of the reference holds, listed or not.
        singletons: u64,
    },
}

impl Feature {
    /// Its place is given by [`MonitorReference::laid_out`].
    pub(crate) fn new(name: String, bins: Bins, counts: Vec<u64>, missing: u64, usual: BTreeMap<Method, Band>) -> Self {
        Self { name, bins, counts, missing, usual, position: 0, offset: 0 }
    }

    fn build(name: String, batches: &[RecordBatch], settings: &ReferenceSettings) -> Result<Self, Error> {
        let columns = columns(&name, batches)?;
        if nature(&columns)? == Nature::Numbers {
            let sample = Sample::from_arrays(&columns)?;
            let edges = Edges::from_quantiles(sample.finite_slice(), settings.bins as usize);
            let mut counts = vec![0; edges.cells()];
            for value in sample.values() {
                if let Some(count) = counts.get_mut(edges.cell(*value)) {
                    *count += 1;
                }
            }
            let missing = sample.missing();
            return Ok(Self::new(name, Bins::Numbers(Box::new(edges)), counts, missing, BTreeMap::new()));
        }
        let (mut by_label, mut missing) = (BTreeMap::new(), 0);
        for column in &columns {
            missing += arrays::labels(*column, &mut by_label)?;
        }
        let labels = Labels::most_frequent(&by_label, settings.max_labels as usize);
        let mut counts = vec![0; labels.cells()];
        for (label, rows) in &by_label {
            if let Some(count) = counts.get_mut(labels.cell(label)) {
                *count += rows;
            }
        }
        let singletons = by_label.values().filter(|rows| **rows == 1).count() as u64;
        Ok(Self::new(name, Bins::Labels { labels, singletons }, counts, missing, BTreeMap::new()))
    }

    /// Returns the cell of a value, counted from the feature's own first.
    #[inline]
    pub(crate) fn cell(&self, value: &Value<'_>) -> usize {
        match (&self.bins, value) {
            (Bins::Numbers(_), Value::Number(number)) => self.number_cell(*number),
            (Bins::Labels { labels, .. }, Value::Label(label)) => labels.cell(label),
            (_, Value::Missing) => self.missing_cell(),
            _ => self.mistyped_cell(),
        }
    }

    #[inline]
    pub(crate) fn number_cell(&self, number: f64) -> usize {
        match &self.bins {
            Bins::Numbers(edges) if !number.is_nan() => edges.cell(number),
            Bins::Numbers(_) => self.missing_cell(),
            Bins::Labels { .. } => self.mistyped_cell(),
        }
    }

    pub(crate) fn missing_cell(&self) -> usize {
        self.counts.len()
    }

    pub(crate) fn mistyped_cell(&self) -> usize {
        self.counts.len() + 1
    }

    /// Returns the cell of labels that are not listed; `None` for numbers.
    #[inline]
    pub(crate) fn unlisted_cell(&self) -> Option<usize> {
        match &self.bins {
            Bins::Labels { labels, .. } => Some(labels.unlisted()),
            Bins::Numbers(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> ColumnKind {
        match self.bins {
            Bins::Numbers(_) => ColumnKind::Numeric,
            Bins::Labels { .. } => ColumnKind::Categorical,
        }
    }

    pub(crate) fn position(&self) -> u32 {
        self.position
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// Cells with missing and mistyped values.
    fn width(&self) -> usize {
        self.counts.len() + 2
    }

    /// Returns the feature's own cells of the cells of all.
    pub(crate) fn slice<'a>(&self, cells: &'a [u64]) -> &'a [u64] {
        cells.get(self.offset..self.offset + self.width()).unwrap_or_default()
    }

    /// Returns the feature's own cells of the cells of all, to count in.
    pub(crate) fn slice_mut<'a>(&self, cells: &'a mut [u64]) -> &'a mut [u64] {
        cells.get_mut(self.offset..self.offset + self.width()).unwrap_or_default()
    }
}

/// Returns the one column of that name in each batch.
fn columns<'a>(name: &str, batches: &'a [RecordBatch]) -> Result<Vec<&'a dyn Array>, Error> {
    batches.iter().map(|batch| column(name, batch)).collect()
}

/// Returns the one column of that name.
pub(crate) fn column<'a>(name: &str, batch: &'a RecordBatch) -> Result<&'a dyn Array, Error> {
    let fields = batch.schema_ref().fields().iter().zip(batch.columns());
    let mut held = fields.filter(|(field, _)| field.name() == name).map(|(_, array)| array.as_ref());
    match (held.next(), held.next()) {
        (Some(array), None) => Ok(array),
        _ => Err(not_once(name)),
    }
}

/// Returns the one nature of all arrays.
fn nature(columns: &[&dyn Array]) -> Result<Nature, Error> {
    let mut types = columns.iter().map(|array| array.data_type());
    let first = types.next().ok_or(Error::NoReference)?;
    let nature = arrays::nature(first)?;
    for other in types {
        if arrays::nature(other)? != nature {
            return Err(Error::TypeChanged { from: arrays::type_name(first), to: arrays::type_name(other) });
        }
    }
    Ok(nature)
}

fn not_once(name: &str) -> Error {
    Error::Columns { column: excerpt(name), problem: "it does not stand exactly once" }
}
