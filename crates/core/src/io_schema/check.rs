//! A batch against a schema: finds all violations, column by column.

use std::collections::{HashMap, HashSet};

use arrow::array::{ArrayRef, RecordBatch};

use super::{
    allowed::Allowed,
    convert::{type_fits, type_text},
    elements::Elements,
    field::IoField,
    scan,
    schema::{IoSchema, IoSide},
    shape::ShapeText,
    values::Values,
    violation::{Report, ViolationKind, Violations},
};

/// Says what a check does about columns that the schema does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExtraColumns {
    /// Ignores them: a table often carries keys and labels beside the inputs.
    #[default]
    Ignore,
    /// Reports each as a violation.
    Refuse,
}

impl IoSchema {
    /// Checks a batch of inputs, ignoring columns that the schema does not name.
    ///
    /// Columns go by name, in any order. Text, bytes and lists of any offset width, text and byte views, and
    /// dictionaries are taken as their value type, so a model that needs one encoding must convert; no other type is.
    /// Columnar: a few passes over each column, and a bit (for a dictionary with wrong values, 8 bytes) of memory per
    /// element.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
    /// use lineal_core::{Categories, IoField, IoSchema, IoType};
    ///
    /// let schema = IoSchema::new(
    ///     vec![
    ///         IoField::new("temp", IoType::Float64).with_range(-40.0, 50.0),
    ///         IoField::new("origin", IoType::Utf8).with_categories(Categories::strings(["EWR", "JFK"])),
    ///     ],
    ///     vec![IoField::new("late15", IoType::Float64)],
    /// )?;
    /// let batch = RecordBatch::try_from_iter([
    ///     ("temp", Arc::new(Float64Array::from(vec![21.5, 451.0])) as ArrayRef),
    ///     ("origin", Arc::new(StringArray::from(vec!["LAX", "JFK"])) as ArrayRef),
    /// ])?;
    /// assert_eq!(
    ///     schema.check(&batch).unwrap_err().to_string(),
    ///     "the batch breaks the input schema: \
    ///      column `temp` has 1 values outside -40..=50, first in row 1: 451.0; \
    ///      column `origin` has 1 values of no known category, first in row 0: LAX"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Violations`] lists everything that is wrong: mend the data, do not call the model.
    pub fn check(&self, batch: &RecordBatch) -> Result<(), Violations> {
        self.check_side(IoSide::Input, batch, ExtraColumns::Ignore)
    }

    /// Checks a batch of outputs, ignoring columns that the schema does not name; see [`IoSchema::check`].
    ///
    /// # Errors
    /// [`Violations`] lists everything that is wrong: the model does not keep its signature.
    pub fn check_outputs(&self, batch: &RecordBatch) -> Result<(), Violations> {
        self.check_side(IoSide::Output, batch, ExtraColumns::Ignore)
    }

    /// Checks a batch against one side; see [`IoSchema::check`].
    ///
    /// # Errors
    /// [`Violations`] lists everything that is wrong.
    pub fn check_side(&self, side: IoSide, batch: &RecordBatch, extra: ExtraColumns) -> Result<(), Violations> {
        let mut report = Report::new(side);
        let fields = self.fields(side);
        let columns = columns_by_name(batch);
        for field in fields {
            match columns.get(field.name()) {
                Some((column, 1)) => check_column(field, column, &mut report),
                Some((_, count)) => {
                    report.add(field.name(), ViolationKind::Duplicate { count: *count });
                }
                None if field.is_optional() => {}
                None => report.add(field.name(), ViolationKind::Missing),
            }
        }
        if extra == ExtraColumns::Refuse {
            let known: HashSet<&str> = fields.iter().map(IoField::name).collect();
            for column in batch.schema_ref().fields().iter().filter(|column| !known.contains(column.name().as_str())) {
                report.add(column.name(), ViolationKind::Extra);
            }
        }
        report.finish()
    }
}

/// The first column of each name, and how many have the name.
fn columns_by_name(batch: &RecordBatch) -> HashMap<&str, (&ArrayRef, usize)> {
    let mut columns = HashMap::with_capacity(batch.num_columns());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        columns.entry(field.name().as_str()).or_insert((column, 0)).1 += 1;
    }
    columns
}

fn check_column(field: &IoField, column: &ArrayRef, report: &mut Report) {
    if !type_fits(field, column.data_type()) {
        let expected = format!("{}{}", field.data_type(), ShapeText(field.shape()));
        report.add(field.name(), ViolationKind::Type { expected, found: type_text(column.data_type()) });
        return;
    }
    let elements = Elements::of(field, column, report);
    if field.range().is_some() || field.categories().is_some() {
        check_values(field, &elements, report);
    }
}

fn check_values(field: &IoField, elements: &Elements, report: &mut Report) {
    let values = Values::of(elements);
    if let Some(hits) = values.find(scan::not_a_number(values.plain())) {
        let first_row = elements.row(hits.first);
        report.add(field.name(), ViolationKind::NotANumber { count: hits.count, first_row });
    }
    if let Some(hits) = values.find(scan::disallowed(Allowed::of(field), values.plain())) {
        let (count, first_row) = (hits.count, elements.row(hits.first));
        report.add(
            field.name(),
            match field.range() {
                Some(range) => ViolationKind::OutOfRange {
                    range: range.to_string(),
                    value: values.first_text(&hits),
                    count,
                    first_row,
                },
                None => ViolationKind::UnknownCategory { examples: values.examples(&hits), count, first_row },
            },
        );
    }
}
