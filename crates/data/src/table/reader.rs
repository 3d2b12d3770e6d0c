use std::{
    error::Error as StdError,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::SchemaRef,
};
use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use lineal_core::{BlobStore, FilePath, on_cpu};
use parquet::{
    DecodeResult,
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection, statistics::StatisticsConverter},
        push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder},
    },
    errors::ParquetError,
    file::{
        metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder},
        statistics::Statistics,
    },
};

use super::{file::describes, page_table::PageTable, shape::Fields, wary};
use crate::{Error, FileEntry, bounded::read_one_bounded, file_entry::Contents, reference::Sources};

/// A Parquet file in a blob store, of which only what is asked for is read. It may be anybody's.
#[derive(Clone)]
pub(crate) struct TableReader {
    source: Source,
    metadata: ArrowReaderMetadata,
}

/// What to read of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// Row groups, ascending.
    pub(crate) groups: Vec<usize>,
    /// Rows of those groups; all of them for `None`.
    pub(crate) rows: Option<RowSelection>,
    /// Columns by place; all of them for `None`.
    pub(crate) columns: Option<Vec<usize>>,
}

impl TableReader {
    /// Reads the footer: in one request, if the page table says how long it is.
    pub(crate) async fn open(
        blobs: Arc<dyn BlobStore>,
        sources: &Sources,
        entry: &FileEntry,
        pages: Option<&PageTable>,
    ) -> Result<Self, Error> {
        let size = entry.size_bytes;
        let whole = match entry.contents() {
            Contents::Bytes(bytes) => Some(bytes.clone()),
            Contents::Blob(blob) if size <= WHOLE_BYTES => {
                Some(read_one_bounded(blobs.as_ref(), "file", blob, size).await?)
            }
            Contents::Elsewhere(file) if size <= WHOLE_BYTES => Some(sources.read(file).await?),
            Contents::Blob(_) | Contents::Elsewhere(_) => None,
            Contents::Purged => return Err(Error::Purged { path: entry.path.clone() }),
        };
        let (sources, entry) = (sources.clone(), Arc::new(entry.clone()));
        let source = Source { blobs, sources, entry, size, whole };
        let expected = pages.map_or(TAIL_BYTES, |pages| pages.footer.min(MOST_TAIL_BYTES));
        let end = source.footer(expected).await?;
        let (size, read) = (source.size, end.clone());
        let footer = source.step(move || {
            wary::check_footer(&read)?;
            let mut decoder = ParquetMetaDataPushDecoder::try_new(size)?.with_page_index_policy(PageIndexPolicy::Skip);
            decoder.push_range(size.saturating_sub(read.len() as u64)..size, read)?;
            decoder.try_decode()
        });
        let DecodeResult::Data(metadata) = footer.await? else {
            return Err(source.flaw("its footer does not end".into()));
        };
        let rows = metadata.row_groups().iter().map(|group| group.num_rows());
        if !checked_rows(rows) {
            return Err(source.flaw("its row groups have impossible numbers of rows".into()));
        }
        let metadata = source.with_indexes(metadata, end).await?;
        let options = ArrowReaderOptions::new();
        let metadata = source.step(move || ArrowReaderMetadata::try_new(Arc::new(metadata), options)).await?;
        Ok(Self { source, metadata })
    }

    pub(super) fn path(&self) -> &FilePath {
        &self.source.entry.path
    }

    /// Tells whether a page table is that of this file.
    pub(super) fn fits(&self, pages: &PageTable) -> bool {
        describes(pages, &self.metadata)
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// Returns how many rows each row group has.
    pub(crate) fn group_rows(&self) -> Vec<u64> {
        let groups = self.metadata.metadata().row_groups();
        groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).collect()
    }

