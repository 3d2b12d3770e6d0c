//! Exact counts of the rows of a pane.

use std::collections::{BTreeMap, BTreeSet};

use lineal_core::Digest;
use serde::{Deserialize, Serialize};

use super::reference::MonitorReference;
use super::value::Value;
use crate::error::Error;

/// Rows, cells of all features, and the first unknown labels by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    pub(crate) rows: u64,
    /// Of all features one after the other; see [`MonitorReference`] for the order.
    pub(crate) cells: Vec<u64>,
    /// By position of the feature; few, short, and the same whatever the order of the rows.
    pub(crate) new_labels: BTreeMap<u32, BTreeSet<String>>,
}

impl Counts {
    pub(crate) fn empty(reference: &MonitorReference) -> Self {
        Self { rows: 0, cells: vec![0; reference.cells()], new_labels: BTreeMap::new() }
    }

    /// Counts one row that has a value for each feature.
    #[inline]
    pub(crate) fn add_row(&mut self, reference: &MonitorReference, row: &[Value<'_>]) {
        self.rows += 1;
        for (feature, value) in reference.features().iter().zip(row) {
            let cell = feature.cell(value);
            self.add_cell(feature.offset() + cell);
            if let Value::Label(label) = value
                && Some(cell) == feature.unlisted_cell()
            {
                self.note_label(feature.position(), label);
            }
        }
    }

    #[inline]
    pub(crate) fn add_cell(&mut self, at: usize) {
        if let Some(count) = self.cells.get_mut(at) {
            *count += 1;
        }
    }

    /// Remembers an unknown label if it is among the first by name.
    pub(crate) fn note_label(&mut self, feature: u32, label: &str) {
        let label = cut(label);
        let known = self.new_labels.entry(feature).or_default();
        let full = known.len() >= LABELS;
        if full && known.last().is_some_and(|last| last.as_str() <= label) || known.contains(label) {
            return;
        }
        known.insert(label.to_owned());
        if full {
            known.pop_last();
        }
    }

    /// Adds other counts over the same cells: exact, in any order.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.rows = self.rows.saturating_add(other.rows);
        for (count, more) in self.cells.iter_mut().zip(&other.cells) {
            *count = count.saturating_add(*more);
        }
        for (feature, labels) in &other.new_labels {
            labels.iter().for_each(|label| self.note_label(*feature, label));
        }
    }

    /// Refuses stored counts that are not over the cells of the reference.
    pub(crate) fn check(&self, reference: &MonitorReference) -> Result<(), Error> {
        let saved = |reason| Err(Error::Saved { what: "pane", reason });
        if self.cells.len() != reference.cells() {
            return saved("it does not have the cells of the reference");
        }
        for feature in reference.features() {
            let rows: u128 = feature.slice(&self.cells).iter().map(|count| u128::from(*count)).sum();
            if rows != u128::from(self.rows) {
                return saved("a feature does not have as many values as there are rows");
            }
        }
        let fits = |(feature, labels): (&u32, &BTreeSet<String>)| {
            let labelled = reference.features().get(*feature as usize).is_some_and(|f| f.unlisted_cell().is_some());
            labelled && labels.len() <= LABELS && labels.iter().all(|label| label.len() <= LABEL_BYTES)
        };
        if !self.new_labels.iter().all(fits) {
            return saved("its new labels are too many, too long, or of a feature of numbers");
        }
        Ok(())
    }
}

/// The counts of one pane of one replica, to be saved, sent, and added up.
///
/// Exact: adding the panes of several replicas gives what one monitor would have counted that saw all rows, in any order of adding.
/// Made by [`Monitor::take`](super::Monitor::take) and [`Monitor::take_until`](super::Monitor::take_until).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaneCounts {
    version: u32,
    reference: Digest,
    pane: u64,
    counts: Counts,
}

impl PaneCounts {
    pub(crate) fn new(reference: &MonitorReference, pane: u64, counts: Counts) -> Self {
        Self { version: VERSION, reference: reference.digest(), pane, counts }
    }

    /// Returns the number of the pane, from 0.
    #[must_use]
    pub fn pane(&self) -> u64 {
        self.pane
    }

    /// Returns how many rows were counted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.counts.rows
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Adds the same pane of another replica.
    ///
    /// # Errors
    /// [`Error::Saved`] if it is another pane, or of another reference.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if (self.reference, self.pane, self.version) != (other.reference, other.pane, other.version)
            || self.counts.cells.len() != other.counts.cells.len()
        {
            return Err(Error::Saved { what: "pane", reason: "it is another pane, or of another reference" });
        }
        self.counts.merge(&other.counts);
        Ok(())
    }

    /// Returns the counts if they are over the cells of `reference`.
    pub(crate) fn checked(&self, reference: &MonitorReference) -> Result<&Counts, Error> {
        if self.version != VERSION {
            return Err(Error::Saved { what: "pane", reason: "its version is unknown" });
        }
        if self.reference != reference.digest() {
            return Err(Error::Saved { what: "pane", reason: "it was counted by another reference" });
        }
        self.counts.check(reference)?;
        Ok(&self.counts)
    }
}

/// Cuts a label between characters.
fn cut(label: &str) -> &str {
    let end = (0..=LABEL_BYTES.min(label.len())).rev().find(|at| label.is_char_boundary(*at));
    label.get(..end.unwrap_or(0)).unwrap_or_default()
}

const VERSION: u32 = 1;
/// So many unknown labels are named.
const LABELS: usize = 16;
/// Longer ones are cut.
const LABEL_BYTES: usize = 64;
