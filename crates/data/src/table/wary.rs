use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
};

use super::shape::{self, COLUMN_INDEX, FOOTER, Fields, OFFSET_INDEX, Odd};

/// Checks a file in memory before it is read: its footer, its page indexes, and the headers of its pages.
pub(crate) fn check_file(bytes: &Bytes) -> Result<(), ParquetError> {
    check_footer(bytes)?;
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
    let metadata = reader.parse_and_finish(bytes)?;
    for column in columns(&metadata) {
        for (range, fields) in indexes(column) {
            check_index(bytes.get(range).unwrap_or_default(), fields)?;
        }
        check_pages(pages(column).and_then(|range| bytes.get(range)).unwrap_or_default())?;
    }
    Ok(())
}

/// Checks the footer at the end of some bytes; what does not lie in them is left to the reader, which misses it.
pub(super) fn check_footer(bytes: &[u8]) -> Result<(), ParquetError> {
    let footer = || {
        let (rest, end) = bytes.split_last_chunk::<8>()?;
        let (length, magic) = end.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        rest.get(rest.len().checked_sub(length)?..).filter(|_| magic == b"PAR1")
    };
    check_index(footer().unwrap_or_default(), FOOTER)
}

/// Checks a structure that fills some bytes.
pub(super) fn check_index(bytes: &[u8], fields: Fields) -> Result<(), ParquetError> {
    match shape::check(bytes, fields) {
        // What is cut is an error for the reader, too.
        Ok(_) | Err(Odd::Cut) => Ok(()),
        Err(Odd::Shape) => Err(odd()),
    }
}

/// Checks the headers of pages one behind the other.
pub(super) fn check_pages(bytes: &[u8]) -> Result<(), ParquetError> {
    shape::check_pages(bytes).map_err(|_| odd())
}

pub(super) fn columns(metadata: &ParquetMetaData) -> impl Iterator<Item = &ColumnChunkMetaData> {
    metadata.row_groups().iter().flat_map(|group| group.columns())
}

/// Returns where the indexes of a column lie.
pub(super) fn indexes(column: &ColumnChunkMetaData) -> Vec<(std::ops::Range<usize>, Fields)> {
    let of = |offset: Option<i64>, length: Option<i32>, fields| {
        let (start, length) = (usize::try_from(offset?).ok()?, usize::try_from(length?).ok()?);
        Some((start..start.checked_add(length)?, fields))
    };
    let offsets = of(column.offset_index_offset(), column.offset_index_length(), OFFSET_INDEX);
    let values = of(column.column_index_offset(), column.column_index_length(), COLUMN_INDEX);
    offsets.into_iter().chain(values).collect()
}

fn pages(column: &ColumnChunkMetaData) -> Option<std::ops::Range<usize>> {
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let (start, length) = (usize::try_from(start).ok()?, usize::try_from(column.compressed_size()).ok()?);
    Some(start..start.checked_add(length)?)
}

fn odd() -> ParquetError {
    ParquetError::General("it says of itself what the standard does not know, or more than it holds".to_owned())
}