    /// Returns bounds of the values of a column in each row group, as the footer states them: null where it states none.
    pub(super) fn bounds(&self, column: usize) -> Option<(ArrayRef, ArrayRef)> {
        let schema = self.metadata.schema();
        let name = schema.fields().get(column)?.name();
        let groups = || self.metadata.metadata().row_groups().iter();
        let read = || {
            let converter = StatisticsConverter::try_new(name, schema, self.metadata.parquet_schema()).ok()?;
            let leaf = converter.parquet_column_index().filter(|_| schema.index_of(name).ok() == Some(column))?;
            let stated = groups().filter_map(|group| group.columns().get(leaf)?.statistics());
            // The fields of old writers do not say by which order texts were compared.
            let is_old = |stated: &Statistics| {
                stated.is_min_max_deprecated() && (stated.min_bytes_opt().is_some() || stated.max_bytes_opt().is_some())
            };
            let is_sound = !stated.into_iter().any(is_old);
            let (least, greatest) = (converter.row_group_mins(groups()), converter.row_group_maxes(groups()));
            least.ok().zip(greatest.ok()).filter(|_| is_sound)
        };
        // What cannot be made out rules nothing out.
        catch_unwind(AssertUnwindSafe(read)).ok()?
    }

    /// Says of a cause that the file is not a table.
    pub(super) fn flaw(&self) -> impl Fn(Box<dyn StdError + Send + Sync>) -> Error + use<> {
        let path = self.source.entry.path.clone();
        move |source| Error::NotATable { path: path.clone(), source }
    }

    /// Reads what is selected, a row group at a time, in batches of up to [`ROWS_READ`] rows.
    pub(crate) fn stream(&self, selection: Selection) -> Result<BoxStream<'static, Result<RecordBatch, Error>>, Error> {
        if selection.groups.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let mut builder = ParquetPushDecoderBuilder::new_with_metadata(self.metadata.clone())
            .with_row_groups(selection.groups)
            .with_batch_size(ROWS_READ);
        if let Some(columns) = selection.columns {
            builder = builder.with_projection(ProjectionMask::roots(self.metadata.parquet_schema(), columns));
        }
        if let Some(rows) = selection.rows {
            builder = builder.with_row_selection(rows);
        }
        let decoder = builder.build().map_err(|error| self.source.flaw(error.into()))?;
        let state = (self.source.clone(), decoder);
        Ok(stream::try_unfold(state, |(source, decoder)| next(source, decoder)).boxed())
    }
}

/// Decodes the next batch, fetching what it takes.
async fn next(
    source: Source,
    mut decoder: ParquetPushDecoder,
) -> Result<Option<(RecordBatch, (Source, ParquetPushDecoder))>, Error> {
    let mut pushed = Vec::new();
    loop {
        let result;
        (decoder, result) = source
            .step(move || {
                let result = decoder.try_decode()?;
                Ok((decoder, result))
            })
            .await?;
        match result {
            DecodeResult::Finished => return Ok(None),
            DecodeResult::Data(batch) => return Ok(Some((batch, (source, decoder)))),
            DecodeResult::NeedsData(wanted) if wanted == pushed => {
                return Err(source.flaw("its pages do not lie where its footer says".into()));
            }
            DecodeResult::NeedsData(wanted) => {
                pushed.clone_from(&wanted);
                let (ranges, pieces) = source.fetch(wanted).await?;
                let pages = pushed.iter().map(|range| part(range, &ranges, &pieces).unwrap_or_default());
                pages.into_iter().try_for_each(wary::check_pages).map_err(|error| source.flaw(error.into()))?;
                decoder.push_ranges(ranges, pieces).map_err(|error| source.flaw(error.into()))?;
            }
        }
    }
}

#[derive(Clone)]
struct Source {
    blobs: Arc<dyn BlobStore>,
    sources: Sources,
    entry: Arc<FileEntry>,
    size: u64,
    /// The bytes of a small file, which one request brings.
    whole: Option<Bytes>,
}

impl Source {
    /// Reads the end of the file: so many bytes, or more if the footer is longer.
    async fn footer(&self, expected: u64) -> Result<Bytes, Error> {
        let from = |length: u64| self.size.saturating_sub(length)..self.size;
        let end = self.read(from(expected.max(LEAST_TAIL_BYTES))).await?;
        let stated = end.last_chunk::<8>().and_then(|end| end.first_chunk::<4>()).copied().map(u32::from_le_bytes);
        match u64::from(stated.unwrap_or_default()) + LEAST_TAIL_BYTES {
            length if length <= end.len() as u64 || length > self.size => Ok(end),
            length if length > MOST_FOOTER_BYTES => Err(self.flaw("its footer has more than a gigabyte".into())),
            length => self.read(from(length)).await,
        }
    }

