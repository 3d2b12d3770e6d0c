//! One column of a reference, while rows go by.

use std::{cmp::Ordering, collections::HashMap};

use arrow::{array::Array, datatypes::DataType};

use super::{
    batch::Block,
    cell::{Cell, KeptCell},
    checks::{Order, Sequence, Unique},
    column_type::ColumnType,
    inference::InferSettings,
    key::Key,
    report::UncheckedReason,
    tally::Tally,
    values::Values,
};

/// Everything inference asks of a column.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) column: String,
    /// Batches that have the column.
    pub(super) batches: u64,
    pub(super) rows: u64,
    pub(super) missing: u64,
    pub(super) data_type: Option<DataType>,
    /// Why no rule about the column can be trusted.
    pub(super) trouble: Option<String>,
    /// The least and the greatest finite value.
    pub(super) extremes: Option<(KeptCell, KeptCell)>,
    pub(super) has_infinity: bool,
    /// Characters of the shortest and the longest text.
    pub(super) lengths: Option<(u64, u64)>,
    /// The distinct values, as long as they are few.
    pub(super) distinct: Option<HashMap<Key, KeptCell>>,
    few_distinct: usize,
    unique: Option<(Unique, Tally)>,
    increasing: Option<(Sequence, Tally)>,
    strictly: Option<(Sequence, Tally)>,
}

impl Profile {
    pub(super) fn new(column: &str, settings: &InferSettings) -> Self {
        let sequence = |order| Some((Sequence::new(column, order), Tally::new(0)));
        Self {
            column: column.to_owned(),
            batches: 0,
            rows: 0,
            missing: 0,
            data_type: None,
            trouble: None,
            extremes: None,
            has_infinity: false,
            lengths: None,
            distinct: Some(HashMap::new()),
            few_distinct: settings.few_distinct,
            unique: Some((Unique::new(&[column.to_owned()], settings.max_keys), Tally::new(0))),
            increasing: sequence(Order::Increasing),
            strictly: sequence(Order::StrictlyIncreasing),
        }
    }

    pub(super) fn present(&self) -> u64 {
        self.rows - self.missing
    }

    pub(super) fn column_type(&self) -> ColumnType {
        self.data_type.as_ref().map_or(ColumnType::Null, ColumnType::of)
    }

    pub(super) fn is_unique(&self) -> bool {
        self.unique.is_some()
    }

    pub(super) fn is_increasing(&self) -> bool {
        self.increasing.is_some()
    }

    pub(super) fn is_strictly_increasing(&self) -> bool {
        self.strictly.is_some()
    }

    /// Ends the pass over the rows.
    pub(super) fn finish(&mut self) {
        self.unique = self.unique.take().and_then(|(mut check, mut tally)| {
            check.settle(&mut tally);
            (tally.violating == 0 && !check.is_full()).then_some((check, tally))
        });
    }

    /// Takes a block; one that cannot be read leaves the column with a reason.
    pub(super) fn update(&mut self, block: &Block<'_>) {
        if self.trouble.is_none()
            && let Err(reason) = self.take(block)
        {
            self.trouble = Some(reason.to_string());
        }
    }

    fn take(&mut self, block: &Block<'_>) -> Result<(), UncheckedReason> {
        let array = block.array(&self.column)?;
        let data_type = self.data_type.get_or_insert_with(|| array.data_type().clone());
        if data_type != array.data_type() {
            self.trouble = Some("its type is not the same in all batches".to_owned());
            return Ok(());
        }
        self.rows += block.rows();
        let Ok(values) = Values::read(&self.column, &array) else {
            self.missing += array.logical_null_count() as u64;
            (self.distinct, self.unique, self.increasing, self.strictly) = (None, None, None, None);
            return Ok(());
        };
        self.missing += block.rows() - values.present().map_or(block.rows(), |p| p.count_set_bits() as u64);
        for (_, cell) in values.cells() {
            self.widen(cell);
            self.count_distinct(cell);
        }
        self.update_checks(block);
        Ok(())
    }

    fn widen(&mut self, cell: Cell<'_>) {
        if matches!(cell, Cell::Float(value) if value.is_infinite()) {
            self.has_infinity = true;
            return;
        }
        if let Cell::Text(text) = cell {
            let length = text.chars().count() as u64;
            let (least, most) = self.lengths.unwrap_or((length, length));
            self.lengths = Some((least.min(length), most.max(length)));
            return;
        }
        match &mut self.extremes {
            None => self.extremes = Some((cell.kept(), cell.kept())),
            Some((least, most)) => {
                if cell.compare(least.cell()) == Some(Ordering::Less) {
                    *least = cell.kept();
                }
                if cell.compare(most.cell()) == Some(Ordering::Greater) {
                    *most = cell.kept();
                }
            }
        }
    }

    fn count_distinct(&mut self, cell: Cell<'_>) {
        let is_label = match cell {
            Cell::Bool(_) | Cell::Integer(_) => true,
            Cell::Text(text) => text.len() <= LONGEST_LABEL,
            Cell::Float(_) | Cell::Instant(_) | Cell::Span(_) => false,
        };
        let Some(distinct) = &mut self.distinct else { return };
        if is_label {
            distinct.entry(Key::of(cell)).or_insert_with(|| cell.kept());
        }
        if !is_label || distinct.len() > self.few_distinct {
            self.distinct = None;
        }
    }

    /// Gives a check up with the first row that violates it.
    fn update_checks(&mut self, block: &Block<'_>) {
        let kept = |(check, tally): &mut (Sequence, Tally)| check.update(block, tally).is_ok() && tally.violating == 0;
        self.increasing = self.increasing.take().and_then(|mut pair| kept(&mut pair).then_some(pair));
        self.strictly = self.strictly.take().and_then(|mut pair| kept(&mut pair).then_some(pair));
        // A float or a time is distinct by chance.
        let may_be_a_key = matches!(self.column_type(), ColumnType::Integer | ColumnType::Text);
        self.unique = self.unique.take().filter(|_| may_be_a_key).and_then(|(mut check, mut tally)| {
            let kept = check.update(block, &mut tally).is_ok() && tally.violating == 0 && !check.is_full();
            kept.then_some((check, tally))
        });
    }
}

/// Bytes of the longest text that is taken as a label.
const LONGEST_LABEL: usize = 100;
