//! Parquet files and page tables that no writer makes: rows or a typed error, whatever is asked of them.

use std::{panic::AssertUnwindSafe, sync::Arc};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use futures::TryStreamExt;
use lineal_core::{BlobStore, BlobStoreExt, Digest, FilePath, LooseBlobs, Store};
use parquet::{
    arrow::ArrowWriter,
    file::{
        metadata::{KeyValue, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter, SortingColumn},
        properties::{EnabledStatistics, WriterProperties, WriterVersion},
    },
};

use super::{PageTable, Predicate, RowEdit, Scan, Side, diff_rows, draw, edit, read, row_diff, scan, writer::Written};
use crate::{Error, FileEntry, TableFacts, TableSchema, reference::Sources};

fn rows(from: i64, to: i64) -> RecordBatch {
    let text = (from..to).map(|at| format!("{}", at % 3));
    let columns: [(&str, ArrayRef); 2] =
        [("n", Arc::new(Int64Array::from_iter_values(from..to))), ("s", Arc::new(StringArray::from_iter_values(text)))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn good() -> Written {
    row_diff::tests::put_small(vec![rows(0, 60)])
}

/// The file with what `change` makes of its footer.
fn with_footer(file: &Bytes, change: impl FnOnce(ParquetMetaData) -> ParquetMetaData) -> Bytes {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(file).unwrap();
    let mut out = file.to_vec();
    ParquetMetaDataWriter::new(&mut out, &change(metadata)).finish().unwrap();
    out.into()
}

/// A footer with three row groups that say they have so many rows.
fn of_rows(file: &Bytes, rows: i64) -> Bytes {
    with_footer(file, |metadata| {
        let group = metadata.row_group(0).clone().into_builder().set_num_rows(rows).build().unwrap();
        let mut builder = metadata.into_builder();
        builder.take_row_groups();
        (0..3).fold(builder, |builder, _| builder.add_row_group(group.clone())).build()
    })
}

/// A footer whose numbers of rows are too large to be added up, which no writer can be made to write.
fn of_too_many(file: &Bytes) -> Bytes {
    let (stated, wanted) = ([&[0x80; 8][..], &[0x40]].concat(), [&[0xfe][..], &[0xff; 7], &[0x7f]].concat());
    let mut bytes = of_rows(file, 1 << 61).to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(9).position(|window| window == stated) {
        bytes[at + found..at + found + 9].copy_from_slice(&wanted);
        at += found + 9;
    }
    assert!(at > 0);
    bytes.into()
}

/// Everything that can be asked of a table, as an outcome each.
async fn ask_all(blobs: &Arc<LooseBlobs>, bytes: &Bytes, pages: Option<PageTable>) -> Vec<Result<(), Error>> {
    let path = FilePath::new("t").unwrap();
    blobs.put_one(bytes.clone()).await.unwrap();
    let of = |bytes: &Bytes| {
        FileEntry::new(path.clone(), Digest::of(bytes), bytes.len() as u64, "application/octet-stream".to_owned())
    };
    let sources = Sources::default();
    let store: Arc<dyn BlobStore> = Arc::<LooseBlobs>::clone(blobs);
    let open = async || {
        let side = Side::open(&store, &sources, &of(bytes)).await?;
        Ok::<_, Error>(Side { pages: pages.clone(), ..side })
    };
    let whole = good();
    blobs.put_one(whole.bytes.clone()).await.unwrap();
    let other = Side::open(&store, &sources, &of(&whole.bytes)).await.unwrap();
    let scanned = async {
        let side = open().await?;
        let wanted = Scan::default().with_predicate(Predicate::less("n", 9));
        scan(&side.reader, side.pages.as_ref(), &wanted)?.try_collect::<Vec<_>>().await.map(drop)
    };
    let sampled = async {
        let side = open().await?;
        read(&side.reader, draw(side.reader.group_rows().iter().sum(), 5, 1)).await.map(drop)
    };
    let compared = async { diff_rows(path.clone(), open().await?, other, vec!["n".to_owned()]).await.map(drop) };
    let mut outcomes = vec![scanned.await, sampled.await, compared.await];
    for edit in [
        RowEdit::Append(vec![rows(60, 70)]),
        RowEdit::Delete(rows(3, 4).project(&[0]).unwrap()),
        RowEdit::Update(vec!["n".to_owned()], vec![rows(3, 9)]),
    ] {
        outcomes.push(edit::write(path.clone(), Some((bytes.clone(), pages.clone())), vec![edit]).await.map(drop));
    }
    outcomes
}

fn is_told(error: &Error) -> bool {
    matches!(
        error,
        Error::NotATable { .. }
            | Error::NoSuchColumn { .. }
            | Error::DuplicateKey { .. }
            | Error::Schema { .. }
            | Error::UnsupportedType { .. }
            | Error::WriteTable { .. }
    )
}

#[tokio::test]
async fn crafted_files_are_errors_whatever_is_asked() {
    let blobs = Arc::new(LooseBlobs::open(&Store::open("memory:///").unwrap(), "blobs").await.unwrap());
    let written = good();
    let file = written.bytes.clone();
    let pages = PageTable::of_bytes(&written.pages).unwrap();
    assert!(ask_all(&blobs, &file, Some(pages.clone())).await.iter().all(Result::is_ok));
    for (crafted, possible) in
        [(of_too_many(&file), false), (of_rows(&file, -1), false), (of_rows(&file, 1 << 61), true)]
    {
        for pages in [None, Some(pages.clone())] {
            for outcome in ask_all(&blobs, &crafted, pages).await {
                match outcome {
                    // A footer may promise more than there is.
                    Ok(()) => assert!(possible),
                    Err(error) if possible => assert!(is_told(&error), "{error:?}"),
                    Err(error) => assert!(matches!(error, Error::NotATable { .. }), "{error:?}"),
                }
            }
        }
    }
    let damaged = (0..file.len()).step_by(17).flat_map(|at| {
        [0x55, 0xff, 0x80].map(|bits| {
            let mut bad = file.to_vec();
            bad[at] ^= bits;
            Bytes::from(bad)
        })
    });
    let cut = (0..file.len()).step_by(97).map(|at| file.slice(..at));
    let mut refused = 0;
    for (at, bytes) in damaged.chain(cut).enumerate() {
        let pages = (at % 2 == 0).then(|| pages.clone());
        for outcome in ask_all(&blobs, &bytes, pages).await {
            match outcome {
                Ok(()) => {}
                Err(error) => {
                    assert!(is_told(&error), "{error:?}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 300, "{refused}");
}

/// Found by fuzzing: two billion booleans without a byte for each, in a field that nobody knows.
#[tokio::test]
async fn a_file_that_would_keep_the_parser_busy_is_refused() {
    let blobs = Arc::new(LooseBlobs::open(&Store::open("memory:///").unwrap(), "blobs").await.unwrap());
    let count = [0xff, 0xff, 0xff, 0xff, 0x07];
    let footer = [&[0xf9, 0xf1][..], &count, &[0]].concat();
    let file = [&b"PAR1"[..], &footer, &(footer.len() as u32).to_le_bytes(), b"PAR1"].concat();
    for outcome in ask_all(&blobs, &file.into(), None).await {
        assert!(matches!(outcome, Err(Error::NotATable { .. })), "{outcome:?}");
    }
}

/// Files of another writer with all that it can write pass the checks.
#[tokio::test]
async fn files_of_other_writers_are_read() {
    let blobs = Arc::new(LooseBlobs::open(&Store::open("memory:///").unwrap(), "blobs").await.unwrap());
    let note = KeyValue::new("note".to_owned(), "written elsewhere".to_owned());
    let with = |version| {
        WriterProperties::builder()
            .set_writer_version(version)
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_bloom_filter_enabled(true)
            .set_write_page_header_statistics(true)
            .set_data_page_row_count_limit(10)
            .set_write_batch_size(5)
            .set_max_row_group_row_count(Some(25))
            .set_sorting_columns(Some(vec![SortingColumn { column_idx: 0, descending: false, nulls_first: true }]))
            .set_key_value_metadata(Some(vec![note.clone()]))
            .build()
    };
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let batch = rows(0, 60);
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(with(version))).unwrap();
        writer.write(&batch).unwrap();
        let bytes: Bytes = writer.into_inner().unwrap().into();
        for outcome in ask_all(&blobs, &bytes, None).await {
            assert!(outcome.is_ok(), "{version:?}: {outcome:?}");
        }
    }
}

/// A page table that is damaged is refused, or its numbers can be worked with.
#[tokio::test]
async fn crafted_page_tables_are_errors_or_only_wrong() {
    let blobs = Arc::new(LooseBlobs::open(&Store::open("memory:///").unwrap(), "blobs").await.unwrap());
    let (written, facts) = (good(), good());
    let mut read = 0;
    for at in 0..facts.pages.len() {
        for bits in [0x01, 0x7f, 0xff] {
            let mut bad = facts.pages.to_vec();
            bad[at] ^= bits;
            let Ok(pages) = PageTable::of_bytes(&bad) else { continue };
            read += 1;
            let numbers = AssertUnwindSafe(|| (pages.cuts(), pages.sections(), pages.statistics(), pages.rows()));
            assert!(std::panic::catch_unwind(numbers).is_ok(), "byte {at}");
            if at % 5 == 0 {
                let outcomes = ask_all(&blobs, &written.bytes, Some(pages)).await;
                outcomes.into_iter().filter_map(Result::err).for_each(|error| assert!(is_told(&error), "{error:?}"));
            }
        }
    }
    assert!(read > 100, "{read}");
}

/// Facts that name what is no schema or no page table.
#[tokio::test]
async fn crafted_facts_are_errors() {
    let blobs = Arc::new(LooseBlobs::open(&Store::open("memory:///").unwrap(), "blobs").await.unwrap());
    let written = good();
    let schema = TableSchema::of(&rows(0, 1).schema()).unwrap().encode().unwrap();
    let put = blobs.put_one(written.bytes.clone()).await.unwrap().digests()[0];
    let schema = blobs.put_one(schema.into()).await.unwrap().digests()[0];
    let pages = blobs.put_one(written.pages.clone()).await.unwrap().digests()[0];
    let store: Arc<dyn BlobStore> = Arc::<LooseBlobs>::clone(&blobs);
    let path = FilePath::new("t").unwrap();
    let entry = FileEntry::new(path, put, written.bytes.len() as u64, "application/octet-stream".to_owned());
    for (schema, pages) in [(put, Some(pages)), (schema, Some(put)), (pages, Some(schema)), (Digest::of(b"no"), None)] {
        let entry = FileEntry { table: Some(TableFacts { pages, rows: 60, schema }), ..entry.clone() };
        let opened = Side::open(&store, &Sources::default(), &entry).await.map(drop);
        assert!(matches!(opened, Err(Error::Format { .. } | Error::Store(_))), "{opened:?}");
    }
}
