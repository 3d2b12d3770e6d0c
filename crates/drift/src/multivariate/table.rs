use std::collections::HashMap;

use arrow::array::RecordBatch;

use crate::arrays::{self, Nature};
use crate::error::{Error, Side};

/// Columns of one side, row by row.
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) rows: usize,
}

/// The values of a column in the order of its rows.
pub(super) enum Column {
    /// NaN is missing.
    Numbers(Vec<f64>),
    Labels(Labels),
}

/// Texts, each distinct one held once.
#[derive(Default)]
pub(super) struct Labels {
    /// The place of each row's label in `names`; `None` is missing.
    pub(super) codes: Vec<Option<usize>>,
    pub(super) names: Vec<String>,
}

impl Labels {
    /// Counts the rows of each name.
    pub(super) fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.names.len()];
        for code in self.codes.iter().flatten() {
            if let Some(count) = counts.get_mut(*code) {
                *count += 1;
            }
        }
        counts
    }
}

impl Table {
    /// Reads the named columns of all batches.
    pub(super) fn read<N: AsRef<str>>(batches: &[RecordBatch], names: &[N], side: Side) -> Result<Self, Error> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let columns =
            names.iter().map(|name| Column::read(batches, name.as_ref(), side, rows)).collect::<Result<_, _>>()?;
        Ok(Self { columns, rows })
    }
}

impl Column {
    fn read(batches: &[RecordBatch], name: &str, side: Side, rows: usize) -> Result<Self, Error> {
        let mut column = None;
        let mut interned = HashMap::new();
        for batch in batches {
            let mut held =
                batch.schema_ref().fields().iter().zip(batch.columns()).filter(|(field, _)| field.name() == name);
            let (Some((_, array)), None) = (held.next(), held.next()) else { return Err(Error::Ambiguous { side }) };
            let nature = arrays::nature(array.data_type())?;
            match (nature, column.get_or_insert_with(|| Self::empty(nature, rows))) {
                (Nature::Numbers, Self::Numbers(values)) => {
                    arrays::each_number(array, |value| values.push(value.unwrap_or(f64::NAN)))?;
                }
                (Nature::Labels, Self::Labels(labels)) => {
                    arrays::each_label(array, |label| labels.push(label, &mut interned))?;
                }
                (_, column) => return Err(column.changed_to(nature)),
            }
        }
        column.ok_or(Error::Empty { what: "table", side })
    }

    fn empty(nature: Nature, rows: usize) -> Self {
        match nature {
            Nature::Numbers => Self::Numbers(Vec::with_capacity(rows)),
            Nature::Labels => Self::Labels(Labels { codes: Vec::with_capacity(rows), names: Vec::new() }),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "numbers",
            Self::Labels(_) => "labels",
        }
    }

    fn changed_to(&self, nature: Nature) -> Error {
        Error::TypeChanged { from: self.kind().into(), to: Self::empty(nature, 0).kind().into() }
    }
}

impl Labels {
    fn push(&mut self, label: Option<&str>, interned: &mut HashMap<String, usize>) {
        let code = label.map(|label| match interned.get(label) {
            Some(code) => *code,
            None => {
                interned.insert(label.to_owned(), self.names.len());
                self.names.push(label.to_owned());
                self.names.len() - 1
            }
        });
        self.codes.push(code);
    }
}
