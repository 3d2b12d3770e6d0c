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
    /// It is in both, with another name or type, or may be null in one of them. What tells is [`Column::identity`].
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
    /// Returns what differs in `new`, by the identity of columns: first of the columns of this schema, then of those that are new.
    #[must_use]
    pub fn diff(&self, new: &Self) -> Vec<SchemaChange> {
        let find = |schema: &'_ Self, wanted: &Column| {
            schema.columns().iter().position(|column| column.identity() == wanted.identity())
        };
        let kept = self.columns().iter().filter_map(|old| match find(new, old).and_then(|at| new.columns().get(at)) {
            None => Some(SchemaChange::Removed { old: old.clone() }),
            Some(new) if new != old => Some(SchemaChange::Changed { old: old.clone(), new: new.clone() }),
            Some(_) => None,
        });
        let added = new.columns().iter().filter(|column| find(self, column).is_none());
        let added = added.map(|new| SchemaChange::Added { new: new.clone() });
        let reordered = !self.columns().iter().filter_map(|column| find(new, column)).is_sorted();
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
        let path = lineal_core::FilePath::new("t").unwrap();
        let renamed = crate::Evolution::default().with_name("b", "d").apply(&path, &old).unwrap();
        let changes = old.diff(&renamed);
        assert!(matches!(&changes[..], [SchemaChange::Changed { old, new }] if (&*old.name, &*new.name) == ("b", "d")));
    }
}
