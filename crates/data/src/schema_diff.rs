use crate::{Column, TableSchema};

/// What became of one column between two schemas.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaChange {
    /// It is only in the new schema.
    Added {
        /// The column there.
        new: Column,
    },
    /// It is only in the old schema.
    Removed {
        /// The column there.
        old: Column,
    },
    /// It is in both, with another type, or may be null in one of them.
    Changed {
        /// The column in the old schema.
        old: Column,
        /// The column in the new schema.
        new: Column,
    },
    /// The columns that both have are in another order.
    Reordered,
}

impl TableSchema {
    /// Returns what differs in `new`, by name: first of the columns of this schema, then of those that are new.
    #[must_use]
    pub fn diff(&self, new: &Self) -> Vec<SchemaChange> {
        let kept = self.columns().iter().filter_map(|old| match new.column(&old.name) {
            None => Some(SchemaChange::Removed { old: old.clone() }),
            Some(new) if new != old => Some(SchemaChange::Changed { old: old.clone(), new: new.clone() }),
            Some(_) => None,
        });
        let added = new.columns().iter().filter(|column| self.column(&column.name).is_none());
        let added = added.map(|new| SchemaChange::Added { new: new.clone() });
        let before = self.columns().iter().filter(|column| new.column(&column.name).is_some());
        let after = new.columns().iter().filter(|column| self.column(&column.name).is_some());
        let reordered = !before.map(|column| &column.name).eq(after.map(|column| &column.name));
        kept.chain(added).chain(reordered.then_some(SchemaChange::Reordered)).collect()
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn schema(columns: &[(&str, DataType, bool)]) -> TableSchema {
        let fields = columns.iter().map(|(name, data_type, nullable)| Field::new(*name, data_type.clone(), *nullable));
        TableSchema::of(&Schema::new(fields.collect::<Vec<_>>())).unwrap()
    }

    #[test]
    fn a_diff_names_every_column_that_differs() {
        let old = schema(&[("a", DataType::Int32, false), ("b", DataType::Utf8, true), ("c", DataType::Int8, true)]);
        let new = schema(&[("c", DataType::Int8, true), ("a", DataType::Int64, false), ("d", DataType::Int8, true)]);
        let shown: Vec<String> = old
            .diff(&new)
            .iter()
            .map(|change| match change {
                SchemaChange::Added { new } => format!("+ {new}"),
                SchemaChange::Removed { old } => format!("- {old}"),
                SchemaChange::Changed { old, new } => format!("{old} > {new}"),
                SchemaChange::Reordered => "order".to_owned(),
            })
            .collect();
        let expected =
            [r#"column "a" int32 > column "a" int64"#, r#"- column "b" utf8?"#, r#"+ column "d" int8?"#, "order"];
        assert_eq!(shown, expected);
        assert!(old.diff(&old).is_empty());
    }
}
