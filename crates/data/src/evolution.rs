use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use lineal_core::FilePath;

use crate::{
    Column, CommitHook, Error, FileEntry, Proposal, Refusal, SchemaMismatch, TableSchema, error::excerpt,
    schema::type_name,
};

/// Changes of the columns of a table that no reader of the old ones has to fear: columns that may be null are added, types
/// are widened, and columns are renamed. They are made in the order given.
///
/// A renamed column stays what it was: its [`Column::id`] is the name that it was first known by.
///
/// ```
/// use lineal_data::{Evolution, arrow::datatypes::DataType};
///
/// let evolution = Evolution::default()
///     .with_column("gate", DataType::Utf8)
///     .with_type("delay", DataType::Float64)
///     .with_name("dep", "departure");
/// # drop(evolution);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evolution {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Add(String, DataType),
    Widen(String, DataType),
    Rename(String, String),
}

impl Evolution {
    /// Adds a column at the end, which may be null, and is in the rows that are there.
    #[must_use]
    pub fn with_column(self, name: &str, data_type: DataType) -> Self {
        self.with(Step::Add(name.to_owned(), data_type))
    }

    /// Widens the type of a column to one that holds every value of the present one: an integer to one of more bits, or to a
    /// float that holds it exactly; a float to one of more bits; text and binary to their large forms.
    #[must_use]
    pub fn with_type(self, column: &str, data_type: DataType) -> Self {
        self.with(Step::Widen(column.to_owned(), data_type))
    }

    /// Renames a column.
    #[must_use]
    pub fn with_name(self, column: &str, name: &str) -> Self {
        self.with(Step::Rename(column.to_owned(), name.to_owned()))
    }

    fn with(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Returns the schema that it makes of one, if it may.
    pub(crate) fn apply(&self, path: &FilePath, schema: &TableSchema) -> Result<TableSchema, Error> {
        let mut columns = schema.columns().to_vec();
        for step in &self.steps {
            let refused = |column: &str, rule| Error::Evolution { path: path.clone(), column: excerpt(column), rule };
            let taken = |name: &str| columns.iter().any(|column| column.name == name);
            let find = |name: &str| columns.iter().position(|column| column.name == name);
            let missing = |name: &str| Error::NoSuchColumn { place: format!("table {path}"), column: excerpt(name) };
            match step {
                Step::Add(name, _) | Step::Rename(_, name) if taken(name) => {
                    return Err(refused(name, "is already there"));
                }
                Step::Add(name, data_type) => {
                    let id = free_id(&columns, name);
                    let data_type = named(name, data_type)?;
                    columns.push(Column { id, name: name.clone(), nullable: true, data_type });
                }
                Step::Widen(name, data_type) => {
                    let at = find(name).ok_or_else(|| missing(name))?;
                    let wide = named(name, data_type)?;
                    let column = columns.get_mut(at).ok_or_else(|| missing(name))?;
                    if !widens(&column.data_type, &wide) {
                        return Err(refused(name, "may only take a type that holds every value of the present one"));
                    }
                    column.data_type = wide;
                }
                Step::Rename(old, name) => {
                    let at = find(old).ok_or_else(|| missing(old))?;
                    let column = columns.get_mut(at).ok_or_else(|| missing(old))?;
                    let id = column.identity().to_owned();
                    column.id = (id != *name).then_some(id);
                    column.name.clone_from(name);
                }
            }
        }
        Ok(TableSchema::of_columns(columns))
    }

    /// Returns the Arrow schema that it makes of one, and where each column comes from; `None` for a new one.
    pub(crate) fn apply_to_arrow(&self, schema: &Schema) -> (SchemaRef, Vec<Option<usize>>) {
        let mut fields: Vec<(Field, Option<usize>)> =
            schema.fields().iter().enumerate().map(|(at, field)| (Field::clone(field), Some(at))).collect();
        for step in &self.steps {
            match step {
                Step::Add(name, data_type) => fields.push((Field::new(name, data_type.clone(), true), None)),
                Step::Widen(name, data_type) => {
                    change(&mut fields, name, |field| field.with_data_type(data_type.clone()));
                }
                Step::Rename(old, name) => change(&mut fields, old, |field| field.with_name(name)),
            }
        }
        let (fields, places): (Vec<Field>, Vec<_>) = fields.into_iter().unzip();
        (Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())), places)
    }
}

fn change(fields: &mut [(Field, Option<usize>)], name: &str, change: impl FnOnce(Field) -> Field) {
    if let Some((field, _)) = fields.iter_mut().find(|(field, _)| field.name() == name) {
        *field = change(field.clone());
    }
}

fn named(column: &str, data_type: &DataType) -> Result<String, Error> {
    type_name(data_type)
        .ok_or_else(|| Error::UnsupportedType { column: excerpt(column), found: excerpt(&data_type.to_string()) })
}

/// Returns the id of a new column; none, if its name is one that no other column was first known by.
fn free_id(columns: &[Column], name: &str) -> Option<String> {
    let taken = |id: &str| columns.iter().any(|column| column.identity() == id);
    if !taken(name) {
        return None;
    }
    (2..).map(|number| format!("{name}.{number}")).find(|id| !taken(id))
}

/// Tells whether the second type holds every value of the first, exactly.
pub(crate) fn widens(from: &str, to: &str) -> bool {
    let wider: &[&str] = match from {
        "int8" => &["int16", "int32", "int64", "float32", "float64"],
        "int16" => &["int32", "int64", "float32", "float64"],
        "int32" => &["int64", "float64"],
        "uint8" => &["uint16", "uint32", "uint64", "int16", "int32", "int64", "float32", "float64"],
        "uint16" => &["uint32", "uint64", "int32", "int64", "float32", "float64"],
        "uint32" => &["uint64", "int64", "float64"],
        "float16" => &["float32", "float64"],
        "float32" => &["float64"],
        "utf8" => &["large-utf8"],
        "binary" => &["large-binary"],
        _ => &[],
    };
    wider.contains(&to)
}

