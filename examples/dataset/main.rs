//! A dataset that grows month by month: what versions of data are good for.
//!
//! `cargo run --release --example dataset [-- --out DIR]`; everything it writes lies under `target/dataset/` or DIR, which is begun
//! anew each time. Every line that it prints was checked before.
#![allow(clippy::print_stdout, reason = "an example talks to the person who runs it")]

mod files; // a version on disk, and a file that lies elsewhere
mod flights; // the source: months of flights, and what can go wrong with them
mod forget; // a file is purged from all versions
mod studio; // the repository, its guards and a clock that is driven through 2013

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::array::RecordBatch;
use futures::TryStreamExt;
use lineal_core::Actor;
use lineal_data::{Error, Resolve, RowMerge};
use lineal_examples::{Outcome, ensure};

use crate::studio::{Studio, TABLE};

#[tokio::main]
async fn main() -> Outcome<()> {
    let out = out(std::env::args().skip(1))?;
    let studio = Studio::open(&out.join("store")).await?;
    let months = flights::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights_2013.parquet"))?;
    let month = |number: usize| months.get(number - 1).ok_or("the source lacks a month");

    println!("1. The table grows, and the store by what is new");
    for number in 1..=9 {
        append(&studio, number, month(number)?).await?;
    }
    bad_batches(&studio, month(10)?).await?;
    merge(&studio, month(2)?).await?;
    time_travel(&studio, month(1)?.num_rows() + month(2)?.num_rows()).await?;
    files::on_disk(&studio, &out.join("checkout")).await?;
    files::elsewhere(&studio, &out.join("lake")).await?;
    forget::forget(&studio).await
}

/// Appends a month on `main` and tags the version.
async fn append(studio: &Studio, month: usize, rows: &RecordBatch) -> Outcome<()> {
    studio.go_to(month + 1)?;
    let (before, tag) = (studio.stored_bytes()?, format!("2013-{month:02}"));
    let draft = studio.repository.commit("main").append_table(TABLE, std::slice::from_ref(rows));
    draft.message(&format!("Flights of {tag}")).commit(&studio.robot).await?;
    studio.repository.tag(&tag, "main", &studio.robot).await?;
    let table = studio.repository.at(&tag).await?.file(TABLE).await?;
    let grown = studio.stored_bytes()? - before;
    println!(
        "   {tag}: {:>6} rows added, {:>6} in all; file {:>5} KB, store grew by {:>4} KB",
        rows.num_rows(),
        table.rows().unwrap_or_default(),
        table.size_bytes / 1000,
        grown / 1000
    );
    // Row groups have about 8 MiB of values, two months of these flights: a smaller table is mostly its last group.
    ensure(month < 4 || grown < table.size_bytes, "a version stores what is new, not the whole table again")
}

/// Batches that a source may deliver on a bad day.
async fn bad_batches(studio: &Studio, good: &RecordBatch) -> Outcome<()> {
    println!("2. Bad batches are refused by hooks, and leave no trace");
    let head = studio.repository.resolve("main").await?;
    let (lost, unit) = (flights::with_lost_delays(good)?, flights::in_seconds(good)?);
    for (what, rows) in [("half of the delays lost", lost), ("delays in seconds", unit)] {
        let bad = studio.repository.commit("main").append_table(TABLE, &[rows]).commit(&studio.robot).await;
        let Err(Error::Refused { source, .. }) = bad else { return Err("a bad batch got through".into()) };
        println!("   {what}: {source}");
    }
    ensure(studio.repository.resolve("main").await? == head, "the branch is where it was")
}

/// Two people correct the same month, one row in two ways.
async fn merge(studio: &Studio, february: &RecordBatch) -> Outcome<()> {
    println!("3. Corrections on two branches are merged row by row");
    let (repository, ana, bo) = (&studio.repository, Actor::new("ana@example.org")?, Actor::new("bo@example.org")?);
    repository.create_branch("corrections", "main", &ana).await?;
    let by_ana = flights::delayed_by(&february.slice(100, 3), 1.0)?;
    let by_bo = flights::delayed_by(&february.slice(102, 3), 2.0)?;
    let update = |branch: &str, rows| repository.commit(branch).update_rows(TABLE, &flights::KEY, &[rows]);
    update("corrections", by_ana).message("Delays by the airline's own log").commit(&ana).await?;
    update("main", by_bo).message("Delays by the tower's log").commit(&bo).await?;

    let by_key = RowMerge::by(&flights::KEY);
    let merge = |rows| repository.merge("main", "corrections").resolve(Resolve::Rows(rows)).commit(&ana);
    let Err(Error::Conflicts { conflicts, .. }) = merge(by_key.clone()).await else {
        return Err("the row that both corrected is a conflict".into());
    };
    let rows = conflicts.first().and_then(|one| one.rows.clone()).ok_or("the conflict names its rows")?;
    ensure(rows.num_rows() == 1, "three rows each, one of them the same")?;
    println!("   both corrected {}; the airline's log counts", flights::show_key(&rows)?);
    merge(by_key.keep_theirs()).await?;

    let (before, now) = (repository.at("2013-09").await?, repository.at("main").await?);
    let diff = before.diff_rows(TABLE, &now, &flights::KEY).await?;
    let changed: Vec<String> =
        diff.changed_columns().iter().map(|(name, rows)| format!("{name} of {rows} rows")).collect();
    println!(
        "   against 2013-09: {}; {} of {} rows were read",
        changed.join(", "),
        diff.rows_read,
        2 * rows_in(&now).await?
    );
    ensure(diff.changed_new.num_rows() == 5 && diff.added.num_rows() == 0, "five rows were corrected")
}

async fn rows_in(version: &lineal_data::Version) -> Outcome<u64> {
    Ok(version.file(TABLE).await?.rows().unwrap_or_default())
}

/// An old version, found by time, read by somebody else's code.
async fn time_travel(studio: &Studio, rows: usize) -> Outcome<()> {
    println!("4. Old versions stay, and any reader of Parquet reads them");
    let then = studio.repository.as_of(studio.day(3, 15)?).await?.at("main").await?;
    println!("   on March 15th, main was {} ({})", then.commit().id(), then.commit().message());
    let read = stock_read(then.object_store()).await?;
    ensure(read == rows, "January and February")?;
    println!("   the unmodified reader of the parquet crate finds {read} rows in it, every byte verified");
    Ok(())
}

/// Reads a table as any program does that knows Parquet and object stores, but not versions.
#[expect(deprecated, reason = "the stock reader, as programs use it until they write their own")]
async fn stock_read(store: lineal_data::VersionStore) -> Outcome<usize> {
    use parquet::arrow::{ParquetRecordBatchStreamBuilder, async_reader::ParquetObjectReader};

    let reader = ParquetObjectReader::new(Arc::new(store), TABLE.into());
    let batches = ParquetRecordBatchStreamBuilder::new(reader).await?.build()?;
    Ok(batches.try_fold(0, async |rows, batch| Ok(rows + batch.num_rows())).await?)
}

fn out(mut words: impl Iterator<Item = String>) -> Outcome<PathBuf> {
    let out = match (words.next().as_deref(), words.next()) {
        (None, _) => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/dataset"),
        (Some("--out"), Some(directory)) => directory.into(),
        _ => return Err("usage: dataset [--out DIR]".into()),
    };
    for part in ["store", "checkout", "lake"] {
        match std::fs::remove_dir_all(out.join(part)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    std::fs::create_dir_all(&out)?;
    Ok(out.canonicalize()?)
}
