use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use bytes::Bytes;
use lineal_core::Digest;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
    column::writer::ColumnCloseResult,
    errors::ParquetError,
    file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
    schema::types::SchemaDescriptor,
};

use super::{
    page_table::{Group, Page, PageTable},
    reader::checked_rows,
    wary::check_file,
};

/// A Parquet file in memory, with all that its footer says.
pub(super) struct File {
    pub(super) bytes: Bytes,
    metadata: ArrowReaderMetadata,
}

impl File {
    pub(super) fn open(bytes: Bytes) -> Result<Self, ParquetError> {
        check_file(&bytes)?;
        let parsed = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .with_metadata_options(Some(exact()))
            .parse_and_finish(&bytes)?;
        if !checked_rows(parsed.row_groups().iter().map(|group| group.num_rows())) {
            return Err(ParquetError::General("its row groups have impossible numbers of rows".to_owned()));
        }
        Ok(Self { metadata: ArrowReaderMetadata::try_new(Arc::new(parsed), ArrowReaderOptions::new())?, bytes })
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    pub(super) fn parquet(&self) -> &ParquetMetaData {
        self.metadata.metadata()
    }

    /// Reads some columns of a row group, or all.
    pub(super) fn read(&self, group: usize, columns: Option<&[usize]>) -> Result<Vec<RecordBatch>, ParquetError> {
        self.read_groups(vec![group], columns)
    }

    /// Reads all rows.
    pub(super) fn read_all(&self) -> Result<Vec<RecordBatch>, ParquetError> {
        self.read_groups((0..self.parquet().num_row_groups()).collect(), None)
    }

    fn read_groups(&self, groups: Vec<usize>, columns: Option<&[usize]>) -> Result<Vec<RecordBatch>, ParquetError> {
        let mask = match columns {
            Some(columns) => ProjectionMask::roots(self.metadata.parquet_schema(), columns.iter().copied()),
            None => ProjectionMask::all(),
        };
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.metadata.clone());
        let reader = builder.with_row_groups(groups).with_projection(mask).with_batch_size(ROWS_AT_ONCE).build()?;
        reader.map(|batch| batch.map_err(ParquetError::from)).collect()
    }

    /// Returns what the writer of another file needs to take over the columns of a row group as they are.
    pub(super) fn chunks(&self, group: usize) -> Vec<ColumnCloseResult> {
        let row_group = self.parquet().row_group(group);
        let index = self.parquet().page_index();
        let chunk = |(at, column): (usize, &parquet::file::metadata::ColumnChunkMetaData)| ColumnCloseResult {
            bytes_written: u64::try_from(column.compressed_size()).unwrap_or(0),
            rows_written: u64::try_from(row_group.num_rows()).unwrap_or(0),
            metadata: column.clone(),
            bloom_filter: None,
            column_index: index.and_then(|index| index.column_index(group, at)).cloned(),
            offset_index: index.and_then(|index| index.offset_index(group, at)).cloned(),
        };
        row_group.columns().iter().enumerate().map(chunk).collect()
    }

    /// Returns the pages of each leaf of a row group, hashed.
    pub(super) fn pages(&self, group: usize) -> Result<Vec<Vec<Page>>, ParquetError> {
        let rows = self.parquet().row_group(group).num_rows();
        self.chunks(group).iter().map(|chunk| self.pages_of(chunk, rows)).collect()
    }

    fn pages_of(&self, chunk: &ColumnCloseResult, rows: i64) -> Result<Vec<Page>, ParquetError> {
        let column = &chunk.metadata;
        let data = column.data_page_offset();
        let start = column.dictionary_page_offset().unwrap_or(data);
        let end = start.saturating_add(column.compressed_size());
        let locations = chunk.offset_index.as_ref().map(|index| index.page_locations().as_slice()).unwrap_or_default();
        let begins = locations.iter().map(|page| (page.offset, Some(page.first_row_index)));
        let dictionary = (start < data).then_some((start, None));
        let begins: Vec<(i64, Option<i64>)> = dictionary.into_iter().chain(begins).collect();
        let ends = begins.iter().skip(1).copied().chain([(end, Some(rows))]);
        let page = |((from, row), (to, until)): ((i64, Option<i64>), (i64, Option<i64>))| {
            let range = usize::try_from(from).ok()?..usize::try_from(to).ok()?;
            let rows = match row {
                Some(row) => Some(u64::try_from(until?.checked_sub(row)?).ok().filter(|rows| *rows > 0)?),
                None => None,
            };
            let bytes = self.bytes.get(range)?;
            Some(Page { length: bytes.len() as u64, rows, digest: Digest::of(bytes) })
        };
        let pages: Option<Vec<Page>> = begins.iter().copied().zip(ends).map(page).collect();
        let odd = || ParquetError::General("the pages of a column do not lie as they should".to_owned());
        pages.filter(|pages| !pages.is_empty()).ok_or_else(odd)
    }

    /// Tells whether `table` is the page table of this file, as far as columns and sizes show.
    pub(super) fn fits(&self, table: &PageTable) -> bool {
        let bytes = table.groups.iter().map(Group::length).sum::<u64>();
        describes(table, &self.metadata) && MAGIC + bytes + table.footer == self.bytes.len() as u64
    }
}

/// Tells whether a page table has the columns and row groups of a footer.
pub(super) fn describes(table: &PageTable, footer: &ArrowReaderMetadata) -> bool {
    let names = footer.schema().fields().iter().map(|field| field.name().as_str());
    let groups = footer.metadata().row_groups().iter().map(|group| u64::try_from(group.num_rows()).ok());
    table.columns.iter().map(|(name, _)| name.as_str()).eq(names)
        && table.columns.iter().map(|(_, leaves)| *leaves).eq(leaves(footer.parquet_schema(), table.columns.len()))
        && table.groups.iter().map(|group| Some(group.rows)).eq(groups)
}

/// Returns how many leaves each column has.
pub(super) fn leaves(schema: &SchemaDescriptor, columns: usize) -> Vec<usize> {
    let mut leaves = vec![0; columns];
    for leaf in 0..schema.num_columns() {
        leaves.get_mut(schema.get_column_root_idx(leaf)).into_iter().for_each(|count| *count += 1);
    }
    leaves
}

/// All that a footer holds is kept, so that a row group that is taken over is described as when it was written.
pub(super) fn exact() -> parquet::file::metadata::ParquetMetaDataOptions {
    parquet::file::metadata::ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false)
}

/// Bytes before the first page.
pub(super) const MAGIC: u64 = 4;
/// Rows given to the Parquet writer at once; part of what makes the bytes the same.
pub(super) const ROWS_AT_ONCE: usize = 32 * 1024;