impl TableSchema {
    /// Checks that `new` came from this schema by what an [`Evolution`] may do: every column is still there, under its id
    /// or its name, with its type or a wider one, and what is new may be null. The order does not matter.
    ///
    /// # Errors
    /// [`SchemaMismatch`] with every breach.
    pub fn check_evolution(&self, new: &Self) -> Result<(), SchemaMismatch> {
        let by_id = |old: &Column| new.columns().iter().find(|column| column.identity() == old.identity());
        let successor = |old: &Column| by_id(old).or_else(|| new.column(&old.name));
        let mut breaches = Vec::new();
        for old in self.columns() {
            match successor(old) {
                None => breaches.push(format!("{old} is gone")),
                Some(column) if column.data_type != old.data_type && !widens(&old.data_type, &column.data_type) => {
                    breaches.push(format!("{column} is not wider than {}", old.shown_type()));
                }
                Some(column) if column.nullable != old.nullable => {
                    breaches.push(format!("{column} should be {}", old.shown_type()));
                }
                Some(_) => {}
            }
        }
        let known: Vec<&Column> = self.columns().iter().filter_map(successor).collect();
        let added = new.columns().iter().filter(|column| !known.contains(column) && !column.nullable);
        breaches.extend(added.map(|column| format!("{column} is new and must be nullable")));
        if breaches.is_empty() { Ok(()) } else { Err(SchemaMismatch::of(breaches)) }
    }
}

/// Demands that tables below a prefix change their columns only as an [`Evolution`] may, however the commit came about.
///
/// A new table may have any columns, and a table may be removed; it may not be replaced by what is not a table.
#[derive(Debug, Clone)]
pub struct EvolutionRules {
    prefix: String,
}

impl EvolutionRules {
    /// Demands it of every table whose path begins with `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }
}

impl CommitHook for EvolutionRules {
    fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal> {
        let schema = |entry: &FileEntry| proposal.schemas.get(&entry.table?.schema);
        for change in proposal.changes.iter().filter(|change| change.path().as_str().starts_with(&self.prefix)) {
            let (Some(old), Some(new)) = (change.old_entry().and_then(schema), change.new_entry()) else { continue };
            let flaw = match schema(new) {
                Some(new) => old.check_evolution(new).err().map(|mismatch| mismatch.to_string()),
                None => Some("it is not a table any more".to_owned()),
            };
            if let Some(flaw) = flaw {
                return Err(Refusal::new("evolution rules", format!("{}: {flaw}", change.path())));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(columns: &[(&str, DataType, bool)]) -> TableSchema {
        let fields = columns.iter().map(|(name, data_type, nullable)| Field::new(*name, data_type.clone(), *nullable));
        TableSchema::of(&Schema::new(fields.collect::<Vec<_>>())).unwrap()
    }

    fn shown(schema: &TableSchema) -> String {
        let column = |column: &Column| format!("{}={}:{}", column.identity(), column.name, column.shown_type());
        schema.columns().iter().map(column).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_renamed_column_stays_what_it_was() {
        let path = FilePath::new("t").unwrap();
        let base = schema(&[("a", DataType::Int32, false)]);
        let evolution = Evolution::default()
            .with_name("a", "b")
            .with_column("a", DataType::Utf8)
            .with_name("b", "c")
            .with_type("c", DataType::Float64)
            .with_name("a", "d")
            .with_column("a", DataType::Int8);
        let new = evolution.apply(&path, &base).unwrap();
        assert_eq!(shown(&new), "a=c:float64 a.2=d:utf8? a.3=a:int8?");
        assert!(base.check_evolution(&new).is_ok());
        let back = Evolution::default().with_name("a", "x").with_name("c", "a").apply(&path, &new).unwrap();
        assert_eq!(back.columns()[0].id, None);
        let (arrow, places) = evolution.apply_to_arrow(&Schema::new(vec![Field::new("a", DataType::Int32, false)]));
        let names: Vec<_> = arrow.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!((names, places), (vec!["c", "d", "a"], vec![Some(0), None, None]));
    }

    #[test]
    fn what_a_reader_would_fear_is_refused() {
        let path = FilePath::new("t").unwrap();
        let base = schema(&[("a", DataType::Int32, false), ("b", DataType::Utf8, true)]);
        let refused = |evolution: Evolution| evolution.apply(&path, &base).unwrap_err();
        for evolution in [
            Evolution::default().with_column("b", DataType::Int8),
            Evolution::default().with_name("a", "b"),
            Evolution::default().with_type("a", DataType::Int16),
            Evolution::default().with_type("a", DataType::Float32),
            Evolution::default().with_type("b", DataType::Int64),
        ] {
            assert!(matches!(refused(evolution), Error::Evolution { .. }));
        }
        assert!(matches!(refused(Evolution::default().with_name("c", "d")), Error::NoSuchColumn { .. }));
        assert!(matches!(refused(Evolution::default().with_type("c", DataType::Int8)), Error::NoSuchColumn { .. }));

        let new = schema(&[("a", DataType::Int16, false), ("b", DataType::Utf8, false), ("c", DataType::Int8, false)]);
        let breaches = base.check_evolution(&new).unwrap_err();
        insta::assert_snapshot!(breaches.differences().join("\n"));
        assert!(base.check_evolution(&schema(&[("b", DataType::Utf8, true)])).is_err());
    }
}
