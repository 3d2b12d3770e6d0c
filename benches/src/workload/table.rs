use std::{fs::File, path::Path, sync::Arc, time::Instant};

use futures::TryStreamExt;
use lineal_core::Actor;
use lineal_data::{CommitBuilder, Repository, arrow::array::RecordBatch};
use object_store::{ObjectStore, local::LocalFileSystem};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use crate::{
    args::{Table, TableStep},
    data::{BRANCH, open, report},
    meter::Meter,
    report::text,
    stores,
};

/// Runs one step on the table of a store's repository; opening the store and reading the rows is part of it.
pub(crate) async fn run(what: Table) -> Result<(), String> {
    let meter = Meter::start();
    let (store, counting) = stores::open(&what.store)?;
    let repository = &open(&store).await?;
    let draft = repository.commit(BRANCH);
    let found = match &what.step {
        TableStep::Put { from } => commit(draft.put_table(TABLE, &rows_of(from)?)).await?,
        TableStep::Append { from } => commit(draft.append_table(TABLE, &rows_of(from)?)).await?,
        TableStep::Update { from, key } => commit(draft.update_rows(TABLE, &[key], &rows_of(from)?)).await?,
        TableStep::Diff { old, new, key } => diff(repository, old, new, key).await?,
        TableStep::Read { revision, raw } => read(repository, revision, raw.as_deref()).await?,
    };
    let step = what.step.name();
    report(&format!("table-{step}"), step, meter, found, &counting);
    Ok(())
}

fn rows_of(file: &Path) -> Result<Vec<RecordBatch>, String> {
    let open = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(open).map_err(text)?;
    reader.with_batch_size(BATCH_ROWS).build().map_err(text)?.collect::<Result<_, _>>().map_err(text)
}

async fn commit(draft: CommitBuilder<'_>) -> Result<Value, String> {
    draft.commit(&Actor::new("workload").map_err(text)?).await.map_err(text)?;
    Ok(json!({}))
}

async fn diff(repository: &Repository, old: &str, new: &str, key: &str) -> Result<Value, String> {
    let (old, new) = (repository.at(old).await.map_err(text)?, repository.at(new).await.map_err(text)?);
    let diff = old.diff_rows(TABLE, &new, &[key]).await.map_err(text)?;
    Ok(json!({
        "added": diff.added.num_rows(), "removed": diff.removed.num_rows(), "changed": diff.changed_new.num_rows(),
        "rows_read": diff.rows_read,
    }))
}

/// Reads all rows by the reader of the `parquet` crate: out of a version, then out of the same file on disk.
async fn read(repository: &Repository, revision: &str, raw: Option<&Path>) -> Result<Value, String> {
    let version = repository.at(revision).await.map_err(text)?;
    let started = Instant::now();
    let rows = stock_read(Arc::new(version.object_store()), TABLE).await?;
    let seconds = started.elapsed().as_secs_f64();
    let mut found = json!({ "rows": rows, "read_s": seconds, "rows_per_s": rows as f64 / seconds });
    if let Some(raw) = raw {
        let bytes = version.read(TABLE).await.map_err(text)?;
        std::fs::write(raw.join(TABLE), bytes).map_err(text)?;
        let disk: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(raw).map_err(text)?);
        let started = Instant::now();
        let rows = stock_read(disk, TABLE).await?;
        let seconds = started.elapsed().as_secs_f64();
        found["raw_read_s"] = seconds.into();
        found["raw_rows_per_s"] = (rows as f64 / seconds).into();
    }
    Ok(found)
}

#[expect(deprecated, reason = "the stock reader, as programs use it until they write their own")]
async fn stock_read(store: Arc<dyn ObjectStore>, path: &str) -> Result<usize, String> {
    use parquet::arrow::{ParquetRecordBatchStreamBuilder, async_reader::ParquetObjectReader};

    let reader = ParquetObjectReader::new(store, path.into());
    let stream = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(text)?.build().map_err(text)?;
    stream.try_fold(0, async |rows, batch| Ok(rows + batch.num_rows())).await.map_err(text)
}

/// Where the table lies in a version.
const TABLE: &str = "table.parquet";
/// Rows of one batch.
const BATCH_ROWS: usize = 64 * 1024;
