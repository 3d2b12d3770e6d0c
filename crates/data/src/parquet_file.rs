//! Tables as Parquet files: equal rows give equal bytes, whoever writes them and however they are divided into batches.

use std::{
    error::Error as StdError,
    panic::{AssertUnwindSafe, catch_unwind},
};

use arrow::{
    array::{RecordBatch, RecordBatchReader},
    compute::BatchCoalescer,
    datatypes::SchemaRef,
};
use bytes::Bytes;
use lineal_core::{FilePath, on_cpu};
use parquet::{
    arrow::{ArrowWriter, ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::Compression,
    errors::ParquetError,
    file::properties::{CdcOptions, EnabledStatistics, WriterProperties, WriterVersion},
};

use crate::{Error, error::excerpt};

/// A table as it was written.
pub(crate) struct Written {
    pub(crate) bytes: Bytes,
    pub(crate) rows: u64,
}

/// Writes the rows of the Parquet file `before`, if any, and of `batches`, whose schemas are known to agree.
pub(crate) async fn write(path: FilePath, before: Option<Bytes>, batches: Vec<RecordBatch>) -> Result<Written, Error> {
    on_cpu(move || write_now(before, &batches))
        .await?
        .map_err(|error| Error::WriteTable { path, source: Box::new(error) })
}

fn write_now(before: Option<Bytes>, batches: &[RecordBatch]) -> Result<Written, ParquetError> {
    let reader =
        before.map(|bytes| ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(ROWS_AT_ONCE).build());
    let reader = reader.transpose()?;
    let given = batches.first().map(RecordBatch::schema);
    let Some(schema) = reader.as_ref().map(RecordBatchReader::schema).or(given) else {
        return Err(ParquetError::General("a table needs a schema".to_owned()));
    };
    let mut table = TableWriter::new(&schema)?;
    for batch in reader.into_iter().flatten() {
        table.push(&batch?)?;
    }
    for batch in batches {
        table.push(batch)?;
    }
    table.finish()
}

/// Writes batches of one size, so that the bytes do not depend on how the rows came.
struct TableWriter {
    schema: SchemaRef,
    same_size: BatchCoalescer,
    writer: ArrowWriter<Vec<u8>>,
    rows: u64,
}

impl TableWriter {
    fn new(schema: &SchemaRef) -> Result<Self, ParquetError> {
        Ok(Self {
            schema: SchemaRef::clone(schema),
            same_size: BatchCoalescer::new(SchemaRef::clone(schema), ROWS_AT_ONCE),
            writer: ArrowWriter::try_new(Vec::new(), SchemaRef::clone(schema), Some(properties()))?,
            rows: 0,
        })
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        self.rows += batch.num_rows() as u64;
        // Only metadata can differ, and that of the first schema counts.
        let batch = RecordBatch::try_new(SchemaRef::clone(&self.schema), batch.columns().to_vec())?;
        self.same_size.push_batch(batch)?;
        self.write_completed()
    }

    fn write_completed(&mut self) -> Result<(), ParquetError> {
        while let Some(batch) = self.same_size.next_completed_batch() {
            self.writer.write(&batch)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Written, ParquetError> {
        self.same_size.finish_buffered_batch()?;
        self.write_completed()?;
        Ok(Written { bytes: self.writer.into_inner()?.into(), rows: self.rows })
    }
}

/// Returns the settings of every table: all that shape the bytes are stated, so that no default of the writer does.
fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by("lineal-data 1".to_owned())
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(true)
        .set_dictionary_page_size_limit(1024 * 1024)
        .set_data_page_size_limit(1024 * 1024)
        .set_data_page_row_count_limit(20_000)
        .set_write_batch_size(1024)
        .set_max_row_group_row_count(Some(1024 * 1024))
        .set_max_row_group_bytes(None)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(64))
        .set_column_index_truncate_length(Some(64))
        .set_offset_index_disabled(false)
        .set_coerce_types(false)
        // Pages that begin where the content says: an insertion moves few of them, so a store of chunks keeps the rest.
        .set_content_defined_chunking(Some(CdcOptions {
            min_chunk_size: 256 * 1024,
            max_chunk_size: 1024 * 1024,
            norm_level: 0,
        }))
        .build()
}

/// Reads all rows, or some columns of them; at least one batch, so that the schema is always known.
pub(crate) async fn read(
    path: FilePath,
    bytes: Bytes,
    columns: Option<Vec<String>>,
) -> Result<Vec<RecordBatch>, Error> {
    on_cpu(move || {
        // The file may be anybody's: a reader that gives up on it must not look like a defect of ours.
        let outcome = catch_unwind(AssertUnwindSafe(|| read_now(bytes, columns.as_deref())));
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

/// Why a file was not read.
enum Unread {
    Column(String),
    Parquet(ParquetError),
}

impl<E: Into<ParquetError>> From<E> for Unread {
    fn from(error: E) -> Self {
        Self::Parquet(error.into())
    }
}

fn read_now(bytes: Bytes, columns: Option<&[String]>) -> Result<Vec<RecordBatch>, Unread> {
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

/// Rows given to the Parquet writer at once; part of what makes the bytes the same.
const ROWS_AT_ONCE: usize = 32 * 1024;
/// Rows in a batch that is read.
const ROWS_READ: usize = 8192;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{DictionaryArray, Float64Array, Int64Array, StringArray},
        compute::concat_batches,
        datatypes::{DataType, Field, Int32Type, Schema},
    };
    use lineal_core::Digest;

    use super::*;

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

    fn written(before: Option<Bytes>, batches: &[RecordBatch]) -> Bytes {
        write_now(before, batches).unwrap().bytes
    }

    #[test]
    fn the_division_into_batches_does_not_change_the_bytes() {
        let whole = written(None, &[rows(0, 100_000)]);
        let parts = [rows(0, 1), rows(1, 40_000), rows(40_000, 40_000), rows(40_000, 100_000)];
        assert_eq!(whole, written(None, &parts));
        assert_eq!(whole, written(Some(written(None, &parts[..2])), &parts[2..]), "appended");
        let read = read_now(whole, None).ok().unwrap();
        assert_eq!(concat_batches(&read[0].schema(), &read).unwrap(), rows(0, 100_000));
    }

    #[test]
    fn the_bytes_are_pinned() {
        insta::assert_snapshot!(Digest::of(&written(None, &[rows(0, 1000)])).to_string());
    }

    #[test]
    fn dictionaries_and_tables_without_rows_come_back_as_they_were() {
        let carriers: DictionaryArray<Int32Type> = ["UA", "AA", "UA"].into_iter().collect();
        let batch = RecordBatch::try_from_iter([("carrier", Arc::new(carriers) as _)]).unwrap();
        let read = read_now(written(None, std::slice::from_ref(&batch)), None).ok().unwrap();
        assert_eq!(read, [batch]);
        let read = read_now(written(None, &[rows(0, 0)]), Some(&["delay".to_owned()])).ok().unwrap();
        assert_eq!((read.len(), read[0].num_rows(), read[0].num_columns()), (1, 0, 1));
    }

    #[tokio::test]
    async fn damaged_files_give_rows_or_a_typed_error() {
        let path = FilePath::new("t").unwrap();
        let good = written(None, &[rows(0, 2000)]);
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
