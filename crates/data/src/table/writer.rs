use std::sync::Arc;

use arrow::{array::RecordBatch, compute::BatchCoalescer, datatypes::SchemaRef};
use bytes::Bytes;
use parquet::{
    arrow::{
        ArrowSchemaConverter, ArrowWriter, add_encoded_arrow_schema_to_metadata, arrow_writer::ArrowWriterOptions,
    },
    basic::{Compression, Type, ZstdLevel},
    errors::ParquetError,
    file::{
        properties::{CdcOptions, EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion},
        writer::SerializedFileWriter,
    },
    schema::types::SchemaDescriptor,
};

use super::{
    cell_hash::{Cells, cells},
    cut::{self, Cutter, Limits},
    file::{File, MAGIC, ROWS_AT_ONCE, leaves},
    page_table::{ColumnFacts, Group, PageTable},
    value::Bounds,
};

/// A table as it was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) bytes: Bytes,
    /// Where a store of pieces should cut: pages, some together.
    pub(crate) cuts: Vec<u64>,
    pub(crate) pages: Bytes,
    pub(crate) page_cuts: Vec<u64>,
    pub(crate) rows: u64,
}

/// Writes a table: equal rows give equal bytes, whoever writes them, however they come, and from what they were changed.
///
/// Rows are cut into row groups by content, and each group is written as if it were alone. So a group of another table
/// that would come out the same is taken over as it is, without being decoded.
pub(super) struct TableWriter {
    schema: SchemaRef,
    parquet: SchemaDescriptor,
    out: SerializedFileWriter<Vec<u8>>,
    table: PageTable,
    cutter: Cutter,
    /// Rows of the group that is begun, and what is known of them.
    begun: Vec<RecordBatch>,
    facts: Vec<ColumnFacts>,
}

impl TableWriter {
    pub(super) fn new(schema: &SchemaRef, limits: Limits) -> Result<Self, ParquetError> {
        let parquet = ArrowSchemaConverter::new().with_coerce_types(false).convert(schema)?;
        let mut properties = properties().build();
        add_encoded_arrow_schema_to_metadata(schema, &mut properties);
        let out = SerializedFileWriter::new(Vec::new(), parquet.root_schema_ptr(), Arc::new(properties))?;
        let names = schema.fields().iter().map(|field| field.name().clone());
        let columns = names.zip(leaves(&parquet, schema.fields().len()));
        Ok(Self {
            schema: SchemaRef::clone(schema),
            out,
            table: PageTable::new(columns.collect()),
            parquet,
            cutter: Cutter::new(limits),
            begun: Vec::new(),
            facts: vec![ColumnFacts::default(); schema.fields().len()],
        })
    }

