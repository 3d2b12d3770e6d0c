use super::{
    page_table::{ColumnFacts, PageTable},
    value::Value,
};

/// What is known of the values of a table without reading it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TableStatistics {
    /// How many rows.
    pub rows: u64,
    /// The columns, in order.
    pub columns: Vec<ColumnStatistics>,
}

/// What is known of the values of a column.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ColumnStatistics {
    /// The column.
    pub name: String,
    /// How many rows have no value.
    pub nulls: u64,
    /// The least value that is not NaN; at most that, if it is a text of more than 64 bytes. `None` without values, and for
    /// types without an order here: intervals, decimals of 256 bits, and nested ones.
    pub min: Option<Value>,
    /// The greatest value that is not NaN; at least that, if it is a text of more than 64 bytes.
    pub max: Option<Value>,
    /// About how many values differ, with a standard error of 3.3 %; nulls do not count.
    pub distinct: u64,
}

/// A column whose statistics differ between two tables.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StatisticsChange {
    /// The column as it was; `None` if it is new.
    pub old: Option<ColumnStatistics>,
    /// The column as it is; `None` if it is gone.
    pub new: Option<ColumnStatistics>,
}

impl TableStatistics {
    /// Returns the statistics of a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnStatistics> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Returns the columns whose statistics are others in `new`: first those of this table, then those that are new. Columns are told
    /// apart by name: one that was renamed is gone and new.
    #[must_use]
    pub fn diff(&self, new: &Self) -> Vec<StatisticsChange> {
        let kept = self.columns.iter().map(|old| (Some(old), new.column(&old.name)));
        let added = new.columns.iter().filter(|column| self.column(&column.name).is_none());
        let pairs = kept.chain(added.map(|column| (None, Some(column))));
        let changed = pairs.filter(|(old, new)| old != new);
        changed.map(|(old, new)| StatisticsChange { old: old.cloned(), new: new.cloned() }).collect()
    }
}

impl PageTable {
    /// Puts together what is known of each row group.
    pub(crate) fn statistics(&self) -> TableStatistics {
        let columns = self.columns.iter().enumerate().map(|(at, (name, _))| {
            let mut facts = ColumnFacts::default();
            self.groups.iter().filter_map(|group| group.columns.get(at)).for_each(|part| facts.merge(part));
            let (min, max) = facts.bounds.map(|bounds| (bounds.min, bounds.max)).unzip();
            let distinct = facts.distinct.estimate().min(self.rows().saturating_sub(facts.nulls));
            ColumnStatistics { name: name.clone(), nulls: facts.nulls, min, max, distinct }
        });
        TableStatistics { rows: self.rows(), columns: columns.collect() }
    }
}
