//! The American Community Survey that performance without labels is shown on.

use std::path::Path;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::DataType;
use lineal_drift::arrow;
use lineal_drift::performance::Predictions;

use crate::data_sets;

/// Some columns of both parts of the survey, in the order of the file.
pub(crate) struct Acs {
    pub(crate) reference: RecordBatch,
    pub(crate) analysis: RecordBatch,
}

impl Acs {
    pub(crate) fn read<'a>(path: &Path, columns: impl IntoIterator<Item = &'a str>) -> Self {
        let rows = data_sets::read(path, columns.into_iter().chain(["partition"]));
        let partition = cast(rows.column_by_name("partition").unwrap(), &DataType::Utf8).unwrap();
        let part = |name: &str| {
            let wanted: BooleanArray = partition.as_string::<i32>().iter().map(|p| Some(p == Some(name))).collect();
            filter_record_batch(&rows, &wanted).unwrap()
        };
        Self { reference: part("reference"), analysis: part("analysis") }
    }
}

/// Takes the probability, predicted and actual class from columns of these names.
pub(crate) fn predictions(rows: &RecordBatch, [probability, predicted, actual]: [&str; 3]) -> Predictions {
    let column = |name: &str| -> &dyn Array { rows.column_by_name(name).unwrap() };
    let scored = Predictions::binary(column(probability)).unwrap();
    scored.with_predicted(column(predicted)).unwrap().with_actual(column(actual)).unwrap()
}
