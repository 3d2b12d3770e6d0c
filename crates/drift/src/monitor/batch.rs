//! A record batch, ready to be counted without any further error.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::datatypes::Float64Type;

use super::counts::Counts;
use super::reference::{Bins, Feature, MonitorReference, column};
use crate::arrays::{self, Nature};
use crate::error::Error;

/// The columns of the features, in their order.
pub(crate) struct Columns {
    columns: Vec<Column>,
    rows: usize,
}

enum Column {
    Numbers(Float64Array),
    /// As [`arrays::to_labels`] returns them.
    Labels(ArrayRef),
}

impl Columns {
    /// Finds and converts the column of each feature.
    pub(crate) fn read(reference: &MonitorReference, batch: &RecordBatch) -> Result<Self, Error> {
        let columns = reference.features().iter().map(|feature| Column::read(feature, column(&feature.name, batch)?));
        Ok(Self { columns: columns.collect::<Result<_, _>>()?, rows: batch.num_rows() })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Counts some of the rows.
    pub(crate) fn add_rows(&self, reference: &MonitorReference, rows: Range<usize>, counts: &mut Counts) {
        counts.rows += rows.len() as u64;
        for (feature, column) in reference.features().iter().zip(&self.columns) {
            match column {
                Column::Numbers(numbers) => add_numbers(feature, &numbers.slice(rows.start, rows.len()), counts),
                Column::Labels(labels) => add_labels(feature, &labels.slice(rows.start, rows.len()), counts),
            }
        }
    }
}

impl Column {
    fn read(feature: &Feature, array: &dyn Array) -> Result<Self, Error> {
        match (&feature.bins, arrays::nature(array.data_type())?) {
            (Bins::Numbers(_), Nature::Numbers) => {
                Ok(Self::Numbers(arrays::floats(array)?.as_primitive::<Float64Type>().clone()))
            }
            (Bins::Labels { .. }, Nature::Labels) => arrays::to_labels(array).map(Self::Labels),
            (Bins::Numbers(_), _) => Err(changed("numbers", array)),
            (Bins::Labels { .. }, _) => Err(changed("labels", array)),
        }
    }
}

fn changed(from: &str, array: &dyn Array) -> Error {
    Error::TypeChanged { from: from.into(), to: arrays::type_name(array.data_type()) }
}

fn add_numbers(feature: &Feature, numbers: &Float64Array, counts: &mut Counts) {
    let Bins::Numbers(edges) = &feature.bins else { return };
    let (missing, cells) = (feature.missing_cell(), feature.slice_mut(&mut counts.cells));
    let mut add = |number: f64| {
        let cell = if number.is_nan() { missing } else { edges.cell(number) };
        if let Some(count) = cells.get_mut(cell) {
            *count += 1;
        }
    };
    match numbers.null_count() {
        0 => numbers.values().iter().for_each(|number| add(*number)),
        _ => numbers.iter().for_each(|number| add(number.unwrap_or(f64::NAN))),
    }
}

fn add_labels(feature: &Feature, labels: &ArrayRef, counts: &mut Counts) {
    let Bins::Labels { labels: listed, .. } = &feature.bins else { return };
    arrays::labels_by_row(labels.as_ref(), |label| {
        let cell = label.map_or(feature.missing_cell(), |label| listed.cell(label));
        counts.add_cell(feature.offset() + cell);
        if let Some(label) = label
            && cell == listed.unlisted()
        {
            counts.note_label(feature.position(), label);
        }
    });
}
