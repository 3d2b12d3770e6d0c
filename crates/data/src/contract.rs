use crate::{Change, Column, CommitHook, Error, Proposal, Refusal, TableSchema};

/// Demands that every table below a prefix has certain columns.
///
/// A table may have more columns, in any order, provided that they may be null: readers of the contract lose nothing. A
/// column that the contract allows to be null may be stricter. Files below the prefix that are not tables are refused;
/// removing a table is allowed.
///
/// ```
/// # use arrow::datatypes::{DataType, Field, Schema};
/// # use lineal_data::{SchemaContract, arrow};
/// let schema = Schema::new(vec![Field::new("delay", DataType::Float64, true)]);
/// let contract = SchemaContract::new("flights/", &schema)?;
/// # drop(contract);
/// # Ok::<(), lineal_data::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SchemaContract {
    prefix: String,
    required: TableSchema,
}

impl SchemaContract {
    /// Demands the columns of `schema` of every table whose path begins with `prefix`.
    ///
    /// # Errors
    /// Those of [`TableSchema::of`].
    pub fn new(prefix: &str, schema: &arrow::datatypes::Schema) -> Result<Self, Error> {
        Ok(Self { prefix: prefix.to_owned(), required: TableSchema::of(schema)? })
    }

    /// Returns what is wrong with a table.
    fn flaw(&self, found: &TableSchema) -> Option<String> {
        let unmet = |required: &Column| match found.column(&required.name) {
            None => Some(format!("{required} is missing")),
            Some(column) if column.data_type != required.data_type || (column.nullable && !required.nullable) => {
                Some(format!("{column} should be {}", required.shown_type()))
            }
            Some(_) => None,
        };
        let extra = |column: &Column| {
            let strict = self.required.column(&column.name).is_none() && !column.nullable;
            strict.then(|| format!("{column} is new and must be nullable"))
        };
        self.required.columns().iter().find_map(unmet).or_else(|| found.columns().iter().find_map(extra))
    }
}

impl CommitHook for SchemaContract {
    fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal> {
        let guarded = |entry: &&crate::FileEntry| entry.path.as_str().starts_with(&self.prefix);
        for entry in proposal.changes.iter().filter_map(Change::new_entry).filter(guarded) {
            let schema = entry.table.and_then(|facts| proposal.schemas.get(&facts.schema));
            let flaw = match schema {
                Some(schema) => self.flaw(schema),
                None => Some("it is not a table".to_owned()),
            };
            if let Some(flaw) = flaw {
                return Err(Refusal::new("schema contract", format!("{}: {flaw}", entry.path)));
            }
        }
        Ok(())
    }
}