    /// Adds where pages lie, for a file that says so: in what was read of its end, as a rule.
    async fn with_indexes(&self, metadata: ParquetMetaData, end: Bytes) -> Result<ParquetMetaData, Error> {
        let stated: Vec<(Range<u64>, Fields)> = wary::columns(&metadata)
            .flat_map(wary::indexes)
            .map(|(range, fields)| (range.start as u64..range.end as u64, fields))
            .collect();
        let size = self.size;
        let mut decoder = ParquetMetaDataPushDecoder::try_new_with_metadata(size, metadata)
            .map_err(|error| self.flaw(error.into()))?
            .with_page_index_policy(PageIndexPolicy::Optional);
        let tail = size.saturating_sub(end.len() as u64)..size;
        let (mut ranges, mut pieces) = (Vec::from([tail]), vec![end]);
        for _ in 0..2 {
            let stated = stated.clone();
            let step = self.step(move || {
                let indexes = stated.iter().map(|(range, fields)| (part(range, &ranges, &pieces), *fields));
                for (index, fields) in indexes {
                    wary::check_index(index.unwrap_or_default(), fields)?;
                }
                decoder.push_ranges(ranges, pieces)?;
                let result = decoder.try_decode()?;
                Ok((decoder, result))
            });
            let result;
            (decoder, result) = step.await?;
            match result {
                DecodeResult::Data(metadata) => return Ok(metadata),
                DecodeResult::NeedsData(wanted) => (ranges, pieces) = self.fetch(wanted).await?,
                DecodeResult::Finished => break,
            }
        }
        Err(self.flaw("its page index does not end".into()))
    }

    /// Reads ranges, some at once, and those that lie near each other together.
    async fn fetch(&self, wanted: Vec<Range<u64>>) -> Result<(Vec<Range<u64>>, Vec<Bytes>), Error> {
        if let Some(range) = wanted.iter().find(|range| range.start > range.end || range.end > self.size) {
            return Err(self.flaw(format!("its footer names the bytes {range:?} of {}", self.size).into()));
        }
        let ranges = together(wanted);
        let reads = ranges.clone().into_iter().map(|range| self.read(range));
        let pieces = stream::iter(reads).buffered(CONCURRENCY).try_collect().await?;
        Ok((ranges, pieces))
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let whole = match (&self.whole, self.entry.contents()) {
            (Some(whole), _) | (None, Contents::Bytes(whole)) => whole,
            (None, Contents::Blob(blob)) => return Ok(self.blobs.read(&blob, Some(range)).await?),
            (None, Contents::Elsewhere(file)) => return self.sources.read_range(file, range).await,
            (None, Contents::Purged) => return Err(Error::Purged { path: self.entry.path.clone() }),
        };
        let (start, end) = (usize::try_from(range.start), usize::try_from(range.end));
        match (start, end) {
            (Ok(start), Ok(end)) if start <= end && end <= whole.len() => Ok(whole.slice(start..end)),
            _ => Err(self.flaw("it is shorter than its entry says".into())),
        }
    }

    /// Lets the Parquet reader work; one that gives up on a file must not look like a defect of ours.
    async fn step<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ParquetError> + Send + 'static,
    ) -> Result<T, Error> {
        match on_cpu(move || catch_unwind(AssertUnwindSafe(work))).await? {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.flaw(error.into())),
            Err(_) => Err(self.flaw("the Parquet reader gave up on it".into())),
        }
    }

    fn flaw(&self, source: Box<dyn StdError + Send + Sync>) -> Error {
        Error::NotATable { path: self.entry.path.clone(), source }
    }
}

/// Returns the bytes of a range out of pieces that hold it.
fn part<'a>(range: &Range<u64>, ranges: &[Range<u64>], pieces: &'a [Bytes]) -> Option<&'a [u8]> {
    let holds = |(held, _): &(&Range<u64>, &Bytes)| held.start <= range.start && range.end <= held.end;
    let (held, piece) = ranges.iter().zip(pieces).find(holds)?;
    let start = usize::try_from(range.start - held.start).ok()?;
    piece.get(start..start.checked_add(usize::try_from(range.end.checked_sub(range.start)?).ok()?)?)
}

