//! Missing values: null, and NaN in floats.

use arrow::array::Array;

use crate::quality::{batch::Block, column_type::ColumnType, report::UncheckedReason, tally::Tally, values::Values};

#[derive(Clone, Debug)]
pub(in crate::quality) struct NotNull {
    column: String,
}

impl NotNull {
    pub(super) fn new(column: &str) -> Self {
        Self { column: column.to_owned() }
    }

    pub(super) fn update(&self, block: &Block<'_>, tally: &mut Tally) -> Result<(), UncheckedReason> {
        let array = block.array(&self.column)?;
        let nulls = array.logical_nulls();
        let present = match ColumnType::of(array.data_type()) {
            ColumnType::Float => Values::read(&self.column, &array)?.present(),
            _ => nulls.as_ref().map(|nulls| nulls.inner().clone()),
        };
        tally.checked += block.rows();
        let Some(present) = present else { return Ok(()) };
        let missing = !&present;
        tally.violating += missing.count_set_bits() as u64;
        for row in missing.set_indices() {
            if !tally.wants_examples() {
                break;
            }
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            tally.example(block.row(row), || if is_null { "null" } else { "NaN" }.to_owned());
        }
        Ok(())
    }
}