    /// Adds rows.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        // Only metadata can differ, and that of the first schema counts.
        let batch = RecordBatch::try_new(SchemaRef::clone(&self.schema), batch.columns().to_vec())?;
        for from in (0..batch.num_rows()).step_by(ROWS_AT_ONCE) {
            self.push_some(&batch.slice(from, ROWS_AT_ONCE.min(batch.num_rows() - from)))?;
        }
        Ok(())
    }

    fn push_some(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        let columns: Vec<Cells> = batch.columns().iter().map(|column| cells(column)).collect();
        let mut from = 0;
        for (row, (hash, size)) in cut::rows(batch, &columns).into_iter().enumerate() {
            if self.cutter.ends_after(hash, size) {
                self.begin(batch, &columns, from, row + 1);
                self.end_group()?;
                from = row + 1;
            }
        }
        if from < batch.num_rows() {
            self.begin(batch, &columns, from, batch.num_rows());
        }
        Ok(())
    }

    fn begin(&mut self, batch: &RecordBatch, columns: &[Cells], from: usize, to: usize) {
        let rows = batch.slice(from, to - from);
        for ((facts, cells), column) in self.facts.iter_mut().zip(columns).zip(rows.columns()) {
            let hashes = cells.hashes.get(from..to).unwrap_or_default();
            hashes.iter().filter(|hash| **hash != 0).for_each(|hash| facts.distinct.add(*hash));
            facts.nulls += column.logical_null_count() as u64;
            facts.bounds = Bounds::join(facts.bounds.take(), Bounds::of(column));
        }
        self.begun.push(rows);
    }

    /// Takes over a row group of another table, if it would come out the same; tells whether it did.
    ///
    /// The group must have been ended by its content, or be the last.
    pub(super) fn take_over(&mut self, file: &File, group: usize, facts: &Group) -> Result<bool, ParquetError> {
        if !self.cutter.is_between() {
            return Ok(false);
        }
        self.append(file, group, facts.clone())?;
        Ok(true)
    }

    pub(super) fn finish(mut self) -> Result<Written, ParquetError> {
        if !self.begun.is_empty() {
            self.end_group()?;
        }
        let bytes: Bytes = self.out.into_inner()?.into();
        let groups = self.table.groups.iter().map(Group::length).sum::<u64>();
        self.table.footer = (bytes.len() as u64).saturating_sub(MAGIC + groups);
        let (pages, page_cuts) = self.table.encode();
        Ok(Written { bytes, cuts: self.table.cuts(), pages: pages.into(), page_cuts, rows: self.table.rows() })
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        let fresh = vec![ColumnFacts::default(); self.facts.len()];
        let columns = std::mem::replace(&mut self.facts, fresh);
        let batches = std::mem::take(&mut self.begun);
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        let file = File::open(self.encode(&batches, &columns, rows)?)?;
        let leaves = file.pages(0)?;
        self.append(&file, 0, Group { rows, columns, leaves })
    }

    /// Writes a group as a file of its own, in batches of one size, so that the bytes do not depend on how the rows came.
    fn encode(&self, batches: &[RecordBatch], facts: &[ColumnFacts], rows: u64) -> Result<Bytes, ParquetError> {
        let properties = self.with_dictionaries(facts, rows).build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), SchemaRef::clone(&self.schema), options)?;
        let mut same_size = BatchCoalescer::new(SchemaRef::clone(&self.schema), ROWS_AT_ONCE);
        for batch in batches {
            same_size.push_batch(batch.clone())?;
            while let Some(batch) = same_size.next_completed_batch() {
                writer.write(&batch)?;
            }
        }
        same_size.finish_buffered_batch()?;
        while let Some(batch) = same_size.next_completed_batch() {
            writer.write(&batch)?;
        }
        Ok(writer.into_inner()?.into())
    }

    /// Gives a dictionary to the leaves that repeat their values, and to text within others, about which nothing is known.
    ///
    /// Where most values are new, a dictionary saves little, and each new value would change it and all pages that rest on
    /// it.
    fn with_dictionaries(&self, facts: &[ColumnFacts], rows: u64) -> WriterPropertiesBuilder {
        let mut properties = properties();
        for (leaf, column) in self.parquet.columns().iter().enumerate() {
            let facts = facts.get(self.parquet.get_column_root_idx(leaf));
            let repeats = |facts: &ColumnFacts| facts.distinct.estimate() * REPEATS <= rows - facts.nulls.min(rows);
            let wanted = match column.path().parts().len() {
                1 => facts.is_some_and(repeats),
                _ => column.physical_type() == Type::BYTE_ARRAY,
            };
            properties = properties.set_column_dictionary_enabled(column.path().clone(), wanted);
        }
        properties
    }

    fn append(&mut self, file: &File, group: usize, facts: Group) -> Result<(), ParquetError> {
        let mut row_group = self.out.next_row_group()?;
        for chunk in file.chunks(group) {
            row_group.append_column(&file.bytes, chunk)?;
        }
        row_group.close()?;
        self.table.groups.push(facts);
        Ok(())
    }
}

/// Returns the settings of every table: all that shape the bytes are stated, so that no default of the writer does.
fn properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by("lineal-data 1".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(false)
        // Never reached: whether there is a dictionary is decided before.
        .set_dictionary_page_size_limit(64 * 1024 * 1024)
        .set_data_page_size_limit(64 * 1024 * 1024)
        .set_data_page_row_count_limit(usize::MAX)
        .set_write_batch_size(1024)
        .set_max_row_group_row_count(None)
        .set_max_row_group_bytes(None)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(64))
        .set_column_index_truncate_length(Some(64))
        .set_offset_index_disabled(false)
        .set_coerce_types(false)
        // Pages that begin where the content says: an insertion moves few of them, so a store of chunks keeps the rest.
        .set_content_defined_chunking(Some(CdcOptions {
            min_chunk_size: 24 * 1024,
            max_chunk_size: 96 * 1024,
            norm_level: 0,
        }))
}

/// A column has a dictionary if a value occurs so often on average.
const REPEATS: u64 = 4;
