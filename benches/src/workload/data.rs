use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lineal_artifacts::PackBlobs;
use lineal_core::{Actor, NoProgress, Store, SystemClock};
use lineal_data::{
    Error, Repository, Version,
    local::{CheckoutSettings, Directory},
};
use serde_json::json;

use crate::{
    args::{Data, DataStep},
    meter::Meter,
    report::{self, text},
    stores::{self, Counting},
};

/// Runs one step on the repository of a store; opening the store is part of it.
pub(crate) async fn run(what: Data) -> Result<(), String> {
    let meter = Meter::start();
    let (store, counting) = stores::open(&what.store)?;
    let repository = open(&store).await?;
    let found = match &what.step {
        DataStep::Init => {
            store.ensure_writable().await.map_err(text)?;
            json!({ "files": 0 })
        }
        DataStep::Add { from, message } => add(&repository, from, cache(&what)?.as_deref(), message).await?,
        DataStep::Status { from } => {
            let status = tip(&repository).await?.status(&directory(from, cache(&what)?.as_deref())?, &NoProgress).await;
            let status = status.map_err(text)?;
            json!({ "files": status.unchanged, "differences": status.differences.len() })
        }
        DataStep::Checkout { to, revision } => checkout(&repository, to, cache(&what)?.as_deref(), revision).await?,
        DataStep::Push { to } => push(&repository, to).await?,
    };
    let step = what.step.name();
    report(&format!("data-{step}"), step, meter, found, &counting);
    Ok(())
}

/// Opens the repository of a store.
pub(crate) async fn open(store: &Store) -> Result<Repository, String> {
    let blobs = PackBlobs::open(store, BLOBS).await.map_err(text)?;
    Repository::open(store, REPOSITORY, Arc::new(blobs)).await.map_err(text)
}

/// Imports a directory and commits it to `main`; without a change nothing is recorded.
async fn add(
    repository: &Repository,
    from: &Path,
    cache: Option<&Path>,
    message: &str,
) -> Result<serde_json::Value, String> {
    let actor = Actor::new("workload").map_err(text)?;
    let draft = repository.commit(BRANCH).import(&directory(from, cache)?).message(message);
    let changed = match draft.commit(&actor).await {
        Ok(_) => true,
        Err(Error::Unchanged { .. }) => false,
        Err(error) => return Err(text(error)),
    };
    let (files, bytes) = tip(repository).await?.totals().await.map_err(text)?;
    Ok(json!({ "files": files, "bytes": bytes, "changed": changed }))
}

async fn checkout(
    repository: &Repository,
    to: &Path,
    cache: Option<&Path>,
    revision: &str,
) -> Result<serde_json::Value, String> {
    let version = repository.at(revision).await.map_err(text)?;
    let directory = directory(to, cache)?;
    let done = version.checkout(&directory, None, &CheckoutSettings::default(), &NoProgress).await.map_err(text)?;
    Ok(json!({ "files": done.written, "kept": done.kept, "removed": done.removed, "bytes": done.size_bytes }))
}

async fn push(repository: &Repository, to: &str) -> Result<serde_json::Value, String> {
    let actor = Actor::new("workload").map_err(text)?;
    let (store, counting) = stores::open(to)?;
    let remote = open(&store).await?;
    let sent = repository.push(&remote, BRANCH, &NoProgress, &actor).await.map_err(text)?;
    Ok(json!({
        "commits": sent.commits, "blobs": sent.blobs, "kept": sent.kept,
        "remote_puts": counting.puts(), "remote_bytes": counting.put_bytes(),
    }))
}

async fn tip(repository: &Repository) -> Result<Version, String> {
    repository.at(BRANCH).await.map_err(text)
}

fn directory(root: &Path, cache: Option<&Path>) -> Result<Directory, String> {
    let directory = Directory::new(root, Arc::new(SystemClock));
    match cache {
        Some(cache) => directory.with_cache(cache).map_err(text),
        None => Ok(directory),
    }
}

/// Returns the file that keeps digests of a working directory: in `--cache DIR`, or beside a store on local disk.
fn cache(what: &Data) -> Result<Option<PathBuf>, String> {
    let place = match (&what.cache, stores::local_path(&what.store)) {
        (Some(cache), _) => cache.clone(),
        (None, Some(store)) => {
            let mut place = store.into_os_string();
            place.push(".cache");
            place.into()
        }
        (None, None) => return Ok(None),
    };
    let (DataStep::Add { from: root, .. } | DataStep::Status { from: root } | DataStep::Checkout { to: root, .. }) =
        &what.step
    else {
        return Ok(None);
    };
    std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let root = std::path::absolute(root).map_err(|error| error.to_string())?;
    let name = lineal_core::Digest::of(root.as_os_str().as_encoded_bytes());
    Ok(Some(place.join(name.short())))
}

/// Prints the line of a step, with the requests it made.
pub(crate) fn report(workload: &str, step: &str, meter: Meter, mut more: serde_json::Value, counting: &Counting) {
    if let Some(fields) = more.as_object_mut() {
        fields.insert("store_bytes".to_owned(), counting.put_bytes().into());
        fields.insert("puts".to_owned(), counting.puts().into());
        fields.insert("requests".to_owned(), counting.requests().into());
        fields.insert("reads".to_owned(), counting.reads().into());
    }
    report::line(workload, step, &meter.stop(), more);
}

/// Where the blobs lie in a store.
const BLOBS: &str = "blobs";
/// The repository.
const REPOSITORY: &str = "workload";
pub(crate) const BRANCH: &str = "main";