/// Tells whether numbers of rows are not negative, and can be added up.
pub(super) fn checked_rows(mut rows: impl Iterator<Item = i64>) -> bool {
    rows.try_fold(0_i64, |sum, rows| sum.checked_add(rows).filter(|_| rows >= 0)).is_some()
}

/// Joins ranges that overlap or lie near each other.
fn together(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end + GAP_BYTES => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// Rows in a batch that is read.
const ROWS_READ: usize = 8192;
/// A file of so many bytes is read at once.
const WHOLE_BYTES: u64 = 4 * 1024 * 1024;
/// What is read first, in the hope that it holds the footer.
const TAIL_BYTES: u64 = 64 * 1024;
/// What says how long the rest of the footer is.
const LEAST_TAIL_BYTES: u64 = 8;
/// More than any footer has.
const MOST_FOOTER_BYTES: u64 = 1 << 30;
/// What is believed of how long a footer is.
const MOST_TAIL_BYTES: u64 = 16 * 1024 * 1024;
/// A gap that is cheaper to read than to make another request for.
const GAP_BYTES: u64 = 16 * 1024;
/// Ranges read at once.
const CONCURRENCY: usize = 8;

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use lineal_core::{BlobStoreExt, Digest, LooseBlobs, Store};

    use super::{super::row_diff::tests::put_small, *};

    async fn read(blobs: &Arc<LooseBlobs>, bytes: Bytes, size_bytes: u64) -> Result<usize, Error> {
        blobs.put_one(bytes.clone()).await.unwrap();
        let path = FilePath::new("t").unwrap();
        let entry = FileEntry::new(path, Digest::of(&bytes), size_bytes, "application/octet-stream".to_owned());
        let reader = TableReader::open(Arc::<LooseBlobs>::clone(blobs), &Sources::default(), &entry, None).await?;
        let groups = (0..reader.group_rows().len()).collect();
        let batches: Vec<RecordBatch> =
            reader.stream(Selection { groups, ..Selection::default() })?.try_collect().await?;
        Ok(batches.iter().map(RecordBatch::num_rows).sum())
    }

    #[tokio::test]
    async fn damaged_files_give_rows_or_a_typed_error() {
        let store = Store::open("memory:///").unwrap();
        let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await.unwrap());
        let columns: [(&str, ArrayRef); 2] = [
            ("n", Arc::new(Int64Array::from_iter_values(0..60))),
            ("s", Arc::new(StringArray::from_iter_values((0..60).map(|at| format!("{}", at % 3))))),
        ];
        let good = put_small(vec![RecordBatch::try_from_iter(columns).unwrap()]).bytes;
        assert_eq!(read(&blobs, good.clone(), good.len() as u64).await.unwrap(), 60);
        let damaged = (0..good.len()).step_by(23).map(|at| {
            let mut bad = good.to_vec();
            bad[at] ^= 0x55;
            Bytes::from(bad)
        });
        let cut = (0..good.len()).step_by(211).map(|at| good.slice(..at));
        let strange = [&b"PAR1"[..], b"", b"not parquet at all", b"PAR1\xff\xff\xff\x7fPAR1"].map(Bytes::from_static);
        let mut refused = 0;
        for bytes in damaged.chain(cut).chain(strange) {
            // A flipped bit may hide in a value; the reader may not take anything down with it.
            let size = bytes.len() as u64;
            match read(&blobs, bytes, size).await {
                Ok(_) => {}
                Err(Error::NotATable { .. }) => refused += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(refused > 20, "{refused}");
        let wrong = read(&blobs, good.clone(), good.len() as u64 + 9).await;
        assert!(matches!(wrong, Err(Error::NotATable { .. })), "{wrong:?}");
    }

    #[test]
    fn ranges_near_each_other_are_read_together() {
        let joined = together(vec![100_000..100_010, 0..10, 5..20, 30..40]);
        assert_eq!(joined, [0..40, 100_000..100_010]);
    }
}
