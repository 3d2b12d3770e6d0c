use std::sync::Arc;

use futures::TryStreamExt;
use lineal_core::{Actor, Host, LooseBlobs, ManualClock, SeededIds, Store, Timestamp};
use lineal_data::{
    Change, Commit, FileEntry, Repository, Version,
    arrow::{
        array::{Float64Array, Int64Array, RecordBatch},
        datatypes::{DataType, Field, Schema},
    },
};
use tempfile::TempDir;

/// A store with its repository, repeatable to the byte.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) blobs: Arc<LooseBlobs>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) repository: Repository,
}

impl World {
    pub(crate) async fn memory() -> Self {
        Self::on(Store::open("memory:///").unwrap()).await
    }

    /// On a local directory, which lives as long as the guard.
    pub(crate) async fn local() -> (Self, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("file://{}", directory.path().display())).unwrap();
        (Self::on(store).await, directory)
    }

    pub(crate) async fn on(store: Store) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_secs(1_357_000_000).unwrap()));
        let host = Host::system().with_clock(clock.clone()).with_ids(Arc::new(SeededIds::new(7)));
        let store = store.with_host(host);
        let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await.unwrap());
        let repository = Repository::open(&store, "flights", blobs.clone()).await.unwrap();
        Self { store, blobs, clock, repository }
    }

    /// Another handle, as another process would hold.
    pub(crate) async fn another(&self) -> Repository {
        Repository::open(&self.store, "flights", self.blobs.clone()).await.unwrap()
    }

    /// Commits one file of text to `main`.
    pub(crate) async fn put(&self, path: &str, text: &str) -> Commit {
        let text = text.to_owned();
        self.repository.commit("main").put(path, text).message("put").commit(&ana()).await.unwrap()
    }
}

pub(crate) fn ana() -> Actor {
    Actor::new("ana@example.org").unwrap()
}

/// Rows `from..to` of a table of flights.
pub(crate) fn flights(from: i64, to: i64) -> RecordBatch {
    let schema =
        Schema::new(vec![Field::new("flight", DataType::Int64, false), Field::new("delay", DataType::Float64, true)]);
    let delays: Float64Array = (from..to).map(|id| (id % 5 != 0).then_some(id as f64 / 4.0)).collect();
    let ids = Int64Array::from_iter_values(from..to);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(delays)]).unwrap()
}

/// Renders an error with its kind and causes.
pub(crate) fn chain(error: &lineal_data::Error) -> String {
    let mut text = format!("{:?}: {error}", error.kind());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// All files whose path begins with `prefix`.
pub(crate) async fn files(version: &Version, prefix: &str) -> Vec<FileEntry> {
    version.list(prefix).try_collect().await.unwrap()
}

/// All that differs between two revisions.
pub(crate) async fn changes(repository: &Repository, old: &str, new: &str) -> Vec<Change> {
    repository.diff(old, new).await.unwrap().try_collect().await.unwrap()
}
