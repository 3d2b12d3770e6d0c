//! Reading any Parquet file, also one that was not written here.

use std::{
    error::Error as StdError,
    panic::{AssertUnwindSafe, catch_unwind},
};

use arrow::array::{RecordBatch, RecordBatchReader};
use bytes::Bytes;
use lineal_core::{FilePath, on_cpu};
use parquet::{
    arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    errors::ParquetError,
};

use crate::{Error, error::excerpt, table::check_file};

/// Reads all rows, or some columns of them; at least one batch, so that the schema is always known.
pub(crate) async fn read(
    path: FilePath,
    bytes: Bytes,
    columns: Option<Vec<String>>,
) -> Result<Vec<RecordBatch>, Error> {
    on_cpu(move || {
        let outcome = read_caught(bytes, columns.as_deref());
        let flaw = |source: Box<dyn StdError + Send + Sync>| Error::NotATable { path: path.clone(), source };
        match outcome {
            Ok(Ok(batches)) => Ok(batches),
            Ok(Err(Unread::Column(column))) => {
                Err(Error::NoSuchColumn { place: format!("table {path}"), column: excerpt(&column) })
            }
            Ok(Err(Unread::Parquet(error))) => Err(flaw(Box::new(error))),
            Err(_) => Err(flaw("the Parquet reader gave up on it".into())),
        }
    })
    .await?
}

/// Reads a file that may be anybody's: a reader that gives up on it must not look like a defect of ours.
pub(crate) fn read_caught(
    bytes: Bytes,
    columns: Option<&[String]>,
) -> std::thread::Result<Result<Vec<RecordBatch>, Unread>> {
    catch_unwind(AssertUnwindSafe(|| read_now(bytes, columns)))
}

/// Why a file was not read.
pub(crate) enum Unread {
    Column(String),
    Parquet(ParquetError),
}

impl<E: Into<ParquetError>> From<E> for Unread {
    fn from(error: E) -> Self {
        Self::Parquet(error.into())
    }
}

fn read_now(bytes: Bytes, columns: Option<&[String]>) -> Result<Vec<RecordBatch>, Unread> {
    check_file(&bytes)?;
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(ROWS_READ);
    if let Some(columns) = columns {
        let find = |column: &String| {
            let found = builder.schema().fields().iter().position(|field| field.name() == column);
            found.ok_or_else(|| Unread::Column(column.clone()))
        };
        let roots = columns.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        builder = builder.with_projection(mask);
    }
    let reader = builder.build()?;
    let schema = reader.schema();
    let mut batches = reader.collect::<Result<Vec<_>, _>>()?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(batches)
}

/// Rows in a batch that is read.
const ROWS_READ: usize = 8192;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{DictionaryArray, Float64Array, Int64Array, StringArray},
        datatypes::{DataType, Field, Int32Type, Schema},
    };

    use super::*;
    use crate::table::{RowEdit, write};

    fn rows(from: i64, to: i64) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("delay", DataType::Float64, true),
            Field::new("carrier", DataType::Utf8, false),
        ]));
        let delays: Float64Array = (from..to).map(|id| (id % 7 != 0).then_some(id as f64 * 0.5)).collect();
        let carriers: StringArray = (from..to).map(|id| Some(["UA", "AA", "B6"][(id % 3) as usize])).collect();
        let ids = Int64Array::from_iter_values(from..to);
        RecordBatch::try_new(schema, vec![Arc::new(ids), Arc::new(delays), Arc::new(carriers)]).unwrap()
    }

    async fn written(batch: RecordBatch) -> Bytes {
        let path = FilePath::new("t").unwrap();
        write(path, None, vec![RowEdit::Append(vec![batch])]).await.unwrap().bytes
    }

    #[tokio::test]
    async fn dictionaries_and_tables_without_rows_come_back_as_they_were() {
        let carriers: DictionaryArray<Int32Type> = ["UA", "AA", "UA"].into_iter().collect();
        let batch = RecordBatch::try_from_iter([("carrier", Arc::new(carriers) as _)]).unwrap();
        let read = read_now(written(batch.clone()).await, None).ok().unwrap();
        assert_eq!(read, [batch]);
        let read = read_now(written(rows(0, 0)).await, Some(&["delay".to_owned()])).ok().unwrap();
        assert_eq!((read.len(), read[0].num_rows(), read[0].num_columns()), (1, 0, 1));
    }

    #[tokio::test]
    async fn damaged_files_give_rows_or_a_typed_error() {
        let path = FilePath::new("t").unwrap();
        let good = written(rows(0, 2000)).await;
        let damaged = (0..good.len()).step_by(37).map(|at| {
            let mut bad = good.to_vec();
            bad[at] ^= 0x55;
            Bytes::from(bad)
        });
        let cut = (0..good.len()).step_by(501).map(|at| good.slice(..at));
        let strange = [&b"PAR1"[..], b"not parquet at all", b"PAR1\xff\xff\xff\x7fPAR1"].map(Bytes::from_static);
        let mut refused = 0;
        for bytes in damaged.chain(cut).chain(strange) {
            // A flipped bit may hide in a value; the reader may not take anything down with it.
            match read(path.clone(), bytes, None).await {
                Ok(_) => {}
                Err(Error::NotATable { .. }) => refused += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(refused > 20, "{refused}");
    }
}
